"""Build what a call reads from an announcement, and check whether it can be read in a family's language.

The script is split into the same utterances as all calls, so that staff can record them for languages without a voice.
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
"""The group under which the recording page lists them, next to those of the flows."""
SPEECH_LETTERS_PER_SECOND = 14
"""Roughly how fast Twilio's voices read. Used to estimate the cost of calls."""
SCRIPT_READ_COUNT = 2
"""The script is read twice, because people often miss the first words while they pick up the phone."""


def build_call_script(
    library: Library, announcement: Announcement, language: str, wording: AnnouncementTranslation | None
) -> tuple[str, ...]:
    """Return the utterances in order: the sender, the text, and a notice if no person checked the translation.

    Returns nothing without a translation, because a voice for another language cannot read English.
    """
    if language != SOURCE_LANGUAGE and not (wording and wording.is_complete):
        return ()
    sender = get_sender_name(library.district, announcement.sender)
    text = render_text(library, announcement, language, wording)
    notice = ""
    if get_translation_mark(language, wording) == MACHINE_MARK:
        notice = render_fixed_text(library, language, "notice_draft", {})
    utterances = split_utterances(f"{library.district.name}, {sender}.\n{text}\n{notice}")
    return tuple(utterance.text for utterance in utterances)


def list_recordable_texts(
    db: Transaction, library: Library, announcement: Announcement, language: str
) -> list[RecordableText]:
    """Return the utterances for the recording page, or nothing without a translation."""
    wording = find_current_translation(db, announcement, language)
    texts = build_call_script(library, announcement, language, wording)
    english_wording = wording if language == SOURCE_LANGUAGE else None
    english_texts = build_call_script(library, announcement, SOURCE_LANGUAGE, english_wording)
    has_same_split = len(texts) == len(english_texts)
    is_draft = get_translation_mark(language, wording) == MACHINE_MARK
    return [
        RecordableText(
            key=compute_recording_key(language, text),
            text=text,
            english=english_texts[number] if has_same_split else " ".join(english_texts),
            flow=ANNOUNCEMENT_RECORDING_GROUP,
            place=f"{ANNOUNCEMENT_RECORDING_GROUP}.{announcement.id}#{number}",
            is_draft=is_draft,
        )
        for number, text in enumerate(texts)
    ]


def get_key_prompt(library: Library, language: str) -> str:
    """Return the prompt that explains the keys."""
    return render_fixed_text(library, language, "voice_again", {})


def can_read_aloud(db: Transaction, library: Library, language: str, texts: Sequence[str]) -> bool:
    """Return whether a call can read these texts and the key prompt, by a voice or entirely by recordings."""
    if not texts or language in TWILIO_VOICES:
        return bool(texts)
    keys = {compute_recording_key(language, text) for text in (*texts, get_key_prompt(library, language))}
    return recordings.find_usable_keys(db, language, keys) >= keys


def estimate_call_minutes(texts: Sequence[str]) -> int:
    """Return the length of a call in started minutes, as Twilio bills them."""
    seconds = SCRIPT_READ_COUNT * sum(map(len, texts)) / SPEECH_LETTERS_PER_SECOND
    return int(seconds // 60) + 1
