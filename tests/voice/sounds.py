"""Sounds as browsers and phones record them, made by ffmpeg."""

from functools import cache
from shutil import which
from subprocess import run

from tests.databases import skip_or_fail

MADE = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i")
BROWSERS = ("-metadata", "artist=Ana Ruiz", "-c:a", "libopus", "-f", "webm", "pipe:1")


@cache
def sound(seconds: float = 2, ending: tuple[str, ...] = BROWSERS, source: str = "sine=frequency=440") -> bytes:
    """A tone of so many seconds, by default as Chromium and Firefox record; who asks is skipped where no ffmpeg is."""
    if which("ffmpeg") is None:
        skip_or_fail("ffmpeg is not installed: `apt-get install ffmpeg` (or brew install ffmpeg) gets it.")
    return run((*MADE, f"{source}:duration={seconds}", *ending), capture_output=True, check=True).stdout


def wav(seconds: float = 2) -> bytes:
    """The same as a WAV file."""
    return sound(seconds, ("-f", "wav", "pipe:1"))


def about(audio: bytes) -> str:
    """What ffprobe says of it: codec, channels, rate, length and tags."""
    asked = "stream=codec_name,channels,sample_rate:format=duration:format_tags:stream_tags"
    command = ("ffprobe", "-v", "error", "-show_entries", asked, "-of", "default=nw=1", "-")
    return run(command, input=audio, capture_output=True, check=True).stdout.decode()
