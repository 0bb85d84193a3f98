"""Staff recordings are converted for calls and WhatsApp; other files are refused."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import run

import pytest

from bot.base import settings
from bot.voice import audio_conversion
from bot.voice.audio_conversion import UnusableAudioError, convert_recording
from tests.voice.sounds import FFMPEG_COMMAND, describe_audio, make_tone, make_wav

pytestmark = pytest.mark.long


@pytest.mark.parametrize(
    "given", [make_tone, make_wav, partial(make_tone, 2, ("-c:a", "libmp3lame", "-f", "mp3", "pipe:1"))]
)
def test_browser_recordings_are_converted_for_calls_and_whatsapp(given: Callable[[], bytes]) -> None:
    made = convert_recording(given())
    mp3, ogg = describe_audio(made.mp3), describe_audio(made.ogg)
    assert "codec_name=mp3" in mp3 and "channels=1" in mp3 and "codec_name=opus" in ogg and made.ogg[:4] == b"OggS"
    assert made.seconds == 2 and b"Ana Ruiz" in make_tone() and b"Ana Ruiz" not in made.mp3 + made.ogg


def test_phone_file_with_trailing_index_is_read(tmp_path: Path) -> None:
    file = tmp_path / "memo.m4a"
    run((*FFMPEG_COMMAND, "anoisesrc=amplitude=0.3:duration=100", "-c:a", "aac", "-b:a", "192k", str(file)), check=True)
    assert file.stat().st_size > 1_000_000 and convert_recording(file.read_bytes()).seconds == 100


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (bytes, audio_conversion.UNREADABLE_MESSAGE),
        (lambda: b"<script>alert(1)</script>" * 500, audio_conversion.UNREADABLE_MESSAGE),
        ((settings.ROOT / "flows/media/help_card.png").read_bytes, audio_conversion.UNREADABLE_MESSAGE),
        (partial(make_wav, 121), audio_conversion.TOO_LONG_MESSAGE),
        (partial(make_wav, 0.1), audio_conversion.SILENT_MESSAGE),
        (partial(make_tone, 2, ("-f", "wav", "pipe:1"), "anullsrc=sample_rate=8000"), audio_conversion.SILENT_MESSAGE),
        (lambda: b"x" * (audio_conversion.MAX_INPUT_BYTES + 1), audio_conversion.TOO_LARGE_MESSAGE),
    ],
)
def test_other_files_are_refused_with_a_reason(given: Callable[[], bytes], why: str) -> None:
    with pytest.raises(UnusableAudioError, match=why[:30]):
        convert_recording(given())


@pytest.mark.parametrize(
    "lines",
    ["#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile '{}'\n"],
)
def test_playlist_opens_no_other_file(tmp_path: Path, lines: str) -> None:
    (tmp_path / "secret.wav").write_bytes(make_wav())
    for place in (str(tmp_path / "secret.wav"), f"file://{tmp_path}/secret.wav", "http://127.0.0.1:9/a.wav"):
        with pytest.raises(UnusableAudioError):
            convert_recording(lines.format(place).encode())


def test_missing_or_hanging_ffmpeg_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    given = make_wav()
    monkeypatch.setattr(audio_conversion, "DECODE_COMMAND", ("nice", "-n", "5", "no-such-program"))
    with pytest.raises(UnusableAudioError, match="ffmpeg isn't installed"):
        convert_recording(given)
    monkeypatch.setattr(audio_conversion, "DECODE_COMMAND", ("sleep", "5"))
    monkeypatch.setattr(audio_conversion, "CONVERSION_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(UnusableAudioError, match="Try again"):
        convert_recording(given)
