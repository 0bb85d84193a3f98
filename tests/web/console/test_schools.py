"""Schools today, in the console: who may set a school's status, and two people for a template."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from bot.announcements import approval, templates, translation_drafts
from bot.base.database import now
from bot.community import register
from bot.runtime import Runtime
from bot.store.announcements import announcements
from bot.store.announcements import templates as announcements_templates
from bot.store.announcements.templates import AGENTS_WERE_HERE
from bot.store.announcements.translations import TranslationReview
from bot.store.community.community_leaders import CommunityLeader
from bot.store.schools import school_statuses
from tests.announcements.conftest import District
from tests.conftest import Family
from tests.web.console.conftest import member
from tests.web.console.test_console import post, token

CLEAR = {"school": "lincoln", "kind": "no_agents", "hours": "2", "once": "a"}


@pytest.fixture
def logged_in(runtime: Runtime, client: FlaskClient) -> Callable[..., FlaskClient]:
    return lambda role, staff=None: member(runtime, client.application, role, staff)


def post_for_status(client: FlaskClient, path: str, **form: str) -> int:
    return client.post(path, data={"csrf_token": token(client.get("/console/account").text), **form}).status_code


def test_safety_lead_sets_and_withdraws_school_status(
    runtime: Runtime, logged_in: Callable[..., FlaskClient], family: Family
) -> None:
    dana = logged_in("staff", "dana_cole")
    page = post(dana, "/console/schools/status", **CLEAR)
    post(dana, "/console/schools/status", **CLEAR)
    assert "There were no immigration agents there." in page and "Withdraw status" in page
    with runtime.database.read() as db:
        assert len(school_statuses.list_newest(db, "lincoln", 9)) == 1, "a click twice is one statement"
    assert "No agents were there" in dana.get("/console/schools").text
    family.text("English")
    assert "We checked Lincoln" in family.text("is ICE at Lincoln?")
    assert "No status is posted" in post(dana, "/console/schools/withdraw", id="1")
    assert "withdrawn by Dana Cole" in dana.get("/console/schools/lincoln").text


def test_others_can_read_but_not_set_status(logged_in: Callable[..., FlaskClient]) -> None:
    grace, viewer = logged_in("staff", "grace_wu"), logged_in("viewer")
    for client in (grace, viewer):
        page = client.get("/console/schools/lincoln").text
        assert "No status is posted" in page and "Post a school status" not in page
    assert post_for_status(grace, "/console/schools/status", **CLEAR) == 403
    assert (
        post_for_status(logged_in("staff", "sam_ortiz"), "/console/schools/status", **{**CLEAR, "school": "harbor"})
        == 403
    )
    assert "We checked" in post(logged_in("approver"), "/console/schools/status", **CLEAR)


@pytest.mark.parametrize(
    "wrong", [{"hours": "9"}, {"hours": "x"}, {"checked": "04:00"}, {"checked": "soon"}, {"kind": "there"}]
)
def test_invalid_status_is_reported_and_not_saved(
    runtime: Runtime, logged_in: Callable[..., FlaskClient], wrong: dict[str, str]
) -> None:
    assert "No status is posted" in post(
        logged_in("staff", "dana_cole"), "/console/schools/status", **{**CLEAR, **wrong}
    )
    assert runtime.statuses.get_current(now()) == {}


def test_two_people_release_a_template_in_two_taps(
    runtime: Runtime, district: District, logged_in: Callable[..., FlaskClient]
) -> None:
    district.family("+12175550230", "lincoln")
    assert "New drafts: 6" in post(logged_in("approver", "rosa_lind"), "/console/schools/ready")
    with runtime.database.read() as db:
        one = next(
            one
            for one in announcements_templates.list_all(db)
            if (one.school, one.what) == ("lincoln", AGENTS_WERE_HERE)
        )
    approval.approve(runtime, one.announcement_id, "lee_tran")
    dana, sam = logged_in("staff", "dana_cole"), logged_in("staff", "sam_ortiz")
    post(dana, "/console/schools/status", **CLEAR)
    assert "Another person must confirm it now" in post(dana, "/console/schools/ready/propose", id=str(one.id))
    assert "A different person must confirm, because you made the proposal." in post(
        dana, "/console/schools/ready/confirm", id=str(one.id)
    )
    assert "needs a second person" in sam.get("/console/schools").text
    assert "Confirm and send to 1 families" in sam.get("/console/schools/lincoln").text
    page = post(sam, "/console/schools/ready/confirm", id=str(one.id))
    assert "Sending now as announcement 7" in page and "No status is posted" in page, "no “no agents” beside it"
    assert page.index("They have left") < page.index("Agents were at the school”"), "the other of the pair comes first"
    with runtime.database.read() as db:
        assert announcements.get_state(db, 7) == "ready"


def test_unauthorized_staff_cannot_release(runtime: Runtime, logged_in: Callable[..., FlaskClient]) -> None:
    templates.create_missing(runtime, "ana_ruiz")
    for step in ("propose", "confirm", "drop"):
        assert post_for_status(logged_in("staff", "grace_wu"), f"/console/schools/ready/{step}", id="1") == 403
    assert post_for_status(logged_in("staff", "sam_ortiz"), "/console/schools/ready/propose", id="3") == 403, "Harbor's"


def test_calendar_shows_planned_and_sent(
    runtime: Runtime, district: District, logged_in: Callable[..., FlaskClient]
) -> None:
    planned = district.draft(
        "There is a fair on Monday.", send_at=now() + timedelta(days=3), until=now() + timedelta(days=9)
    )
    page = logged_in("staff", "ana_ruiz").get("/console/announcements").text
    assert "Friday, November 27" in page and "upcoming" in page and "There is a fair on Monday." in page
    district.family("+12175550230")
    district.send(district.say("There is no school on Friday."))
    page = logged_in("viewer").get("/console/announcements").text
    assert page.index("Tuesday, November 24") < page.index("Friday, November 27") and planned.id


def test_outreach_advice_of_leaders_is_shown_next_to_preview(
    runtime: Runtime, district: District, logged_in: Callable[..., FlaskClient]
) -> None:
    district.family("+12175550206", language="ht")
    paul = CommunityLeader(
        0, "Rev. Paul", "+12175550188", "Grace Church", "faith", ("ht",), "after worship", "ana_ruiz"
    )
    register.save_leader(runtime, paul, "ana_ruiz")
    one = district.draft("There is a fair.")
    page = logged_in("approver", "dana_cole").get(f"/console/announcements/{one.id}/preview").text
    assert "after worship" in page and "Grace Church" in page and "Rev. Paul" not in page


def test_announcement_is_shown_in_each_format(
    runtime: Runtime, district: District, logged_in: Callable[..., FlaskClient]
) -> None:
    one = district.draft("There is a fair. Call {office_phone}.", link="https://example.org/fair")
    translation_drafts.request_drafts(runtime, one)
    dana = logged_in("approver", "dana_cole")
    page = dana.get(f"/console/announcements/{one.id}/preview").text
    for form in ("By SMS", "By WhatsApp", "By voice call", "Printable flyer"):
        assert form in page
    assert "2 1 7, 5 5 5, 0 1 0 0" in page, "a number is read digit by digit"
    sheet = dana.get(f"/console/announcements/{one.id}/languages/en/flyer").text
    assert "There is a fair. Call 217-555-0100." in sheet and "Is this real?" in sheet and "hand out the flyer" in sheet
    assert "nothing to print" in dana.get(f"/console/announcements/{one.id}/languages/es/flyer").text
    translation_drafts.approve(
        runtime,
        one.id,
        "es",
        ["Hay una feria.", "Llame al {office_phone}."],
        TranslationReview("Ana", "ana_ruiz", now()),
    )
    assert "Hay una feria." in dana.get(f"/console/announcements/{one.id}/languages/es/flyer").text


def test_templates_do_not_fill_the_announcement_list(runtime: Runtime, logged_in: Callable[..., FlaskClient]) -> None:
    templates.create_missing(runtime, "ana_ruiz")
    assert "No announcements yet" in logged_in("staff", "ana_ruiz").get("/console/announcements").text
