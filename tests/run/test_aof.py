"""Zeros between commands are cut out of an append-only file, and nothing else is touched."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.run.aof import holes, main, mend


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


words = st.lists(st.binary(max_size=8) | st.just(b"\r\n\0\0\r\n"), min_size=1, max_size=4)
pieces = st.lists(words.map(lambda some: command(*some)) | st.integers(1, 5000).map(bytes), max_size=8)


@given(pieces)
def test_exactly_the_zeros_between_commands_are_holes(pieces: list[bytes]) -> None:
    text = b"".join(pieces)
    for begin, end in reversed(holes(text)):
        text = text[:begin] + text[end:]
    assert text == b"".join(piece for piece in pieces if piece.strip(b"\0"))


@given(pieces, st.binary(max_size=30))
def test_only_zeros_are_ever_cut_out(pieces: list[bytes], tail: bytes) -> None:
    text = b"".join(pieces) + tail
    assert not b"".join(text[begin:end] for begin, end in holes(text)).strip(b"\0")


def test_a_file_without_holes_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "appendonly.aof.1.incr.aof"
    file.write_bytes(command(b"SET", b"a", b"\r\n\0") + b"*3\r\n$3\r\nSE")
    before = file.stat()
    assert mend(tmp_path) == []
    assert file.stat() == before or file.stat().st_ino == before.st_ino
    assert mend(tmp_path / "missing") == []


def test_somebody_in_charge_may_mend_a_server_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "appendonly.aof.7.incr.aof"
    file.write_bytes(bytes(3) + b"#TS:1764342000\r\n" + command(b"DEL", b"a") + bytes(9))
    file.chmod(0o640)
    assert main([str(tmp_path)]) == 0
    assert "appendonly.aof.7.incr.aof: zeros were cut out" in capsys.readouterr().err
    assert file.read_bytes() == b"#TS:1764342000\r\n" + command(b"DEL", b"a")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_what_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "appendonly.aof.7.incr.aof").write_bytes(bytes(3))
    (tmp_path / "appendonly.aof.7.incr.aof.mended").mkdir()
    assert main([str(tmp_path)]) == 1
    assert "cannot be mended" in capsys.readouterr().err
