"""Announcements by call: phone-only families are called once, hear their own language, and press keys."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import select

from bot.announcements import delivery_results, launch
from bot.announcements.call_script import get_key_prompt, list_recordable_texts
from bot.announcements.preview import build_preview
from bot.announcements.progress import load_progress
from bot.announcements.sender import broadcast
from bot.announcements.text import split_sentences
from bot.base.database import now
from bot.channels.base import OutgoingMessage
from bot.speech.utterances import compute_recording_key
from bot.store.announcements import announcements, recipients, recordings, translations
from bot.store.announcements.recordings import Recording, RecordingAudio
from bot.store.announcements.translations import TranslationReview
from bot.store.cases.cases import cases
from bot.store.families import contacts, families
from tests.announcements.conftest import District
from tests.conftest import NOW, PUBLIC
from tests.stand_in import Call
from tests.voice.calling import app_of

A, B = "+12175550141", "+12175550142"
CHANNELS = ("whatsapp", "sms", "voice")


@pytest.fixture
def served(district: District, client: FlaskClient) -> Iterator[District]:
    with app_of(client.application, district.twilio):
        yield district


def send_by_call(
    district: District, *numbers: str, text: str = "There is no school on Friday.", **given: object
) -> int:
    """Send an announcement to phones that are known only by calls."""
    for number in numbers:
        district.family(f"voice:{number}")
    announcement = district.say(text, channels=CHANNELS, **given)
    district.send(announcement)
    return announcement


def get_call(district: District, number: str = A) -> Call:
    (call,) = district.twilio.calls_to(number)
    return call


def test_phone_only_family_is_called_and_texting_family_is_texted(served: District) -> None:
    served.family("voice:" + B)
    served.family(B)
    announcement = send_by_call(served, A)
    call = get_call(served)
    assert served.twilio.calls_to(B) == [] and len(served.got(B)) == 1 and served.got(A) == []
    assert call.params["MachineDetection"] == ["DetectMessageEnd"]
    assert call.url.startswith(f"{PUBLIC}/webhooks/twilio/voice?m=A") and "school" not in str(call.params)
    (heard,) = served.twilio.answer(call)
    assert heard.words.count("There is no school on Friday.") == 2 and "press 9" in heard.words
    delivery_results.record_pending_reports(served.runtime)
    assert served.states(announcement)["delivered answered"] == 1


def test_landline_with_one_earlier_text_is_called_again(served: District) -> None:
    """A caller had pressed the pound key. That text never arrived, and it blocked all later announcement calls."""
    send_by_call(served, A)
    with served.runtime.database.write() as db:
        there = contacts.find(db, f"voice:{A}")
        texted = contacts.add(db, A, "sms", now())
        assert there and there.family_id == texted.family_id
        families.mark_bad_number(db, texted.family_id or 0, 30006, now())
    served.send(served.say("Again.", channels=CHANNELS))
    assert len(served.twilio.calls_to(A)) == 2 and served.got(A) == []


def test_opt_out_while_ringing_plays_nothing(served: District) -> None:
    announcement = send_by_call(served, A)
    with served.runtime.database.write() as db:
        contact = contacts.find(db, f"voice:{A}")
        assert contact
        contacts.set_opted_out(db, contact.id, now())
    (heard,) = served.twilio.answer(get_call(served))
    assert heard.words == ""
    delivery_results.record_pending_reports(served.runtime)
    assert served.states(announcement) == {"canceled stopped": 1}, "nobody counts it as told"


def test_key_is_answered_in_the_current_family_language(served: District) -> None:
    """The family chose another language while the announcement waited. The old voice must not read the answer to its
    key.
    """
    send_by_call(served, A)
    with served.runtime.database.write() as db:
        contact = contacts.find(db, f"voice:{A}")
        assert contact
        contacts.set_language(db, contact.id, "es")
    heard, answered = served.twilio.answer(get_call(served), press="2")
    assert heard.languages == {"en-US"} and answered.languages == {"es-MX"}


@pytest.mark.long
def test_key_1_repeats_2_requests_a_person_and_9_opts_out(served: District) -> None:
    send_by_call(served, A)
    call = get_call(served)
    first, again = served.twilio.answer(call, press="1")
    assert again.asked == first.asked and again.action
    served.twilio.answer(call, press="2")
    served.twilio.answer(call, press="2")
    with served.runtime.database.read() as db:
        assert len(db.execute(select(cases.c.id)).all()) == 1, "the same key twice is one case"
    _, goodbye = served.twilio.answer(call, press="9")
    assert goodbye.words and goodbye.status == 200
    with served.runtime.database.read() as db:
        contact = contacts.find(db, f"voice:{A}")
    assert contact and contact.opted_out_at
    served.send(served.say("Again.", channels=CHANNELS))
    assert len(served.twilio.calls_to(A)) == 1, "who pressed 9 is called no more"


def test_answering_machine_hears_it_once_without_key_prompt(served: District) -> None:
    announcement = send_by_call(served, A)
    (heard,) = served.twilio.answer(get_call(served), machine=True)
    assert heard.words.count("There is no school on Friday.") == 1 and heard.action is None and heard.hangs_up
    delivery_results.record_pending_reports(served.runtime)
    assert served.states(announcement) == {"delivered machine": 1}
    shown = load_progress(served.runtime, announcement)
    assert shown and dict(shown.calls) == {"machine": 1}


@pytest.mark.long
@pytest.mark.parametrize("how", ["busy", "no-answer"])
def test_unanswered_call_is_tried_three_times_then_texted(served: District, how: str) -> None:
    announcement = send_by_call(served, A)
    for rings, later in ((1, 31), (2, 121), (3, 1)):
        calls = served.twilio.calls_to(A)
        assert len(calls) == rings
        served.twilio.miss(calls[-1], how)
        served.send(announcement)
        assert len(served.twilio.calls_to(A)) == rings, "not at once"
        with time_machine.travel(now() + timedelta(minutes=later)):
            served.send(announcement)
            delivery_results.record_pending_reports(served.runtime)
        # the delay of the next round counts from the report's arrival
        if rings < 3:
            assert len(served.twilio.calls_to(A)) == rings + 1
    assert len(served.got(A)) == 1


@pytest.mark.parametrize(
    "fault",
    ["drop_after_accept", *(pytest.param(one, marks=pytest.mark.long) for one in ("drop_before", "500"))],
)
def test_unknown_call_outcome_is_looked_up_in_call_list(
    district: District, fault: str, quick: Callable[..., None]
) -> None:
    quick(FIRST_LOOKUP_DELAY=0.1, NEXT_LOOKUP_DELAY=0.1)
    district.twilio.fail_next(fault, to=A)
    announcement = send_by_call(district, A, B)
    assert len(district.twilio.calls_to(A)) == len(district.twilio.calls_to(B)) == 1
    assert district.state(announcement) == "done"


@pytest.mark.long
def test_call_of_dead_worker_is_found_and_not_placed_again(district: District) -> None:
    district.family(f"voice:{A}")
    announcement = district.say(channels=CHANNELS)
    launch.start(district.runtime, announcement)
    with district.runtime.database.write() as db:
        (row,) = recipients.claim(db, announcement, "voice", 10, now())
    district.runtime.channel.call(OutgoingMessage(row.id, f"voice:{A}", "…", should_detect_machine=True))
    for seconds in (31, 70, 110):
        with time_machine.travel(NOW + timedelta(seconds=seconds)):
            broadcast(district.runtime, announcement, 0)
    assert len(district.twilio.calls_to(A)) == 1


@pytest.mark.long
def test_calls_use_their_own_rate_limit(district: District) -> None:
    numbers = [f"+1217555020{number}" for number in range(4)]
    for number in numbers:
        district.family(f"voice:{number}")
    announcement = district.say(channels=CHANNELS)
    began = now()
    district.send(announcement)
    placed = sorted(district.twilio.calls_to(number)[0].at for number in numbers)
    assert placed[-1] - placed[0] >= 2.5, "one a second"
    assert now() - began < timedelta(seconds=30)


@pytest.mark.long
def test_language_without_voice_gets_text_until_recorded(served: District) -> None:
    runtime = served.runtime
    served.family(f"voice:{A}", language="so")
    served.family(f"voice:{B}")
    announcement = served.say("No school on Friday.", channels=CHANNELS, unapproved="machine")
    with runtime.database.read() as db:
        found = announcements.find(db, announcement)
    assert found
    shown = {one.language: one for one in build_preview(runtime, found).languages}
    assert (shown["so"].call_count, shown["so"].uncallable_count, shown["so"].sms_count) == (0, 1, 1)
    assert (shown["en"].call_count, shown["en"].call_minutes) == (1, 1) and shown["en"].dollars > 0
    served.send(announcement)
    assert served.twilio.calls_to(A) == [] and len(served.got(A)) == 1 and len(served.twilio.calls_to(B)) == 1


@pytest.mark.long
def test_recorded_announcement_is_played(served: District) -> None:
    runtime = served.runtime
    served.family(f"voice:{A}", language="so")
    announcement = served.say("No school on Friday.", channels=CHANNELS)
    approve_translation(served, announcement, "so", "Jimcaha dugsi ma jiro.")
    with runtime.database.read() as db:
        found = announcements.find(db, announcement)
        assert found
        texts = [item.text for item in list_recordable_texts(db, runtime.library, found, "so")]
    assert texts[-1] == "Jimcaha dugsi ma jiro."
    with runtime.database.write() as db:
        for text in (*texts, get_key_prompt(runtime.library, "so")):
            said = Recording(0, "so", compute_recording_key("so", text), "announcements", text, 2, "ana_ruiz", now())
            number = recordings.add(db, said, RecordingAudio(b"mp3", b"ogg", 2))
            assert recordings.review(db, number, "rosa_lind", now())
    served.send(announcement)
    (heard,) = served.twilio.answer(get_call(served))
    assert heard.text.count("<Play>") == 2 * (len(texts) + 1) and "<Say" not in heard.text


def approve_translation(district: District, announcement: int, language: str, text: str) -> None:
    """Add a translation that another person has approved."""
    with district.runtime.database.write() as db:
        found = announcements.find(db, announcement)
        assert found
        parts = [replace(part, wording=text, machine="no") for part in split_sentences(found.text)]
        translations.request(db, found.id, language, parts, now())
        translations.approve(db, found.id, language, parts, TranslationReview("Ana Ruiz", "ana_ruiz", now()))


@pytest.mark.long
def test_stopped_announcement_is_not_read_out(served: District) -> None:
    announcement = send_by_call(served, A)
    launch.stop(served.runtime, announcement, "rosa_lind")
    (heard,) = served.twilio.answer(get_call(served))
    assert heard.status == 200 and "no school" not in heard.text.lower()
