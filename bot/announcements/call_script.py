"""What a call reads out of an announcement, and whether anything can read it in a family's language.

The pieces are as callers hear them everywhere, so that people can record them: for languages that no machine speaks.
"""

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from bot.announcements.current_translations import wording_now
from bot.announcements.text import MACHINE, fixed, marked_as, sender_name, text_in
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library
from bot.speech.twilio_voices import VOICES
from bot.speech.utterances import pieces, recording_key
from bot.store.announcements import recordings
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import Wording
from bot.voice.recordable_texts import Item

ANNOUNCED = "announcements"
"""Where their pieces are listed beside those of the flows."""
LETTERS_A_SECOND = 14
"""How fast Twilio's voices read, roughly: for the estimate of what calls cost."""
TIMES = 2
"""So often it is read: the first words are lost on somebody who reaches for the phone."""


def read_out(library: Library, announcement: Announcement, language: str, wording: Wording | None) -> tuple[str, ...]:
    """The pieces in order: who speaks, the words, and that a machine translated them if no person has checked it.

    Nothing where there is no translation: English would be another language's words, read by this one's voice.
    """
    if language != SOURCE_LANGUAGE and not (wording and wording.complete):
        return ()
    opening = f"{library.district.name}, {sender_name(library.district, announcement.sender)}."
    machine = marked_as(language, wording) == MACHINE
    notice = fixed(library, language, "notice_draft", {}) if machine else ""
    said = text_in(library, announcement, language, wording)
    return tuple(piece.text for piece in pieces(f"{opening}\n{said}\n{notice}"))


def items_of(db: Connection, library: Library, announcement: Announcement, language: str) -> list[Item]:
    """The pieces for the page where people record them; none without a translation."""
    wording = wording_now(db, announcement, language)
    own, english = (
        read_out(library, announcement, one, wording if one == language else None)
        for one in (language, SOURCE_LANGUAGE)
    )
    draft = marked_as(language, wording) == MACHINE
    return [
        Item(
            key=recording_key(language, text), text=text,
            english=english[number] if len(own) == len(english) else " ".join(english),
            flow=ANNOUNCED, place=f"{ANNOUNCED}.{announcement.id}#{number}", draft=draft,
        )
        for number, text in enumerate(own)
    ]  # fmt: skip


def keys_text(library: Library, language: str) -> str:
    """What the keys do."""
    return fixed(library, language, "voice_again", {})


def can_read(db: Connection, library: Library, language: str, texts: Sequence[str]) -> bool:
    """Whether a call in this language can say these, and its keys: by the language's voice, or all by recordings."""
    if not texts or language in VOICES:
        return bool(texts)
    keys = {recording_key(language, text) for text in (*texts, keys_text(library, language))}
    return recordings.usable(db, language, keys) >= keys


def minutes(texts: Sequence[str]) -> int:
    """What a call takes, in whole minutes begun, as Twilio counts them."""
    seconds = TIMES * sum(map(len, texts)) / LETTERS_A_SECOND
    return int(seconds // 60) + 1
