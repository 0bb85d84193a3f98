"""Incoming calls: the flows by phone, through the signed webhook."""

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from bot.base.database import now
from bot.content.library import add_other_languages
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.speech.spoken_wording import is_check_date
from bot.store.announcements import recordings
from bot.store.announcements.recordings import Recording, RecordingAudio
from bot.store.cases import deliveries as deliveries_of
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import deliveries
from bot.store.cases.voice_notes import voice_notes
from bot.store.families import contacts
from bot.voice.recordable_texts import RecordableText, collect_recordable_texts
from tests.conftest import NOW, PUBLIC, Family
from tests.stand_in import TwilioStandIn
from tests.voice.phone import URL, Phone, start_in_flow
from tests.voice_notes.conftest import list_notes, load_audio, run_jobs
from tests.web.console.conftest import member
from tests.web.console.test_console import post


@pytest.fixture
def phone(client: FlaskClient, runtime: Runtime) -> Phone:
    return Phone(client, runtime)


def count_rows(runtime: Runtime, table: object) -> int:
    with runtime.database.read() as db:
        return int(db.execute(select(func.count()).select_from(table)).scalar_one())  # type: ignore[arg-type]


def test_call_goes_from_language_to_menu_to_answer(phone: Phone) -> None:
    assert "For English, press 1." in phone.ring()
    assert "How can I help?" in phone.press("1") and phone.voices == {"en-US"}
    assert "Is it safe at school? Press 1." in phone.words and "press star" in phone.words
    assert "Checked on" in phone.press("2") and phone.has("Gather")


def test_spanish_uses_a_spanish_voice(phone: Phone) -> None:
    phone.ring()
    phone.press("2")
    assert phone.voices == {"es-MX"}


def test_key_9_offers_more_languages(phone: Phone) -> None:
    phone.ring()
    before = phone.words
    assert phone.press("9") != before and "Tagalog" in phone.words and phone.press("9") == before


def test_known_caller_hears_the_menu_in_own_language_at_once(phone: Phone, family: Family) -> None:
    family.text("español")
    phone.ring()
    assert phone.voices == {"es-MX"} and phone.has("Gather")


def test_star_repeats_slowly_without_repeating_effects(phone: Phone) -> None:
    phone.ring()
    phone.press("1")
    phone.press("5")
    assert count_rows(phone.runtime, cases) == 1
    first = phone.words
    assert phone.press("*") == first and phone.root.find(".//prosody") is not None
    assert phone.press("*") == first and count_rows(phone.runtime, cases) == 1


def test_repeated_callback_gets_the_same_answer(phone: Phone) -> None:
    phone.ring()
    phone.press("1")
    where = phone.on
    answers = {phone.ask(where, Digits="0") for _ in range(3)}
    assert len(answers) == 1 and count_rows(phone.runtime, cases) == 1


def test_spoken_emergency_alerts_like_a_text(phone: Phone, twilio: TwilioStandIn) -> None:
    phone.ring()
    phone.press("1")
    assert "9 1 1" in phone.speak("ICE is at our door right now")
    with phone.runtime.database.read() as db:
        assert db.execute(select(cases.c.severity)).scalar_one() == "escalate_now"


def test_written_details_are_texted_to_the_phone_once(phone: Phone) -> None:
    phone.ring()
    phone.press("1")
    phone.press("2")
    assert "pound key" in phone.words
    where = phone.on
    for _ in range(2):
        assert "sent it to your phone" in phone.ask(where, Digits="#")
    assert count_rows(phone.runtime, deliveries) == 1


def test_silence_is_prompted_once_then_the_call_ends(phone: Phone) -> None:
    phone.ring()
    first = phone.press("1")
    assert phone.wait() == first
    assert "Thank you for calling." in phone.wait() and phone.has("Hangup")


def test_language_without_voice_gets_a_person_and_no_other_voice(phone: Phone) -> None:
    phone.ring()
    while "Somali: press" not in phone.words:
        phone.press("9")
    digit = phone.words.split("Somali: press ")[1][0]
    phone.press(digit)
    assert phone.voices == set() and phone.root.findtext("Dial") == "+12175550100"
    with phone.runtime.database.read() as db:
        assert db.execute(select(cases.c.language)).scalar_one() == "so"
        assert db.execute(select(func.count()).select_from(deliveries)).scalar_one() == 1, "a text in Somali"


