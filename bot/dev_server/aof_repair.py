"""Repair append-only files with holes before the server reads them: `python -m bot.dev_server.aof_repair FOLDER
[-- SERVER…]`.

If the disk is full, the server truncates a partly written command and writes it again later. After a rewrite, its file
is not open for appending (seen with valkey 9.1.2). The truncated part then becomes zero bytes, and the next start fails
with "Bad file format". The second time, the server truncates too much, and the end of a valid command becomes zeros. A
power cut leaves zeros too (github.com/valkey-io/valkey/issues/1148). The repair removes zeros and the partial command
before them, and keeps every complete command.
"""

import mmap
import os
import re
import sys
from pathlib import Path

HOLE_PATTERN = re.compile(rb"\0+")
SUSPECT_HOLE_PATTERN = re.compile(rb"\0(?:\*\d{1,9}\r\n|#|\Z)")
"""A possible end of a hole. This quick check also matches zeros inside a value."""
COMMAND_AFTER_HOLE_PATTERN = re.compile(rb"\0(?=\*\d{1,9}\r\n)")
"""The last zero before a command that follows a hole."""
ARGUMENT_COUNT_PATTERN = re.compile(rb"\*(\d{1,9})\r\n")
ARGUMENT_LENGTH_PATTERN = re.compile(rb"\$(\d{1,9})\r\n")
ANNOTATION_PATTERN = re.compile(rb"#[^\n]*\n")
"""A line that the server adds, such as a timestamp."""


def repair(folder: Path) -> list[str]:
    """Remove holes from the files in this `appendonlydir`, and return the names of the repaired files.

    Other damage remains. A file is replaced as a whole or not at all. Raises `OSError` if that fails.
    """
    return [path.name for path in sorted(folder.glob("*.incr.aof")) if path.stat().st_size and _repair_file(path)]


def _repair_file(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        ranges = find_corrupt_ranges(text) if SUSPECT_HOLE_PATTERN.search(text) else []
        if ranges:
            _write_without_ranges(path, text, ranges)
    return bool(ranges)


def _write_without_ranges(path: Path, text: mmap.mmap, ranges: list[tuple[int, int]]) -> None:
    repaired_path = path.with_name(f"{path.name}.repaired")
    with repaired_path.open("wb") as file:
        begin = 0
        for hole, end in [*ranges, (len(text), len(text))]:
            file.write(memoryview(text)[begin:hole])
            begin = end
        file.flush()
        os.fsync(file.fileno())
    file_stat = path.stat()
    repaired_path.chmod(file_stat.st_mode & 0o777)
    os.chown(
        repaired_path, file_stat.st_uid, file_stat.st_gid
    )  # if root runs the repair, the file must still belong to the server
    repaired_path.replace(path)


def find_corrupt_ranges(text: bytes | mmap.mmap) -> list[tuple[int, int]]:
    """Return (begin, end) of everything before the last complete command that is not a command, and of later zeros."""
    ranges: list[tuple[int, int]] = []
    position: int | None = 0
    while position is not None and position < len(text):
        if hole := HOLE_PATTERN.match(text, position):
            ranges.append(hole.span())
            position = hole.end()
        elif (command_end := _find_command_end(text, position)) is None and (
            next_command := _find_next_command(text, position)
        ):
            ranges.append((position, next_command))
            position = next_command
        else:
            position = command_end
    return ranges


def _find_next_command(text: bytes | mmap.mmap, position: int) -> int | None:
    """Find the first complete command after a hole. If there is none, the server handles the rest of the file."""
    for hole in COMMAND_AFTER_HOLE_PATTERN.finditer(text, position):
        if _find_command_end(text, hole.end()):
            return hole.end()
    return None


def _find_command_end(text: bytes | mmap.mmap, position: int) -> int | None:
    """Find the end of the command at `position`, or None if it is incomplete.

    The format is redis.io/docs/latest/develop/reference/protocol-spec.
    """
    if annotation := ANNOTATION_PATTERN.match(text, position):
        return annotation.end()
    count = ARGUMENT_COUNT_PATTERN.match(text, position)
    if count is None:
        return None
    position = count.end()
    for _ in range(int(count[1])):
        length = ARGUMENT_LENGTH_PATTERN.match(text, position)
        if length is None:
            return None
        position = length.end() + int(length[1]) + len(b"\r\n")
    if position > len(text) or text[position - 2 : position] != b"\r\n":
        return None
    return position


def main(arguments: list[str]) -> int:
    """Repair the files, then become the server command after `--`, if there is one."""
    folder, command = Path(arguments[0]), arguments[2:]
    try:
        for name in repair(folder):
            print(f"{name}: removed damage from a full disk or a power cut", file=sys.stderr, flush=True)
    except OSError as error:
        print(f"{folder} cannot be repaired ({error.strerror}): free space and make it writable.", file=sys.stderr)
        if not command:
            return 1
    if command:
        os.execv(command[0], command)  # noqa: S606
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
