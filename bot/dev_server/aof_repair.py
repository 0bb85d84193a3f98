"""Append-only files with holes are mended before their server reads them: `python -m bot.dev_server.aof_repair FOLDER
[-- SERVER…]`.

A server whose disk is full takes back a command that it could write in part only, and writes it again later.  After a
rewrite its file is not open for appending (seen with valkey 9.1.2): what was taken back stays in it as zero bytes, and
the next start ends with "Bad file format".  The second time it takes back too much: the end of a good command becomes
zeros.  A power cut leaves zeros, too (github.com/valkey-io/valkey/issues/1148).  Zeros, and what is left of a command
before them, are cut out; every whole command stays.
"""

import mmap
import os
import re
import sys
from pathlib import Path

HOLE_PATTERN = re.compile(rb"\0+")
SUSPECT_HOLE_PATTERN = re.compile(rb"\0(?:\*\d{1,9}\r\n|#|\Z)")
"""Where a hole may end: a quick look, which also finds zeros inside of a value."""
COMMAND_AFTER_HOLE_PATTERN = re.compile(rb"\0(?=\*\d{1,9}\r\n)")
"""Before a command that follows a hole."""
ARGUMENT_COUNT_PATTERN = re.compile(rb"\*(\d{1,9})\r\n")
ARGUMENT_LENGTH_PATTERN = re.compile(rb"\$(\d{1,9})\r\n")
ANNOTATION_PATTERN = re.compile(rb"#[^\n]*\n")
"""A line of the server's own, such as a timestamp."""


def repair(folder: Path) -> list[str]:
    """The names of the files in this `appendonlydir` out of which holes were cut; what else is wrong stays as it is.

    A file is replaced as a whole or not at all.  Raises OSError where that cannot be done.
    """
    return [path.name for path in sorted(folder.glob("*.incr.aof")) if path.stat().st_size and _repair_file(path)]


def _repair_file(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        ranges = find_corrupt_ranges(text) if SUSPECT_HOLE_PATTERN.search(text) else []
        if ranges:
            _write_without_ranges(path, text, ranges)
    return bool(ranges)


def _write_without_ranges(path: Path, text: mmap.mmap, ranges: list[tuple[int, int]]) -> None:
    repaired_path = path.with_name(f"{path.name}.mended")
    with repaired_path.open("wb") as file:
        begin = 0
        for hole, end in [*ranges, (len(text), len(text))]:
            file.write(memoryview(text)[begin:hole])
            begin = end
        file.flush()
        os.fsync(file.fileno())
    file_stat = path.stat()
    repaired_path.chmod(file_stat.st_mode & 0o777)
    os.chown(repaired_path, file_stat.st_uid, file_stat.st_gid)  # root mends what is the server's
    repaired_path.replace(path)


def find_corrupt_ranges(text: bytes | mmap.mmap) -> list[tuple[int, int]]:
    """(begin, end) of all that is no command before the last whole one, and of zeros after it."""
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
    """Where the first whole command behind the next holes begins; None: there is none, the server sees to the rest."""
    return next(
        (
            hole.end()
            for hole in COMMAND_AFTER_HOLE_PATTERN.finditer(text, position)
            if _find_command_end(text, hole.end())
        ),
        None,
    )


def _find_command_end(text: bytes | mmap.mmap, position: int) -> int | None:
    """Where the command that begins here ends (redis.io/docs/latest/develop/reference/protocol-spec); None: nowhere."""
    if note := ANNOTATION_PATTERN.match(text, position):
        return note.end()
    count = ARGUMENT_COUNT_PATTERN.match(text, position)
    if count is None:
        return None
    position = count.end()
    for _ in range(int(count[1])):
        length = ARGUMENT_LENGTH_PATTERN.match(text, position)
        if length is None:
            return None
        position = length.end() + int(length[1]) + len(b"\r\n")
    return position if position <= len(text) and text[position - 2 : position] == b"\r\n" else None


def main(arguments: list[str]) -> int:
    """Mend, then become the server that stands after `--`; without one: say what was done."""
    folder, command = Path(arguments[0]), arguments[2:]
    try:
        for name in repair(folder):
            print(f"{name}: what a full disk or a power cut had left in it was cut out", file=sys.stderr, flush=True)
    except OSError as error:
        print(f"{folder} cannot be mended ({error.strerror}): make room and make it writable.", file=sys.stderr)
        if not command:
            return 1
    if command:
        os.execv(command[0], command)  # noqa: S606
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
