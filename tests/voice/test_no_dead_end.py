"""Whatever a caller does, in any conversation state, the call speaks the caller's language and has a next step.

Hypothesis calls through the signed webhook with an open flow. It uses a language with a Polly voice, one with a Google
voice, one with recordings only, and two with neither. The caller presses, speaks, and waits.
"""

import itertools
import secrets

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.content.library import Library
from bot.runtime import Runtime
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.store.announcements import recordings
from bot.store.announcements.recordings import Recording, RecordingAudio
from bot.voice.recordable_texts import collect_recordable_texts
from tests.conftest import NOW
from tests.voice.phone import Phone, start_in_flow

RECORDED, SILENT = "so", "ps"
LANGUAGES = ("en", "es", "am", RECORDED, SILENT, "ht")
LONGEST = 20
"""Seconds of a goodbye, or of the words before the office is called. Everything else stops at the first key."""
NUMBERS = itertools.count(12_065_560_000)

doing = st.one_of(
    st.sampled_from([("press", key) for key in ["*", "#", *"0123456789", "10", "42"]]),
    st.sampled_from([("wait", "")]),
    st.sampled_from(["Yes", "no", "tomorrow", "STOP", "español", "Lincoln", "ICE is at our door", "?!", "x" * 400])
    .map(lambda words: ("speak", words)),
    st.just(("record", "")), st.just(("again", "")),
)  # fmt: skip


def add_recordings(runtime: Runtime, flows: set[str] | None = None) -> Runtime:
    """Record Somali as far as a person can (or only these flows)."""
    with runtime.database.write() as db:
        for item in collect_recordable_texts(runtime.library, RECORDED, NOW).items:
            if flows is None or item.flow in flows:
                said = Recording(0, RECORDED, item.key, item.place, item.text, 2, "ana_ruiz", NOW)
                recordings.review(db, recordings.add(db, said, RecordingAudio(b"mp3", b"ogg", 2)), "sam_ortiz", NOW)
    return runtime


def flows(library: Library) -> list[str]:
    return [name for name, flow in library.flows.flows.items() if flow.for_ == "family"]


def act(phone: Phone, what: str, given: str, before: list[tuple[str, dict[str, str]]]) -> None:
    """Do one thing as a caller; `again`: Twilio repeats its last callback."""
    base = f"https://api.twilio.com/2010-04-01/Accounts/{phone.runtime.settings.account_sid}/Recordings"
    forms = {
        "press": {"Digits": given}, "speak": {"SpeechResult": given}, "wait": {},
        "record": {"RecordingUrl": f"{base}/RE{secrets.token_hex(16)}", "RecordingDuration": "4"},
    }  # fmt: skip
    if what == "again" and before:
        heard = phone.words
        assert phone.ask(before[-1][0], **before[-1][1]) == heard, "a repeated callback is answered alike"
        return
    step = (phone.on, forms.get(what, {}))
    before.append(step)
    phone.ask(step[0], **step[1])


def check_answer(phone: Phone) -> None:
    """Check every answer: valid TwiML (by the client), the caller's language, something to hear, a next step."""
    language = phone.knew = phone.reads() or phone.knew  # an erased family hears that in its language
    if "page=" not in (phone.on if phone.goes_on else ""):
        assert phone.voices <= ({TWILIO_VOICES[language].locale} if language in TWILIO_VOICES else set()), language
    assert phone.goes_on or phone.has("Dial") or phone.has("Hangup"), "a dead end"
    heard = phone.root.find(".//Say") is not None or phone.root.find(".//Play") is not None
    assert heard or phone.has("Dial"), "silence"
    for waiting in phone.root.iter("Gather"):
        assert {one.tag for one in waiting} & {"Say", "Play"}, "it waits without having asked"
    assert heard or language not in TWILIO_VOICES, "silence where there is a voice"
    assert phone.seconds_before_a_key() <= (0 if phone.goes_on else LONGEST), "nobody has to listen to the end"


def walk(phone: Phone, language: str, flow: str, doings: list[tuple[str, str]]) -> None:
    phone.number, phone.sid = f"+{next(NUMBERS)}", f"CA{secrets.token_hex(16)}"
    phone.knew = ""
    phone.ring()
    check_answer(phone)
    start_in_flow(phone, language, flow)
    check_answer(phone)
    before: list[tuple[str, dict[str, str]]] = []
    for what, given_ in doings:
        if not phone.goes_on:
            return
        act(phone, what, given_, before)
        check_answer(phone)


QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
LONG = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.long
def test_caller_always_has_a_next_step(client: FlaskClient, runtime: Runtime) -> None:
    phone = Phone(client, add_recordings(runtime, {"texts", "menu", "language_set"}))

    @QUICK
    @given(st.sampled_from(LANGUAGES), st.sampled_from(flows(phone.runtime.library)), st.lists(doing, max_size=5))
    def walks(language: str, flow: str, doings: list[tuple[str, str]]) -> None:
        walk(phone, language, flow, doings)

    walks()


@pytest.mark.long
def test_every_flow_in_every_language_has_a_next_step(client: FlaskClient, runtime: Runtime) -> None:
    phone = Phone(client, add_recordings(runtime))
    for language, flow in itertools.product(runtime.library.district.languages, flows(runtime.library)):
        walk(phone, language, flow, [("press", "1"), ("press", "*"), ("press", "2"), ("wait", ""), ("wait", "")])


@pytest.mark.long
def test_any_caller_action_leads_to_a_next_step(client: FlaskClient, runtime: Runtime) -> None:
    phone = Phone(client, add_recordings(runtime))

    @LONG
    @given(st.sampled_from(LANGUAGES), st.sampled_from(flows(runtime.library)), st.lists(doing, max_size=12))
    def walks(language: str, flow: str, doings: list[tuple[str, str]]) -> None:
        walk(phone, language, flow, doings)

    walks()
