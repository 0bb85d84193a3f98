"""Audio as browsers and phones record it, made by ffmpeg."""

from functools import cache
from shutil import which
from subprocess import run

from tests.databases import skip_or_fail

FFMPEG_COMMAND = ("ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i")
BROWSERS = ("-metadata", "artist=Ana Ruiz", "-c:a", "libopus", "-f", "webm", "pipe:1")


@cache
def make_tone(seconds: float = 2, ending: tuple[str, ...] = BROWSERS, source: str = "sine=frequency=440") -> bytes:
    """Make a tone of this many seconds, by default as Chromium and Firefox record it; skip without ffmpeg."""
    if which("ffmpeg") is None:
        skip_or_fail("ffmpeg is not installed: `apt-get install ffmpeg` (or brew install ffmpeg) gets it.")
    return run((*FFMPEG_COMMAND, f"{source}:duration={seconds}", *ending), capture_output=True, check=True).stdout


def make_wav(seconds: float = 2) -> bytes:
    """Make the same as a WAV file."""
    return make_tone(seconds, ("-f", "wav", "pipe:1"))


def describe_audio(audio: bytes) -> str:
    """Return what ffprobe reports: codec, channels, rate, length, and tags."""
    asked = "stream=codec_name,channels,sample_rate:format=duration:format_tags:stream_tags"
    command = ("ffprobe", "-v", "error", "-show_entries", asked, "-of", "default=nw=1", "-")
    return run(command, input=audio, capture_output=True, check=True).stdout.decode()
