"""Whatever a caller does, wherever the conversation stands, the line speaks the caller's language and has a way on.

Hypothesis rings through the signed webhook: a flow stands open (each of them, in a language with a voice of Polly's, one
of Google's, one that only people have recorded, and two that nothing speaks), and the caller presses, speaks, waits.
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
from tests.voice.phone import Phone, in_the_middle

RECORDED, SILENT = "so", "ps"
LANGUAGES = ("en", "es", "am", RECORDED, SILENT, "ht")
LONGEST = 20
"""Seconds of a goodbye, or of the words before the office rings.  Everything else stops at the first key."""
NUMBERS = itertools.count(12_065_560_000)

doing = st.one_of(
    st.sampled_from([("press", key) for key in ["*", "#", *"0123456789", "10", "42"]]),
    st.sampled_from([("wait", "")]),
    st.sampled_from(["Yes", "no", "tomorrow", "STOP", "español", "Lincoln", "ICE is at our door", "?!", "x" * 400])
    .map(lambda words: ("speak", words)),
    st.just(("record", "")), st.just(("again", "")),
)  # fmt: skip


def record(services: Runtime, flows: set[str] | None = None) -> Runtime:
    """Somali, as far as a person can say it once and for all (or only these flows)."""
    with services.database.write() as db:
        for item in collect_recordable_texts(services.library, RECORDED, NOW).items:
            if flows is None or item.flow in flows:
                said = Recording(0, RECORDED, item.key, item.place, item.text, 2, "ana_ruiz", NOW)
                recordings.review(db, recordings.add(db, said, RecordingAudio(b"mp3", b"ogg", 2)), "sam_ortiz", NOW)
    return services


def flows(library: Library) -> list[str]:
    return [name for name, flow in library.flows.flows.items() if flow.for_ == "family"]


def act(phone: Phone, what: str, given: str, before: list[tuple[str, dict[str, str]]]) -> None:
    """One thing that a caller does; `again`: Twilio repeats its last callback."""
    base = f"https://api.twilio.com/2010-04-01/Accounts/{phone.services.settings.account_sid}/Recordings"
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


def judge(phone: Phone) -> None:
    """Every answer: TwiML by Twilio's lists (the client looks), the caller's language, something to hear, a way on."""
    language = phone.knew = phone.reads() or phone.knew  # whoever was erased hears so in its language
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
    judge(phone)
    in_the_middle(phone, language, flow)
    judge(phone)
    before: list[tuple[str, dict[str, str]]] = []
    for what, given_ in doings:
        if not phone.goes_on:
            return
        act(phone, what, given_, before)
        judge(phone)


QUICK = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
LONG = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.long
def test_caller_always_has_a_next_step(client: FlaskClient, services: Runtime) -> None:
    phone = Phone(client, record(services, {"texts", "menu", "language_set"}))

    @QUICK
    @given(st.sampled_from(LANGUAGES), st.sampled_from(flows(phone.services.library)), st.lists(doing, max_size=5))
    def walks(language: str, flow: str, doings: list[tuple[str, str]]) -> None:
        walk(phone, language, flow, doings)

    walks()


@pytest.mark.long
def test_every_flow_in_every_language_has_a_next_step(client: FlaskClient, services: Runtime) -> None:
    phone = Phone(client, record(services))
    for language, flow in itertools.product(services.library.district.languages, flows(services.library)):
        walk(phone, language, flow, [("press", "1"), ("press", "*"), ("press", "2"), ("wait", ""), ("wait", "")])


@pytest.mark.long
def test_any_caller_action_leads_to_a_next_step(client: FlaskClient, services: Runtime) -> None:
    phone = Phone(client, record(services))

    @LONG
    @given(st.sampled_from(LANGUAGES), st.sampled_from(flows(services.library)), st.lists(doing, max_size=12))
    def walks(language: str, flow: str, doings: list[tuple[str, str]]) -> None:
        walk(phone, language, flow, doings)

    walks()
