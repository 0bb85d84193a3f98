"""The console served for a browser, with a case and something on every list."""

import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from bot.announcements import translation_drafts
from bot.base.database import Transaction, now
from bot.cases import assignment, paging, staff_conversation
from bot.community import register
from bot.incidents import start
from bot.meetings import planning
from bot.runtime import Runtime
from bot.store.announcements import announcements, approved_phrases, translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.approved_phrases import ApprovedPhrase
from bot.store.announcements.translations import TranslatedSentence
from bot.store.cases import cases, interpreter_requests, topic_corrections, voice_notes
from bot.store.cases.interpreter_requests import InterpreterRequest
from bot.store.cases.topic_corrections import TopicCorrection
from bot.store.cases.voice_notes import FetchedVoiceNote
from bot.store.community.community_leaders import CommunityLeader
from bot.store.families import contacts
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meeting_questions, meeting_themes, meetings, rsvps
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import MeetingPlan
from bot.web.app import create_app
from bot.web.console.registration import issue_password
from tests.announcements.conftest import District
from tests.conftest import NOW, Family
from tests.databases import skip_or_fail
from tests.stand_in import TwilioStandIn
from tests.web.console.test_console import log_in
from tests.web.console.test_login import cheap_passwords
from tests.web.simulator.conftest import FLAGS

__all__ = ["cheap_passwords"]  # this fixture also applies here


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """`NOW`, as everywhere; a browser uses the real clock, and so does its server."""
    if request.node.get_closest_marker("browser"):
        yield
        return
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, not for the whole session: while Playwright is open, an event loop runs in the tests' thread."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        skip_or_fail("This test needs Chromium: on Debian and Ubuntu, `sudo apt install chromium`.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Served:
    url: str
    runtime: Runtime
    app: Flask


@pytest.fixture
def gathered(runtime: Runtime) -> None:
    """Meeting 1 with a family, an interpreter, a question, and an answer sheet."""
    at = now()
    starts = at + timedelta(days=9)
    plan = MeetingPlan(
        "Your questions",
        "sam_ortiz",
        starts,
        starts + timedelta(hours=1),
        "https://meet.example.org/a",
        "+12175550199",
        "4711#",
        languages=("es", "ht"),
    )
    number = planning.save_plan(runtime, plan, "ana_ruiz")
    with runtime.database.write() as db:
        contact = contacts.add(db, "+12175550189", "sms", at)
        rsvps.set_response(db, (number, 0), (contact.family_id or 0, contact.id), "es", 2, at)
        meeting_questions.add(db, number, "¿Habrá autobuses?", "es", at.date())
        meetings.set_answer_sheet(db, number, "Will there be buses? Yes.", "dana_cole")
        meetings.approve_answer_sheet(db, number, "Will there be buses? Yes.", "sam_ortiz")
        booked.book(db, number, BookedInterpreter(0, "es", "trained", "Maria, Bridge Interpreters", "ana_ruiz"), at)
        meeting_themes.add(db, number, "buses", None, "ana_ruiz", at)
    known = CommunityLeader(
        0,
        "Rev. Paul",
        "+12175550188",
        "Grace Church",
        "faith",
        ("ht",),
        "at worship",
        "ana_ruiz",
        due_on=at.date() - timedelta(days=2),
    )
    register.list_tasks(runtime)
    register.save_leader(runtime, known, "ana_ruiz")
    register.request_contact(runtime, replace(known, id=1), "the gathering", "sam_ortiz")


@pytest.fixture
def served(runtime: Runtime, busy: None, announced: District, gathered: None) -> Iterator[Served]:
    """The console on its own port, with a drill in progress (incident 1)."""
    start.start_incident(runtime, start.IncidentRequest("ana_ruiz", True, "lincoln"), "form:drill")
    app = create_app(runtime=runtime)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Served(f"http://127.0.0.1:{server.server_port}", runtime, app)
    server.shutdown()