def test_recordings_are_played_where_no_voice_exists(phone: Phone) -> None:
    """Everything for the menu is recorded in Somali and reviewed: the caller hears people and no machine."""
    needed = {"texts", "menu", "language_set"}
    with phone.runtime.database.write() as db:
        for item in collect_recordable_texts(phone.runtime.library, "so", NOW).items:
            if item.flow in needed:
                said = Recording(0, "so", item.key, item.place, item.text, 2, "ana_ruiz", NOW)
                recordings.review(db, recordings.add(db, said, RecordingAudio(b"mp3", b"ogg", 2)), "sam_ortiz", NOW)
    phone.ring()
    phone.press("9")
    assert phone.root.find(".//Play") is not None and "Somali: press" not in phone.words
    phone.press("5")
    assert not phone.has("Dial") and phone.voices == set()
    played = [one.text or "" for one in phone.root.iter("Play")]
    assert len(played) > 14 and all(one.startswith(f"{PUBLIC}/recordings/") for one in played)
    assert phone.client.get(played[0].removeprefix(PUBLIC)).data == b"mp3"
    phone.press("*")
    assert [one.text for one in phone.root.iter("Play")] == played


def test_person_can_be_requested_from_the_language_list(phone: Phone) -> None:
    """The office is called. Since nobody may answer, one case is opened, and the language is not assumed to be
    English.
    """
    phone.ring()
    where = phone.on
    for _ in range(2):
        phone.ask(where, Digits="0")
        assert phone.has("Dial") and phone.has("Hangup")
    assert count_rows(phone.runtime, cases) == 1
    phone.sid = "CA" + "6" * 32
    assert "For English, press 1." in phone.ring()


def test_caller_who_never_presses_a_key_gets_a_person(phone: Phone) -> None:
    phone.ring()
    for _ in range(3):
        phone.wait()
        assert phone.goes_on
    phone.wait()
    assert phone.root.findtext("Dial") == "+12175550100" and not phone.goes_on


def test_key_in_the_language_list_resets_the_silence_count(phone: Phone) -> None:
    phone.ring()
    for _ in range(5):
        phone.wait()
        phone.press("9")
    assert phone.goes_on


def test_unanswered_office_ends_with_goodbye(phone: Phone) -> None:
    phone.ring()
    phone.press("2")
    phone.speak("STOP")
    phone.sid = "CA" + "6" * 32
    phone.ring()
    assert [one.tag for one in phone.root][-4:] == ["Dial", "Say", "Pause", "Hangup"]
    assert "llame al 9 1 1" in phone.words and phone.voices == {"es-MX"}


@pytest.mark.parametrize("how", ["press", "speak"])
def test_hidden_number_gets_no_callback_promise(client: FlaskClient, runtime: Runtime, how: str) -> None:
    phone = Phone(client, runtime, number="anonymous")
    phone.ring()
    phone.press("2")
    phone.press("0") if how == "press" else phone.speak("Quiero hablar con una persona")
    assert phone.root.findtext("Dial") == "+12175550100" and count_rows(runtime, cases) == 0
    ours = phone.root.find("Dial")
    assert ours is not None and ours.get("callerId") == runtime.settings.twilio_sms_from, "no provider refuses it"


def test_recorded_answer_is_kept_for_a_person(phone: Phone, twilio: TwilioStandIn) -> None:
    """Twilio's address has a WAV file, which we don't accept. The MP3 next to it is fetched and deleted."""
    phone.ring()
    phone.press("1")
    phone.press("0")
    kept = twilio.media.put(b"ID3 a voice", "audio/mpeg", recording=True)
    assert phone.record(kept.url)
    assert count_rows(phone.runtime, voice_notes) == 1 and count_rows(phone.runtime, cases) == 1
    run_jobs(phone.runtime)
    (note,) = list_notes(phone.runtime)
    assert load_audio(phone.runtime, note) == b"ID3 a voice" and twilio.media.files == {}


HIDDEN = ["anonymous", "+266696687", "+7378742833", "+17378742833", "+86282452253", "+8656696", "", "Restricted"]
"""Twilio's number for a caller who hides the number; the digits spell words on a keypad."""


