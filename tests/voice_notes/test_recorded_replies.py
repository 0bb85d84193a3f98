"""A family that sends a voice note gets audio back: the recording of that text, once, next to the text."""

from subprocess import run
from xml.etree import ElementTree

import pytest

from bot.base.database import now
from bot.messaging.inbound_message import AudioFile, InboundMessage
from bot.messaging.inbound_turn import is_speaking
from bot.messaging.recorded_replies import add_recording
from bot.runtime import Runtime
from bot.speech.spoken_wording import render_spoken_reply as for_the_ear
from bot.speech.utterances import compute_recording_key, split_utterances
from bot.store.announcements import recordings
from bot.store.announcements.recordings import Recording
from bot.store.announcements.recordings import RecordingAudio as Audio
from bot.voice.audio_conversion import convert_recording
from tests.conftest import PUBLIC, Family
from tests.stand_in import TwilioStandIn, build, sign
from tests.voice.sounds import describe_audio, make_tone
from tests.voice_notes.conftest import SOUND, send_voice_note

TAGGED = b"ID3\x04\x00\x00\x00\x00\x00\x03tag"
CAN_CALL = "217-555-0100"


def twiml(family: Family, body: str, **fields: str) -> list[tuple[str, str]]:
    """Return (text, file address) of each message that answers these words."""
    given = {"From": family.address, "Body": body, **fields}
    kind = "whatsapp_text" if family.address.startswith("whatsapp:") else "sms_text"
    form = build(kind, account_sid=family.account, **given)
    family.sid = form["MessageSid"]
    path = "/webhooks/twilio/messages"
    signature = sign(family.runtime.settings.twilio_auth_token, PUBLIC + path, form)
    answer = family.client.post(path, data=form, headers={"X-Twilio-Signature": signature})
    messages = ElementTree.fromstring(answer.text).findall("Message")
    return [((one.text or "").strip(), one.findtext("Media") or "") for one in messages]


def add_recordings(runtime: Runtime, reply: str, language: str = "en", reviewed: bool = True) -> list[str]:
    """Record all of a reply, with the words for its numbers; return the keys."""
    library, keys = runtime.library, []
    press = library.catalogs.translate(language, library.texts["voice_press"])
    for piece in split_utterances(for_the_ear(library, language, reply)):
        for text in (piece.text, *([press.format(digit=piece.key)] if piece.key else [])):
            keys.append(compute_recording_key(language, text))
            said = Recording(0, language, keys[-1], "test", text, 1, "ana_ruiz", now())
            with runtime.database.write() as db:
                number = recordings.add(db, said, Audio(TAGGED + text.encode(), b"OggS" + text.encode(), 1))
                if reviewed:
                    recordings.review(db, number, "sam_ortiz", now())
    return keys


@pytest.fixture
def menu(spoken: Family) -> str:
    """The menu as this family reads it, requested with a button, which doesn't count as writing."""
    [(text, file)] = twiml(spoken, "menu", ButtonPayload="menu")
    assert file == ""
    return text


def test_whole_reply_is_sent_as_audio_next_to_its_text(runtime: Runtime, spoken: Family, menu: str) -> None:
    keys = add_recordings(runtime, menu)
    text, sound = twiml(spoken, "menu", ButtonPayload="menu")
    assert text == (menu, "") and sound == ("", f"{PUBLIC}/recordings/{'-'.join(keys)}.mp3")
    heard = spoken.client.get(sound[1].removeprefix(PUBLIC))
    assert heard.status_code == 200 and heard.content_type == "audio/mpeg"
    assert (
        heard.data.decode().startswith(for_the_ear(runtime.library, "en", menu).split("\n")[0])
        and b"ID3" not in heard.data
    )


def test_repeated_message_gets_same_reply_even_without_recording(runtime: Runtime, spoken: Family, menu: str) -> None:
    add_recordings(runtime, menu)
    first = twiml(spoken, "menu", ButtonPayload="menu")
    with runtime.database.write() as db:
        recordings.withdraw(db, 1, now())
    again = twiml(spoken, "menu", ButtonPayload="menu", MessageSid=spoken.sid, SmsSid=spoken.sid)
    assert first == again and first[1][1]
    assert spoken.client.get(first[1][1].removeprefix(PUBLIC)).status_code == 404
    assert len(twiml(spoken, "menu", ButtonPayload="menu")) == 1, "the next answer has only what stands"


def test_one_unreviewed_piece_keeps_the_reply_text_only(runtime: Runtime, spoken: Family, menu: str) -> None:
    add_recordings(runtime, menu, reviewed=False)
    assert twiml(spoken, "menu", ButtonPayload="menu") == [(menu, "")]


def test_text_message_is_answered_by_text(runtime: Runtime, spoken: Family, menu: str) -> None:
    add_recordings(runtime, menu)
    twiml(spoken, "I want to see the menu")
    assert all(file == "" for _, file in twiml(spoken, "menu", ButtonPayload="menu"))


def test_call_option_is_mentioned_once(spoken: Family, twilio: TwilioStandIn) -> None:
    again = send_voice_note(spoken, twilio.media.put(SOUND))
    assert CAN_CALL not in again


def test_call_option_is_mentioned_at_first_sms_voice_note(family: Family, twilio: TwilioStandIn) -> None:
    assert CAN_CALL in send_voice_note(family, twilio.media.put(SOUND))


def test_language_without_voice_is_not_offered_a_call(family: Family, twilio: TwilioStandIn) -> None:
    family.text("Soomaali")
    assert CAN_CALL not in send_voice_note(family, twilio.media.put(SOUND))


def test_speaking_is_detected() -> None:
    note = InboundMessage("MM1", "whatsapp:+1", "", kind="audio", audio_files=(AudioFile("", "audio/ogg"),))
    assert is_speaking(False, note) and not is_speaking(False, InboundMessage("SM1", "+1", "2"))
    assert is_speaking(True, InboundMessage("SM1", "+1", "2")) and is_speaking(
        True, InboundMessage("SM1", "+1", "Yes", payload="1")
    )
    assert not is_speaking(True, InboundMessage("SM1", "+1", "sí"))


def test_caller_is_not_offered_a_call(runtime: Runtime) -> None:
    said = InboundMessage("CV1", "voice:+12175550177", "", kind="audio", audio_files=(AudioFile("", "audio/mpeg"),))
    assert add_recording(runtime, said, "Thank you.", "en", [], now()) == "Thank you."


@pytest.mark.long
def test_several_recordings_are_joined_if_all_exist(runtime: Runtime, spoken: Family) -> None:
    made = convert_recording(make_tone(2))
    with runtime.database.write() as db:
        for key in ("a" * 32, "b" * 32):
            said = Recording(0, "en", key, "test", key, 2, "ana_ruiz", now())
            recordings.review(db, recordings.add(db, said, made), "sam_ortiz", now())
    heard = spoken.client.get(f"/recordings/{'a' * 32}-{'b' * 32}.mp3").data
    alone = spoken.client.get(f"/recordings/{'a' * 32}.mp3").data
    assert "codec_name=mp3" in describe_audio(heard) and len(heard) == 2 * len(alone) > 0
    decoded = run(("ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "s16le", "pipe:1"), input=heard, capture_output=True)
    assert decoded.stderr == b"" and 3.9 < len(decoded.stdout) / 2 / 24_000 < 4.4
    assert spoken.client.get(f"/recordings/{'a' * 32}-{'c' * 32}.mp3").status_code == 404
