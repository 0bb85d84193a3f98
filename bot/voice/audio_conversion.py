"""From whatever a browser or a phone recorded to what calls (MP3) and WhatsApp (Opus in OGG) want: ffmpeg does it.

In the request, not by a job: two minutes of speech take two or three seconds, who recorded is told at once whether it
worked, and no file that nobody has looked into is ever kept.  It goes in by standard input, and ffmpeg may open nothing
else: a playlist inside it leads nowhere.
"""

import logging
from array import array
from collections.abc import Sequence
from subprocess import CalledProcessError, TimeoutExpired, run
from tempfile import TemporaryFile

from bot.store.announcements.recordings import RecordingAudio

GIVEN_BYTES = 16 * 1024 * 1024
LONGEST_SECONDS = 120
"""Longer than that nobody listens on the telephone."""
SHORTEST_SECONDS = 0.4
"""Shorter is a slip of the finger."""
RATE = 24_000
QUIETEST = 400
"""Of 65,535 between the lowest and the highest: below that the microphone was off."""
TIME_OUT = 20
FORMATS = "wav,mp3,ogg,matroska,webm,mov,mp4,m4a,aac,flac,amr,caf"
"""What browsers and phones write.  No playlists, no pictures."""
QUIET = ("nice", "-n", "5", "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1")
READ = (
    *QUIET,
    # a phone's M4A has its table at the end: `cache` goes back in what came through the pipe, however far
    *(
        "-protocol_whitelist",
        "pipe,cache",
        "-format_whitelist",
        FORMATS,
        "-read_ahead_limit",
        "-1",
        "-i",
        "cache:pipe:0",
    ),
    *("-map", "0:a:0", "-t", str(LONGEST_SECONDS + 1), "-ac", "1", "-ar", str(RATE), "-f", "s16le", "pipe:1"),
)
WAVE = (*QUIET, "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "pipe:0", "-map_metadata", "-1")
MP3 = (*WAVE, "-b:a", "48k", "-write_xing", "0", "-f", "mp3", "pipe:1")
OGG = (*WAVE, "-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-f", "ogg", "pipe:1")

log = logging.getLogger(__name__)


class CannotUse(Exception):
    """The file cannot be used; says why, and what to do (a text of the console)."""


MISSING = "This machine cannot convert recordings: ffmpeg is not installed."
NO_AUDIO = "That is no recording that can be read here. Send an MP3, M4A, OGG, WebM or WAV file."
TOO_LARGE = "A recording may have 16 MB at most."
TOO_LONG = "A recording may last two minutes at most."
SILENT = "There is nothing to hear in it. Please record it again, closer to the microphone."
HANGS = "It could not be converted. Please try it again, or send another file."


def convert(given: bytes) -> RecordingAudio:
    """The recording in both forms, without anything else that the file held.  Raises `CannotUse`."""
    if len(given) > GIVEN_BYTES:
        raise CannotUse(TOO_LARGE)
    wave = _ran(READ, given, NO_AUDIO) if given else b""
    _check(wave)
    seconds = max(1, round(len(wave) / 2 / RATE))
    return RecordingAudio(_ran(MP3, wave, HANGS), _ran(OGG, wave, HANGS), seconds)


def _check(wave: bytes) -> None:
    seconds = len(wave) / 2 / RATE
    if not wave:
        raise CannotUse(NO_AUDIO)
    if seconds > LONGEST_SECONDS:
        raise CannotUse(TOO_LONG)
    heard = array("h", wave[: len(wave) // 2 * 2])
    if seconds < SHORTEST_SECONDS or max(heard) - min(heard) < QUIETEST:
        raise CannotUse(SILENT)


def _ran(command: Sequence[str], given: bytes, otherwise: str) -> bytes:
    try:
        with TemporaryFile() as file:  # without a name; a pipe that we fill comes in bits, over which `cache` stumbles
            file.write(given)
            file.seek(0)
            return run(command, stdin=file, capture_output=True, timeout=TIME_OUT, check=True).stdout
    except FileNotFoundError:
        raise CannotUse(MISSING) from None
    except TimeoutExpired:
        log.warning("a recording was not converted in %s seconds", TIME_OUT)
        raise CannotUse(HANGS) from None
    except CalledProcessError as error:
        # `nice` says 127 for a program that is not there
        raise CannotUse(MISSING if error.returncode == 127 else otherwise) from None
