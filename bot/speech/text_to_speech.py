"""Make MP3 files of texts for people who don't read, with espeak-ng and ffmpeg. Both programs are optional.

espeak-ng gets the text through a pipe, because other users of the machine can read command lines.
"""

import logging
import re
from collections.abc import Sequence
from shutil import which
from subprocess import CalledProcessError, TimeoutExpired, run

from bot.documents.html_page import LINK_PATTERN, PHONE_PATTERN

ESPEAK_VOICES = {
    "en": "en-us", "es": "es-419", "pt": "pt-br", "fr": "fr-fr", "ht": "ht", "ar": "ar", "uk": "uk",
    "zh": "cmn-latn-pinyin", "vi": "vi", "ru": "ru", "fa": "fa", "am": "am", "ko": "ko",
}  # fmt: skip
"""The tested voices. In espeak-ng 1.51, `cmn` reads Chinese like English, so the table has a pinyin voice. Somali,
Pashto, and Tagalog have no voice, and the voice of another language would be unintelligible."""
ESPEAK_COMMAND = ("espeak-ng", "--stdin", "--stdout", "-b", "1", "-s", "140", "-v")
MP3_ENCODE_COMMAND = (
    *("ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "wav", "-i", "pipe:0", "-ac", "1", "-b:a", "48k"),
    *("-map_metadata", "-1", "-write_xing", "0", "-f", "mp3", "pipe:1"),
)
TIMEOUT_SECONDS = 30
"""A text of a thousand letters takes less than one second."""

log = logging.getLogger(__name__)


def find_spoken_languages() -> frozenset[str]:
    """Return the languages that this machine can speak, or none if a program is missing."""
    if not (which("espeak-ng") and which("ffmpeg")):
        return frozenset()
    output = _run_command(("espeak-ng", "--voices"), b"") or b""
    voice_lines = output.decode().splitlines()[1:]
    names = {line.split()[1] for line in voice_lines if len(line.split()) > 1}
    return frozenset(code for code, voice in ESPEAK_VOICES.items() if voice in names)


def synthesize_speech(text: str, language: str) -> bytes | None:
    """Return an MP3 (mono, 48 kbit/s) of this text, or None if the machine can't speak the language."""
    spoken_text = prepare_spoken_text(text)
    if not spoken_text or language not in find_spoken_languages():
        return None
    wave = _run_command((*ESPEAK_COMMAND, ESPEAK_VOICES[language]), spoken_text.encode())
    return _run_command(MP3_ENCODE_COMMAND, wave) if wave else None


def prepare_spoken_text(text: str) -> str:
    """Return the text to speak: without links, which no listener can write down, and with digits one by one."""
    cleaned_text = LINK_PATTERN.sub(" ", text).replace("[[", "[ [")  # espeak-ng reads [[…]] as phonemes
    spoken_text = PHONE_PATTERN.sub(lambda number: _spell_digits(number[0]), cleaned_text)
    if not re.search(r"\w", spoken_text):
        return ""
    return re.sub(r"[^\S\n]+", " ", spoken_text).strip()


def _spell_digits(number: str) -> str:
    """Spell a number in its groups, with a pause between them: "2 1 7, 5 5 5, 0 1 0 1"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))


def _run_command(command: Sequence[str], stdin_bytes: bytes) -> bytes | None:
    """Return the output of the program, or None if it's missing, fails, or hangs, because recordings are optional."""
    try:
        return run(command, input=stdin_bytes, capture_output=True, timeout=TIMEOUT_SECONDS, check=True).stdout or None
    except (OSError, CalledProcessError, TimeoutExpired) as error:
        log.warning("%s: %s", command[0], type(error).__name__)
        return None
