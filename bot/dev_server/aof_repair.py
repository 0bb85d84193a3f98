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

HOLE = re.compile(rb"\0+")
SUSPECT = re.compile(rb"\0(?:\*\d{1,9}\r\n|#|\Z)")
"""Where a hole may end: a quick look, which also finds zeros inside of a value."""
NEXT = re.compile(rb"\0(?=\*\d{1,9}\r\n)")
"""Before a command that follows a hole."""
COUNT = re.compile(rb"\*(\d{1,9})\r\n")
LENGTH = re.compile(rb"\$(\d{1,9})\r\n")
NOTE = re.compile(rb"#[^\n]*\n")
"""A line of the server's own, such as a timestamp."""


def mend(folder: Path) -> list[str]:
    """The names of the files in this `appendonlydir` out of which holes were cut; what else is wrong stays as it is.

    A file is replaced as a whole or not at all.  Raises OSError where that cannot be done.
    """
    return [path.name for path in sorted(folder.glob("*.incr.aof")) if path.stat().st_size and _mended(path)]


def _mended(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        found = damage(text) if SUSPECT.search(text) else []
        if found:
            _write(path, text, found)
    return bool(found)


def _write(path: Path, text: mmap.mmap, found: list[tuple[int, int]]) -> None:
    aside = path.with_name(f"{path.name}.mended")
    with aside.open("wb") as file:
        begin = 0
        for hole, end in [*found, (len(text), len(text))]:
            file.write(memoryview(text)[begin:hole])
            begin = end
        file.flush()
        os.fsync(file.fileno())
    owner = path.stat()
    aside.chmod(owner.st_mode & 0o777)
    os.chown(aside, owner.st_uid, owner.st_gid)  # root mends what is the server's
    aside.replace(path)


def damage(text: bytes | mmap.mmap) -> list[tuple[int, int]]:
    """(begin, end) of all that is no command before the last whole one, and of zeros after it."""
    found: list[tuple[int, int]] = []
    at: int | None = 0
    while at is not None and at < len(text):
        if hole := HOLE.match(text, at):
            found.append(hole.span())
            at = hole.end()
        elif (after := _after(text, at)) is None and (behind := _behind(text, at)):
            found.append((at, behind))
            at = behind
        else:
            at = after
    return found


def _behind(text: bytes | mmap.mmap, at: int) -> int | None:
    """Where the first whole command behind the next holes begins; None: there is none, the server sees to the rest."""
    return next((hole.end() for hole in NEXT.finditer(text, at) if _after(text, hole.end())), None)


def _after(text: bytes | mmap.mmap, at: int) -> int | None:
    """Where the command that begins here ends (redis.io/docs/latest/develop/reference/protocol-spec); None: nowhere."""
    if note := NOTE.match(text, at):
        return note.end()
    count = COUNT.match(text, at)
    if count is None:
        return None
    at = count.end()
    for _ in range(int(count[1])):
        length = LENGTH.match(text, at)
        if length is None:
            return None
        at = length.end() + int(length[1]) + len(b"\r\n")
    return at if at <= len(text) and text[at - 2 : at] == b"\r\n" else None


def main(arguments: list[str]) -> int:
    """Mend, then become the server that stands after `--`; without one: say what was done."""
    folder, command = Path(arguments[0]), arguments[2:]
    try:
        for name in mend(folder):
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