@pytest.mark.parametrize("number", HIDDEN)
def test_caller_with_hidden_number_is_informed_and_stays_separate(
    client: FlaskClient, runtime: Runtime, number: str
) -> None:
    """The next hidden caller is another person: no language and no answer of the previous one remains."""
    phone = Phone(client, runtime, number=number)
    phone.ring()
    phone.press("1")
    assert "cannot see your phone number" in phone.words and "pound key" not in phone.press("2")
    phone.sid = "CA" + "6" * 32
    assert "For English, press 1." in phone.ring()
    phone.press("1")
    assert count_rows(runtime, contacts.contacts) == 2


def test_database_outage_is_spoken(phone: Phone) -> None:
    phone.ring()
    where = phone.on
    with phone.runtime.database.engine.begin() as db:
        db.exec_driver_sql("ALTER TABLE contacts RENAME TO gone")
    assert "does not work" in phone.ask(where, Digits="1")


def test_invalid_query_is_not_an_error(phone: Phone) -> None:
    for query in ("turn=x", "turn=-1", "turn=99999", "page=zz", "l=xx&turn=1", "m=zz", "page=99", "silent=9&turn=2"):
        phone.ask(f"{URL}?{query}", Digits="1")


def test_every_flow_works_by_phone(phone: Phone) -> None:
    """Each menu choice is spoken, and every call has a next step."""
    for choice in range(1, 8):
        phone.sid = f"CA{choice:032d}"
        phone.ring()
        if "page=" in phone.on:
            phone.press("1")
        phone.press(str(choice))
        assert phone.words and (phone.has("Gather") or phone.has("Record") or phone.has("Dial")), choice
        assert parse_qs(urlsplit(phone.on).query)["l"] == ["en"]


def test_family_with_voice_channel_is_called(phone: Phone, twilio: TwilioStandIn) -> None:
    """The call reads staff's message twice in the family's language; 1 repeats it, 2 asks for a person, 9 opts out."""
    phone.ring()
    phone.press("1")
    runtime = phone.runtime
    with runtime.database.write() as db:
        contact = contacts.find(db, f"voice:{phone.number}")
        assert contact is not None and contact.channel == "voice"
        row = deliveries_of.plan_staff_message(db, contact.id, "The bus comes at 7:15.", now())
    deliver(runtime, row)
    (call,) = twilio.calls_to(phone.number)
    phone.sid = call.sid
    ours = {"Direction": "outbound-api", "From": "+12175550100", "To": phone.number}
    where = call.url.removeprefix(PUBLIC)
    assert phone.ask(where, **ours).count("The bus comes at 7:15.") == 2
    assert "The bus comes at 7:15." in phone.ask(where, Digits="1", **ours)
    assert "press star" in phone.ask(where, Digits="2", **ours) and count_rows(runtime, cases) == 1
    assert phone.ask(where, Digits="2", **ours) and count_rows(runtime, cases) == 1
    phone.sid = "CA" + "8" * 32
    phone.ask(where, Digits="9", **ours)
    with runtime.database.read() as db:
        found = contacts.find(db, f"voice:{phone.number}")
        assert found is not None and found.opted_out_at is not None


def test_opted_out_caller_is_connected_to_the_office(phone: Phone) -> None:
    """The flows are silent then. A call that says nothing would be a dead end."""
    phone.ring()
    phone.press("1")
    phone.speak("STOP")
    phone.sid = "CA" + "9" * 32
    phone.ring()
    assert phone.root.findtext("Dial") == "+12175550100" and "connecting you" in phone.words


