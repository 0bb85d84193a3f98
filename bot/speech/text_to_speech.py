"""A text read aloud, for people who do not read: espeak-ng speaks, ffmpeg makes an MP3 of it.  Both are optional.

The text goes in by a pipe: on a command line everybody on the machine could read it.
"""

import logging
import re
from collections.abc import Sequence
from shutil import which
from subprocess import CalledProcessError, TimeoutExpired, run

from bot.documents.html_page import LINK, PHONE

VOICES = {
    "en": "en-us", "es": "es-419", "pt": "pt-br", "fr": "fr-fr", "ht": "ht", "ar": "ar", "uk": "uk",
    "zh": "cmn-latn-pinyin", "vi": "vi", "ru": "ru", "fa": "fa", "am": "am", "ko": "ko",
}  # fmt: skip
"""Only voices whose phonemes were looked at.  `cmn` of espeak-ng 1.51 reads Chinese as if its pinyin were English;
for Somali, Pashto and Tagalog there is no voice, and another language's would say nothing that one understands."""
SPEAK = ("espeak-ng", "--stdin", "--stdout", "-b", "1", "-s", "140", "-v")
ENCODE = (
    *("ffmpeg", "-hide_banner", "-loglevel", "error", "-f", "wav", "-i", "pipe:0", "-ac", "1", "-b:a", "48k"),
    *("-map_metadata", "-1", "-write_xing", "0", "-f", "mp3", "pipe:1"),
)
SECONDS = 30
"""A thousand letters take less than one."""

log = logging.getLogger(__name__)


def voices() -> frozenset[str]:
    """The languages, by their codes here, that this machine speaks; none without both programs."""
    if not (which("espeak-ng") and which("ffmpeg")):
        return frozenset()
    listed = (_ran(("espeak-ng", "--voices"), b"") or b"").decode().splitlines()[1:]
    names = {line.split()[1] for line in listed if len(line.split()) > 1}
    return frozenset(code for code, voice in VOICES.items() if voice in names)


def speak(text: str, language: str) -> bytes | None:
    """An MP3 (audio/mpeg, mono, 48 kbit/s) of this text in this language; None if nothing here can speak it."""
    said = spoken(text)
    if not said or language not in voices():
        return None
    wave = _ran((*SPEAK, VOICES[language]), said.encode())
    return _ran(ENCODE, wave) if wave else None


def spoken(text: str) -> str:
    """What is read aloud: no addresses, which nobody can write down by ear; telephone numbers digit by digit."""
    without = LINK.sub(" ", text).replace("[[", "[ [")  # [[…]] would be read as phonemes
    said = PHONE.sub(lambda number: _digits(number[0]), without)
    return re.sub(r"[^\S\n]+", " ", said).strip() if re.search(r"\w", said) else ""


def _digits(number: str) -> str:
    """In their groups, with a pause between them: "2 1 7, 5 5 5, 0 1 0 1"."""
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", number))


def _ran(command: Sequence[str], given: bytes) -> bytes | None:
    """What the program wrote; None if it is missing, fails or hangs: a recording is an extra."""
    try:
        return run(command, input=given, capture_output=True, timeout=SECONDS, check=True).stdout or None
    except (OSError, CalledProcessError, TimeoutExpired) as error:
        log.warning("%s: %s", command[0], type(error).__name__)
        return None
