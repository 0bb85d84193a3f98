"""The repair removes what a full disk leaves in an append-only file and keeps every complete command."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.dev_server.aof_repair import find_corrupt_ranges, main, repair


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


words = st.lists(st.binary(max_size=8) | st.sampled_from([b"\r\n\0\0\r\n", b"\0*1\r\n$"]), min_size=1, max_size=4)
commands = words.map(lambda some: command(*some))


class Disk:
    """A server's file that is not open for appending: what valkey 9.1.2 does to it when its disk is full."""

    def __init__(self) -> None:
        self.file, self.place, self.believed = bytearray(), 0, 0
        self.whole: list[tuple[int, bytes]] = []

    def write(self, text: bytes) -> None:
        """Write all of it."""
        self._put(text)
        self.believed += len(text)
        self.whole.append((self.place, text))

    def write_in_part(self, text: bytes, part: float) -> None:
        """Fill the disk in the middle of a write; the server believes that it undid the partial write."""
        self._put(text[: int(len(text) * part)])
        del self.file[self.believed :]
        self.whole = [(end, text) for end, text in self.whole if end <= self.believed]

    def _put(self, text: bytes) -> None:
        self.file += bytes(self.place - len(self.file)) + text
        self.place += len(text)


def repair_bytes(text: bytes) -> bytes:
    for begin, end in reversed(find_corrupt_ranges(text)):
        text = text[:begin] + text[end:]
    return text


@given(st.lists(st.tuples(commands, st.none() | st.floats(0.01, 1)), max_size=12), commands)
def test_intact_commands_are_kept(told: list[tuple[bytes, float | None]], last: bytes) -> None:
    disk = Disk()
    for text, part in told:
        if part is not None:
            disk.write_in_part(text, part)
        disk.write(text)
    disk.write(last)
    assert repair_bytes(bytes(disk.file)) == b"".join(text for _, text in disk.whole)


@given(st.lists(commands, max_size=8), st.binary(max_size=30), st.integers(0, 5000))
def test_intact_file_is_kept_and_trailing_zeros_are_removed(told: list[bytes], tail: bytes, zeros: int) -> None:
    text = b"".join(told)
    assert find_corrupt_ranges(text) == []
    assert repair_bytes(text + bytes(zeros)) == text
    assert repair_bytes(text + tail).startswith(text)


def test_intact_file_is_not_rewritten(tmp_path: Path) -> None:
    file = tmp_path / "appendonly.aof.1.incr.aof"
    file.write_bytes(command(b"SET", b"a", b"\r\n\0*1\r\n") + b"*3\r\n$3\r\nSE")
    before = file.stat()
    assert repair(tmp_path) == []
    assert file.stat() == before or file.stat().st_ino == before.st_ino
    assert repair(tmp_path / "missing") == []


def test_operator_can_repair_their_own_server_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "appendonly.aof.7.incr.aof"
    file.write_bytes(bytes(3) + b"#TS:1764342000\r\n" + command(b"DEL", b"a") + bytes(9))
    file.chmod(0o640)
    assert main([str(tmp_path)]) == 0
    assert "appendonly.aof.7.incr.aof: removed damage from a full disk or a power cut" in capsys.readouterr().err
    assert file.read_bytes() == b"#TS:1764342000\r\n" + command(b"DEL", b"a")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_unwritable_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "appendonly.aof.7.incr.aof").write_bytes(bytes(3))
    (tmp_path / "appendonly.aof.7.incr.aof.repaired").mkdir()
    assert main([str(tmp_path)]) == 1
    assert "cannot be repaired" in capsys.readouterr().err
