"""What a call reads out of an announcement, and whether anything can read it in a family's language.

The pieces are as callers hear them everywhere, so that people can record them: for languages that no machine speaks.
"""

from collections.abc import Sequence

from bot.announcements.current_translations import find_current_translation
from bot.announcements.text import MACHINE_MARK, get_sender_name, get_translation_mark, render_fixed_text, render_text
from bot.base.database import Transaction
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.library import Library
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.speech.utterances import compute_recording_key, split_utterances
from bot.store.announcements import recordings
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.translations import AnnouncementTranslation
from bot.voice.recordable_texts import RecordableText

ANNOUNCEMENT_RECORDING_GROUP = "announcements"
"""Where their pieces are listed beside those of the flows."""
SPEECH_LETTERS_PER_SECOND = 14
"""How fast Twilio's voices read, roughly: for the estimate of what calls cost."""
SCRIPT_READ_COUNT = 2
"""So often it is read: the first words are lost on somebody who reaches for the phone."""


def build_call_script(
    library: Library, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> tuple[str, ...]:
    """The pieces in order: who speaks, the words, and that a machine translated them if no person has checked it.

    Nothing where there is no translation: English would be another language's words, read by this one's voice.
    """
    if language != SOURCE_LANGUAGE and not (wording and wording.is_complete):
        return ()
    opening = f"{library.district.name}, {get_sender_name(library.district, announcement.sender)}."
    machine = get_translation_mark(language, wording) == MACHINE_MARK
    notice = render_fixed_text(library, language, "notice_draft", {}) if machine else ""
    said = render_text(library, announcement, language, wording)
    return tuple(piece.text for piece in split_utterances(f"{opening}\n{said}\n{notice}"))


def list_recordable_texts(
    db: Transaction, library: Library, announcement: Announcement, language: str
) -> list[RecordableText]:
    """The pieces for the page where people record them; none without a translation."""
    wording = find_current_translation(db, announcement, language)
    own, english = (
        build_call_script(library, announcement, one, wording if one == language else None)
        for one in (language, SOURCE_LANGUAGE)
    )
    draft = get_translation_mark(language, wording) == MACHINE_MARK
    return [
        RecordableText(
            key=compute_recording_key(language, text),
            text=text,
            english=english[number] if len(own) == len(english) else " ".join(english),
            flow=ANNOUNCEMENT_RECORDING_GROUP,
            place=f"{ANNOUNCEMENT_RECORDING_GROUP}.{announcement.id}#{number}",
            is_draft=draft,
        )
        for number, text in enumerate(own)
    ]


def get_key_prompt(library: Library, language: str) -> str:
    """What the keys do."""
    return render_fixed_text(library, language, "voice_again", {})


def can_read_aloud(db: Transaction, library: Library, language: str, texts: Sequence[str]) -> bool:
    """Whether a call in this language can say these, and its keys: by the language's voice, or all by recordings."""
    if not texts or language in TWILIO_VOICES:
        return bool(texts)
    keys = {compute_recording_key(language, text) for text in (*texts, get_key_prompt(library, language))}
    return recordings.find_usable_keys(db, language, keys) >= keys


def estimate_call_minutes(texts: Sequence[str]) -> int:
    """What a call takes, in whole minutes begun, as Twilio counts them."""
    seconds = SCRIPT_READ_COUNT * sum(map(len, texts)) / SPEECH_LETTERS_PER_SECOND
    return int(seconds // 60) + 1