def test_failed_save_is_not_reported_as_sent(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database fails in the middle (simulated); the next try sends it."""
    phone.ring()
    phone.press("1")
    phone.press("2")
    where = phone.on
    with monkeypatch.context() as broken:
        broken.setattr(deliveries_of, "plan_notice", raise_database_error)
        assert "sent it to your phone" not in phone.ask(where, Digits="#")
    assert "sent it to your phone" in phone.ask(where, Digits="#")
    assert count_rows(phone.runtime, deliveries) == 1


def raise_database_error(*_: object) -> str:
    raise OperationalError("planned", {}, Exception())


def test_key_resets_the_silence_count(phone: Phone) -> None:
    phone.ring()
    phone.press("1")
    phone.wait()
    answered = phone.press("2")
    assert phone.wait() == answered, "one silence before another question is not the second of this one"


@pytest.mark.parametrize("key", ["*", "#"])
def test_universal_key_resets_the_silence_count(phone: Phone, key: str) -> None:
    """A caller who repeats or requests a text is still there."""
    phone.ring()
    phone.press("1")
    answered = phone.press("2")
    phone.wait()
    phone.press(key)
    assert phone.wait() == answered


def test_caller_is_recognized_by_any_channel_and_own_first(phone: Phone, family: Family) -> None:
    family.text("español")
    phone.ring()
    phone.speak("English")
    phone.sid = "CA" + "6" * 32
    phone.ring()
    assert phone.voices == {"en-US"}


def ask_by_call(phone: Phone, twilio: TwilioStandIn, body: str) -> tuple[str, dict[str, str]]:
    """Call the family with this message; return the start of the call and Twilio's fields."""
    phone.ring()
    phone.press("1")
    with phone.runtime.database.write() as db:
        contact = contacts.find(db, f"voice:{phone.number}")
        assert contact is not None
        row = deliveries_of.plan_staff_message(db, contact.id, body, now())
    deliver(phone.runtime, row)
    call = twilio.calls_to(phone.number)[-1]
    phone.sid = call.sid
    return call.url.removeprefix(PUBLIC), {"Direction": "outbound-api", "From": "+12175550100", "To": phone.number}


def test_question_in_an_outgoing_call_uses_its_own_keys(phone: Phone, twilio: TwilioStandIn) -> None:
    """1 is the first choice, not "again", and 2 is no request for a person; then the call goes on like any other."""
    where, ours = ask_by_call(phone, twilio, "How can I help?\n1. Is it safe at school?\n2. Something else")
    heard = phone.ask(where, **ours)
    assert "Is it safe at school? Press 1." in heard and "press star" in heard and "press 9" not in heard
    assert phone.ask(where, Digits="*", **ours) and phone.root.find(".//prosody") is not None
    answered = phone.ask(where, Digits="2", **ours)
    assert count_rows(phone.runtime, cases) == 0 and "turn=1" in phone.on
    assert phone.ask(where, Digits="2", **ours) == answered
    assert phone.ask(phone.on, Digits="*", **ours) == answered, "again, from what is kept of this call"


def test_outgoing_call_without_keys_ends_with_goodbye(phone: Phone, twilio: TwilioStandIn) -> None:
    where, ours = ask_by_call(phone, twilio, "The bus comes at 7:15.")
    assert phone.ask(where, **ours).endswith("In danger, call 9 1 1.") and phone.has("Hangup")
    assert phone.ask(where, Digits="0", **ours) and count_rows(phone.runtime, cases) == 1, "0 is a person everywhere"


def test_text_sent_from_a_call_uses_written_wording(phone: Phone) -> None:
    phone.ring()
    assert "Please press one of the numbers." in phone.press("1") and "Reply" not in phone.words
    phone.press("#")
    with phone.runtime.database.read() as db:
        row = db.execute(select(deliveries.c.id)).scalar_one()
        sent = deliveries_of.find(db, row)
    assert sent is not None and "Reply with a number" in sent.body


def test_universal_keys_work_during_an_open_question(phone: Phone) -> None:
    """Speech recognition doesn't know Haitian Creole: the answer is recorded after the recorded prompt."""
    add_recordings(phone, "ht", list(collect_recordable_texts(phone.runtime.library, "ht", NOW).items))
    start_in_flow(phone, "ht", "community_partner")
    phone.press("1")
    assert phone.has("Record") and phone.root.find("Gather/Play") is not None and phone.seconds_before_a_key() == 0
    phone.press("0")
    assert count_rows(phone.runtime, cases) == 1


def test_unrecorded_fact_date_is_omitted(phone: Phone) -> None:
    """No voice reads a date in Somali. The fact is still spoken, and the date too once it is recorded."""
    items = collect_recordable_texts(phone.runtime.library, "so", NOW).items
    days = [one for one in items if is_check_date(phone.runtime.library, "so", one.text)]
    add_recordings(phone, "so", [one for one in items if one not in days])
    start_in_flow(phone, "so", "menu")
    phone.press("2")
    without = len(list(phone.root.iter("Play")))
    assert not phone.has("Dial") and without > 3
    add_recordings(phone, "so", days)
    phone.press("*")
    assert len(list(phone.root.iter("Play"))) > without


def add_recordings(phone: Phone, language: str, items: list[RecordableText]) -> None:
    with phone.runtime.database.write() as db:
        for item in items:
            said = Recording(0, language, item.key, item.place, item.text, 2, "ana_ruiz", NOW)
            recordings.review(db, recordings.add(db, said, RecordingAudio(b"mp3", b"ogg", 2)), "sam_ortiz", NOW)


def test_caller_is_found_by_number(phone: Phone, runtime: Runtime) -> None:
    """For staff who look up the case, and who must show the stored consent."""
    phone.ring()
    phone.press("1")
    phone.press("5")
    phone.speak("STOP")
    staff = member(runtime, phone.client.application, "staff", "ana_ruiz")
    assert "/console/cases/1" in post(staff, "/console/search", **{"for": phone.number})
    office = member(runtime, phone.client.application, "records_officer")
    page = post(office, "/console/consent", number=phone.number)
    assert "By phone" in page and "Opted out since" in page and "Opted out (STOP)" in page


def test_untranslated_text_uses_an_english_voice(runtime: Runtime, serve: Callable[[Runtime], Flask]) -> None:
    """The rest of the same answer stays Spanish: its choices, its keys, and the notice that this is English."""
    library, missing = (
        runtime.library,
        "How can I help? Reply with a number, or write your question in your own words.",
    )
    spanish = {one: two for one, two in library.catalogs.texts["es"].items() if one != missing}
    catalogs = replace(library.catalogs, texts={**library.catalogs.texts, "es": spanish})
    less = replace(runtime, library=replace(library, catalogs=catalogs))
    phone = Phone(serve(less).test_client(), less)
    phone.ring()
    phone.press("2")
    english = ["".join(one.itertext()) for one in phone.root.iter("Say") if one.get("language") == "en-US"]
    assert english == [missing] and phone.voices == {"es-MX", "en-US"} and "en inglés" in phone.words


def test_case_page_shows_that_the_family_will_be_called(phone: Phone) -> None:
    phone.ring()
    phone.press("1")
    phone.press("0")
    staff = member(phone.runtime, phone.client.application, "staff", "ana_ruiz")
    post(staff, "/console/cases/1/take")
    page = staff.get("/console/cases/1").text
    assert "Read aloud in a voice call" in page and "Sent by SMS." not in page


def test_hang_up_is_not_a_message(phone: Phone) -> None:
    """Twilio then sends a marker instead of a recording. The caller didn't say it."""
    add_recordings(phone, "ht", list(collect_recordable_texts(phone.runtime.library, "ht", NOW).items))
    start_in_flow(phone, "ht", "community_partner")
    phone.press("1")
    where, asked = phone.on, [one.text for one in phone.root.iter("Play")]
    phone.ask(where, Digits="hangup")
    assert len(phone.root) == 0
    phone.ask(where, Digits="*")
    assert [one.text for one in phone.root.iter("Play")] == asked and phone.has("Record"), "the question still stands"
    phone.ask(where, RecordingUrl=RECORDED, Digits="hangup")
    assert count_rows(phone.runtime, voice_notes) == 1, "what was recorded before is kept"


RECORDED = f"https://api.twilio.com/2010-04-01/Accounts/AC{'1' * 32}/Recordings/RE{'1' * 32}"


def test_language_choice_in_a_call_uses_each_own_voice(phone: Phone) -> None:
    """One voice can't read the phone's list of sixteen language names: it can pronounce only a few."""
    phone.ring()
    phone.press("1")
    phone.press("2")
    phone.speak("language")
    assert phone.voices > {"en-US", "es-MX", "uk-UA"} and "Para español, oprima 2." in phone.words
    where = phone.on
    answers = {phone.ask(where, Digits="2") for _ in range(2)}
    assert len(answers) == 1 and phone.voices == {"es-MX"} and phone.reads() == "es"
    assert phone.press("5") and phone.voices == {"es-MX"} and count_rows(phone.runtime, cases) == 1


def test_machine_drafted_language_does_not_use_the_previous_voice(
    runtime: Runtime, serve: Callable[[Runtime], Flask]
) -> None:
    """In a Spanish call, a request for German, which texts support: a person, as for every language without a voice."""
    more = replace(runtime, library=add_other_languages(runtime.library))
    phone = Phone(serve(more).test_client(), more)
    phone.ring()
    phone.press("2")
    phone.speak("Deutsch")
    assert phone.reads() == "de" and phone.voices == set()
    assert phone.root.findtext("Dial") == "+12175550100" and count_rows(runtime, cases) == 1
