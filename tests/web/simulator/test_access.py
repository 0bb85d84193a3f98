"""Access to the simulator: development only, and only its own page sends messages as its phones."""

from dataclasses import replace

from flask.testing import FlaskClient

from bot.runtime import Runtime
from bot.web.app import create_app


def test_production_has_no_simulator(runtime: Runtime) -> None:
    strict = runtime.settings.model_copy(update={"environment": "production"})
    client = create_app(runtime=replace(runtime, settings=strict)).test_client()
    assert client.get("/simulator/").status_code == 404


def test_form_of_another_site_cannot_send_a_message(client: FlaskClient) -> None:
    assert client.post("/simulator/send", json={"phone": "+12175550177", "text": "hi"}).status_code == 403
