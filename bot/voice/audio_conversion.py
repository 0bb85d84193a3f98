"""Convert recordings from browsers and phones to MP3 for calls and Opus in OGG for WhatsApp, with ffmpeg.

The conversion runs in the web request, not in a job. Two minutes of speech take two or three seconds, staff see the
result at once, and Puente never stores an unchecked file. ffmpeg reads standard input and may open nothing else, so a
playlist in the file has no effect.
"""

import logging
from array import array
from collections.abc import Sequence
from subprocess import CalledProcessError, TimeoutExpired, run
from tempfile import TemporaryFile

from bot.store.announcements.recordings import RecordingAudio

MAX_INPUT_BYTES = 16 * 1024 * 1024
MAX_RECORDING_SECONDS = 120
"""Callers don't listen to longer recordings."""
MIN_RECORDING_SECONDS = 0.4
"""A shorter recording is an accidental press."""
SAMPLE_RATE = 24_000
MIN_AMPLITUDE_RANGE = 400
"""The minimum range between the lowest and highest sample, of 65,535. With less, the microphone was off."""
CONVERSION_TIMEOUT_SECONDS = 20
INPUT_FORMATS = "wav,mp3,ogg,matroska,webm,mov,mp4,m4a,aac,flac,amr,caf"
"""Formats of browsers and phones, without playlists and images."""
FFMPEG_COMMAND = ("nice", "-n", "5", "ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1")
DECODE_COMMAND = (
    *FFMPEG_COMMAND,
    # The M4A files of phones have their table at the end, and `cache` lets ffmpeg seek in the piped input.
    *(
        "-protocol_whitelist",
        "pipe,cache",
        "-format_whitelist",
        INPUT_FORMATS,
        "-read_ahead_limit",
        "-1",
        "-i",
        "cache:pipe:0",
    ),
    *(
        "-map",
        "0:a:0",
        "-t",
        str(MAX_RECORDING_SECONDS + 1),
        "-ac",
        "1",
        "-ar",
        str(SAMPLE_RATE),
        "-f",
        "s16le",
        "pipe:1",
    ),
)
ENCODE_COMMAND = (
    *FFMPEG_COMMAND,
    "-f",
    "s16le",
    "-ar",
    str(SAMPLE_RATE),
    "-ac",
    "1",
    "-i",
    "pipe:0",
    "-map_metadata",
    "-1",
)
MP3_COMMAND = (*ENCODE_COMMAND, "-b:a", "48k", "-write_xing", "0", "-f", "mp3", "pipe:1")
OGG_COMMAND = (*ENCODE_COMMAND, "-c:a", "libopus", "-b:a", "24k", "-application", "voip", "-f", "ogg", "pipe:1")

log = logging.getLogger(__name__)


class UnusableAudioError(Exception):
    """Report why a file can't be used, and what to do. The message is a text of the console."""


FFMPEG_MISSING_MESSAGE = "This server can't convert recordings because ffmpeg isn't installed."
UNREADABLE_MESSAGE = "Puente can't read this file. Upload an MP3, M4A, OGG, WebM, or WAV file."
TOO_LARGE_MESSAGE = "Upload a recording of at most 16 MB."
TOO_LONG_MESSAGE = "Upload a recording of at most two minutes."
SILENT_MESSAGE = "The recording is silent. Record again, closer to the microphone."
CONVERSION_FAILED_MESSAGE = "Puente couldn't convert the recording. Try again, or upload another file."


def convert_recording(audio: bytes) -> RecordingAudio:
    """Return the recording in both formats, without metadata. Raises `UnusableAudioError`."""
    if len(audio) > MAX_INPUT_BYTES:
        raise UnusableAudioError(TOO_LARGE_MESSAGE)
    wave = _run_command(DECODE_COMMAND, audio, UNREADABLE_MESSAGE) if audio else b""
    _check_wave(wave)
    seconds = max(1, round(len(wave) / 2 / SAMPLE_RATE))
    return RecordingAudio(
        _run_command(MP3_COMMAND, wave, CONVERSION_FAILED_MESSAGE),
        _run_command(OGG_COMMAND, wave, CONVERSION_FAILED_MESSAGE),
        seconds,
    )


def _check_wave(wave: bytes) -> None:
    seconds = len(wave) / 2 / SAMPLE_RATE
    if not wave:
        raise UnusableAudioError(UNREADABLE_MESSAGE)
    if seconds > MAX_RECORDING_SECONDS:
        raise UnusableAudioError(TOO_LONG_MESSAGE)
    samples = array("h", wave[: len(wave) // 2 * 2])
    if seconds < MIN_RECORDING_SECONDS or max(samples) - min(samples) < MIN_AMPLITUDE_RANGE:
        raise UnusableAudioError(SILENT_MESSAGE)


def _run_command(command: Sequence[str], audio: bytes, failure_message: str) -> bytes:
    try:
        with TemporaryFile() as file:  # unnamed. A pipe delivers the input in parts, on which `cache` fails.
            file.write(audio)
            file.seek(0)
            return run(command, stdin=file, capture_output=True, timeout=CONVERSION_TIMEOUT_SECONDS, check=True).stdout
    except FileNotFoundError:
        raise UnusableAudioError(FFMPEG_MISSING_MESSAGE) from None
    except TimeoutExpired:
        log.warning("converting a recording took more than %s seconds", CONVERSION_TIMEOUT_SECONDS)
        raise UnusableAudioError(CONVERSION_FAILED_MESSAGE) from None
    except CalledProcessError as error:
        if error.returncode == 127:  # `nice` didn't find ffmpeg
            raise UnusableAudioError(FFMPEG_MISSING_MESSAGE) from None
        raise UnusableAudioError(failure_message) from None
