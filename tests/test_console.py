"""The console: who is not logged in sees nothing; who is, sees who needs a person and can say it is done."""

from flask.testing import FlaskClient

from bot.services import Services
from bot.web.console import first_login, new_password
from tests.conftest import Family


def token(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"', maxsplit=1)[0]


def log_in(client: FlaskClient, name: str, password: str) -> int:
    form = {"name": name, "password": password, "csrf_token": token(client.get("/console/login").text)}
    return client.post("/console/login", data=form).status_code


def test_the_first_login_is_told_once(services: Services) -> None:
    assert first_login(services) is not None and first_login(services) is None


def test_a_wrong_password_and_a_form_without_token_are_refused(services: Services, client: FlaskClient) -> None:
    password = new_password(services, "ana")
    assert log_in(client, "ana", password + "x") == 401
    assert log_in(client, "nobody", password) == 401
    assert client.post("/console/login", data={"name": "ana", "password": password}).status_code == 400
    assert client.get("/console/").status_code == 302


def test_a_case_is_seen_and_marked_as_done(services: Services, client: FlaskClient, family: Family) -> None:
    family.text("I want to talk to a person")
    family.text("it is about <script>alert(1)</script> the bus")
    assert log_in(client, "ana", new_password(services, "ana")) == 302
    assert "Talk to a person" in client.get("/console/").text
    page = client.get("/console/cases/1").text
    assert family.address in page and "<script>alert" not in page
    client.post("/console/cases/1/done", data={"csrf_token": token(page)})
    assert "Handled by ana" in client.get("/console/cases/1").text
    assert client.get("/console/cases/99").status_code == 404


def test_a_wrong_topic_is_put_on_the_review_list_masked(
    services: Services, client: FlaskClient, family: Family
) -> None:
    family.text("I want to talk to a person, my number is A123456789")
    log_in(client, "ana", new_password(services, "ana"))
    page = client.get("/console/cases/1").text
    assert "They wrote" in page and "123456789" not in page
    form = {"csrf_token": token(page), "topic": "legal_help"}
    client.post("/console/cases/1/topic", data=form)
    client.post("/console/cases/1/topic", data=form | {"topic": "immigration_case"})
    listed = client.get("/console/review").text
    assert listed.count("I want to talk to a person") == 1
    assert "Questions about an immigration case" in listed and "ana" in listed and "123456789" not in listed
    assert client.post("/console/cases/1/topic", data=form | {"topic": "no such"}).status_code == 400
    client.post("/console/review/1", data={"csrf_token": token(listed)})
    assert "Nothing to review" in client.get("/console/review").text
