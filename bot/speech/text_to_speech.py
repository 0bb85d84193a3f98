"""A text read aloud, for people who do not read: espeak-ng speaks, ffmpeg makes an MP3 of it.  Both are optional.

The text goes in by a pipe: on a command line everybody on the machine could read it.
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
"""Only voices whose phonemes were looked at.  `cmn` of espeak-ng 1.51 reads Chinese as if its pinyin were English;
for Somali, Pashto and Tagalog there is no voice, and another language's would say nothing that one understands."""
ESPEAK_COMMAND = ("espeak-ng", "--stdin", "--stdout", "-b", "1", "-s", "140", "-v")
MP3_ENCODE_COMMAND = (
    *("ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "wav", "-i", "pipe:0", "-ac", "1", "-b:a", "48k"),
    *("-map_metadata", "-1", "-write_xing", "0", "-f", "mp3", "pipe:1"),
)
TIMEOUT_SECONDS = 30
"""A thousand letters take less than one."""

log = logging.getLogger(__name__)


def find_spoken_languages() -> frozenset[str]:
    """The languages, by their codes here, that this machine speaks; none without both programs."""
    if not (which("espeak-ng") and which("ffmpeg")):
        return frozenset()
    voice_lines = (_run_command(("espeak-ng", "--voices"), b"") or b"").decode().splitlines()[1:]
    names = {line.split()[1] for line in voice_lines if len(line.split()) > 1}
    return frozenset(code for code, voice in ESPEAK_VOICES.items() if voice in names)


def synthesize_speech(text: str, language: str) -> bytes | None:
    """An MP3 (audio/mpeg, mono, 48 kbit/s) of this text in this language; None if nothing here can speak it."""
    spoken_text = prepare_spoken_text(text)
    if not spoken_text or language not in find_spoken_languages():
        return None
    wave = _run_command((*ESPEAK_COMMAND, ESPEAK_VOICES[language]), spoken_text.encode())
    return _run_command(MP3_ENCODE_COMMAND, wave) if wave else None


def prepare_spoken_text(text: str) -> str:
    """What is read aloud: no addresses, which nobody can write down by ear; telephone numbers digit by digit."""
    cleaned_text = LINK_PATTERN.sub(" ", text).replace("[[", "[ [")  # [[…]] would be read as phonemes
    spoken_text = PHONE_PATTERN.sub(lambda number: _spell_digits(number[0]), cleaned_text)
    return re.sub(r"[^\S\n]+", " ", spoken_text).strip() if re.search(r"\w", spoken_text) else ""


def _spell_digits(number: str) -> str:
    """In their groups, with a pause between them: "2 1 7, 5 5 5, 0 1 0 1"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))


def _run_command(command: Sequence[str], stdin_bytes: bytes) -> bytes | None:
    """What the program wrote; None if it is missing, fails or hangs: a recording is an extra."""
    try:
        return run(command, input=stdin_bytes, capture_output=True, timeout=TIMEOUT_SECONDS, check=True).stdout or None
    except (OSError, CalledProcessError, TimeoutExpired) as error:
        log.warning("%s: %s", command[0], type(error).__name__)
        return None