@pytest.fixture
def busy(runtime: Runtime, new_family: Callable[[str], Family]) -> None:
    """Case 1: alerted, claimed, and discussed, with a requested interpreter; case 2 without an owner; two phrases."""
    family, other = new_family("whatsapp:+12175550177"), new_family("+12175550178")
    family.text("I want to talk to a person")
    family.text("it is about the bus")
    other.text("La migra está en mi puerta ahorita")
    for case in (1, 2):
        paging.page_staff(runtime, case)
    assignment.take_case(runtime, 1, "ana_ruiz", "in the console")
    family.text("thank you, when does the bus come?")
    sent = staff_conversation.draft_message(
        runtime, staff_conversation.StaffMessage(1, "ana_ruiz", "The bus comes at 7:15.", "form:a")
    )
    staff_conversation.send_message(runtime, sent)
    staff_conversation.draft_message(
        runtime, staff_conversation.StaffMessage(1, "ana_ruiz", "Does your child know the driver?", "form:b")
    )
    at = now()
    with runtime.database.write() as db:
        for number, case in enumerate((1, 1, 2)):  # one playable, one refused, one in transit
            sound = voice_notes.NewVoiceNote(f"MM{number}:0", 1, case, "es", "https://api.twilio.com/x", "audio/ogg")
            voice_notes.add(db, sound, at)
        note = voice_notes.find(db, 1)
        assert note
        voice_notes.mark_fetched(db, note, FetchedVoiceNote("audio/ogg", b"OggS", should_transcribe=True), at)
        voice_notes.save_transcript(db, note, "quisiera saber del autobús", at)
        voice_notes.mark_refused(db, 2, "too_big", at)
        interpreter_requests.add(
            db, "form:1", InterpreterRequest(0, 1, "ht", "Tuesday at 3", "phone", "trained", "ana_ruiz"), at
        )
        said = TopicCorrection(0, 1, "the bus is late", "en", "talk_to_person", "transport", "ana_ruiz")
        topic_corrections.save(db, said, at)
        for target, wording in (("ar", "المكتب يفتح في الثامنة."), ("es", "La oficina abre a las 8.")):
            approved_phrases.approve(
                db, ApprovedPhrase("en", target, "The office opens at 8.", wording, "ana_ruiz"), at
            )


DRAFTED = {
    "es": (
        ("No hay clases el jueves.", "There is no school on Thursday.", ("dates",)),
        ("Los autobuses no circulan.", "The buses do not run.", ()),
        ("Llame al {office_phone} si tiene preguntas.", "Call {office_phone} if you have questions.", ()),
    ),
    "ar": (
        ("لا توجد مدرسة يوم الجمعة.", "There is no school on Friday.", ()),
        ("الحافلات لا تعمل.", "The buses do not run.", ()),
        ("اتصل على {office_phone} إذا كانت لديك أسئلة.", "Call {office_phone} if you have questions.", ()),
    ),
}
"""Add machine drafts of the announcements' text: wording, back-translation, warnings."""


def add_machine_drafts(runtime: Runtime, one: Announcement) -> None:
    """Every language is requested; these two have a machine draft."""
    translation_drafts.request_drafts(runtime, one)
    with runtime.database.write() as db:
        for language, made in DRAFTED.items():
            found = translations.find(db, one.id, language)
            assert found is not None
            pairs = zip(found.parts, made, strict=True)
            parts = [
                TranslatedSentence(part.english, text, "yes", back, warns, part.after)
                for part, (text, back, warns) in pairs
            ]
            translations.save_draft(db, one.id, language, parts)


@pytest.fixture
def district(runtime: Runtime, twilio: TwilioStandIn) -> District:
    """Its roster and its announcements (`tests/announcements/conftest.py`)."""
    return District(runtime, twilio)


@pytest.fixture
def announced(runtime: Runtime, busy: None, district: District) -> District:
    """Announcement 1, a draft of Ana's; 2, sent, did not reach everyone, and case 1 is a reply to it."""
    for number, language in enumerate(("en", "es", "es", "ar")):
        district.family(f"+1217555023{number}", "lincoln", language=language)
    district.family("+12175550240", "lincoln", consent=False)
    district.family("+15005550001", "lincoln")
    add_machine_drafts(runtime, district.draft(sender="ruth_adams", link="https://example.org/snow"))
    number = district.say(kind="emergency", unapproved="machine")
    finish_urgent_work(runtime)
    district.send(number)
    district.report(number, "+12175550230", "undelivered", 30003)
    with runtime.database.write() as db:
        cases.link_announcement(db, 1, number)
    with runtime.database.read() as db:
        translation_drafts.request_drafts(runtime, get_announcement(db, number))
    return district


def finish_urgent_work(runtime: Runtime) -> None:
    """Mark all urgent work as done: a broadcast yields as long as there is some."""
    runtime.redis.delete("rq:queue:urgent", "rq:queue:default")


def get_announcement(db: Transaction, number: int) -> Announcement:
    """Return the announcement with this number."""
    found = announcements.find(db, number)
    assert found is not None
    return found


def member(runtime: Runtime, app: Flask, role: str, staff: str | None = None) -> FlaskClient:
    """Log in a browser with this role."""
    client = app.test_client()
    assert log_in(client, f"{role} {staff}", issue_password(runtime, f"{role} {staff}", role, staff)) == 302
    return client


@pytest.fixture
def ana(runtime: Runtime, client: FlaskClient) -> FlaskClient:
    """A browser of Ana Ruiz, family liaison."""
    return member(runtime, client.application, "staff", "ana_ruiz")
