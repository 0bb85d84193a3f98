"""A table in a file: where it lies (a file, or in a zip), how its letters are written, and its rows, one by one."""

import codecs
import csv
import hashlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bot.roster.report import Unusable, shown

CHUNK = 1 << 16
LONGEST_LINE = CHUNK
"""Longer ones hold no roster; without a limit a file of one endless line would fill the memory."""
MOST_LINES_OF_A_ROW = 20
"""A row over more lines has most likely lost a closing quotation mark, and swallows its neighbours."""
DELIMITERS = ",;\t|"
LARGEST_MEMBER = 1 << 30
HIGHEST_RATIO, RATIO_FROM = 200, 50 << 20
"""A CSV file shrinks to a tenth; what shrinks to less than a two-hundredth is made to burst."""
MOST_MEMBERS = 200


@dataclass(frozen=True)
class Row:
    """The cells of one row and the line where it begins; with a `problem` the cells are not to be used."""

    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class Sheet:
    """One table, with its header read.  `rows()` reads it from its beginning, as often as wanted."""

    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    opened: Callable[[], IO[bytes]]

    def rows(self) -> Iterator[Row]:
        """All rows below the header that hold something."""
        with self.opened() as raw:
            text = io.TextIOWrapper(raw, self.encoding, errors="replace", newline="")
            rows = _rows(text, self.delimiter)
            next(row for row in rows if not _is_hint(row.cells))
            for row in rows:
                yield row if row.problem or len(row.cells) <= len(self.header) else _checked(row, len(self.header))


def open_sheets(path: Path) -> Iterator[Sheet]:
    """The tables of a file: one, or those of a zip.  Raises `Unusable`."""
    try:
        if zipfile.is_zipfile(path):
            yield from _members(path)
        else:
            yield _sheet(shown(path.name), lambda: path.open("rb"))
    except OSError as error:
        raise Unusable(f"{shown(path.name)} cannot be read: {error.strerror or 'it is damaged'}.") from None


def digest(path: Path) -> str:
    """A hash of the file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _members(path: Path) -> Iterator[Sheet]:
    try:
        with zipfile.ZipFile(path) as bundle:
            members = [one for one in bundle.infolist() if one.filename.casefold().endswith(".csv")]
    except zipfile.BadZipFile:
        raise Unusable(f"{shown(path.name)} is damaged: export it again.") from None
    if not members:
        raise Unusable(f"{shown(path.name)} holds no CSV file. A workbook? Save its sheet as “CSV UTF-8”.")
    if len(members) > MOST_MEMBERS:
        raise Unusable(f"{shown(path.name)} holds more than {MOST_MEMBERS} files: that is no roster.")
    for member in members:
        name = shown(f"{path.name}/{member.filename}")
        _refuse_bomb(name, member)
        yield _sheet(name, _opener(path, member))


def _refuse_bomb(name: str, member: zipfile.ZipInfo) -> None:
    """Before it is unpacked; while it is, Python reads no more than the size that is written there."""
    if member.flag_bits & 1:
        raise Unusable(f"{name} is encrypted: unpack it, and give the files.")
    swollen = member.file_size > RATIO_FROM and member.file_size > HIGHEST_RATIO * max(member.compress_size, 1)
    if member.file_size > LARGEST_MEMBER or swollen:
        raise Unusable(f"{name} unpacks to {member.file_size >> 20} MB: that is no roster. Unpack it and look at it.")


def _opener(path: Path, member: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        try:
            with zipfile.ZipFile(path) as bundle:  # the member keeps the file open after this
                return bundle.open(member)
        except (zipfile.BadZipFile, NotImplementedError):
            raise Unusable(f"{shown(path.name)} is damaged, or packed in a way not known here.") from None

    return opened


def _sheet(name: str, opened: Callable[[], IO[bytes]]) -> Sheet:
    encoding = _encoding(name, opened)
    with opened() as raw:
        sample = io.TextIOWrapper(raw, encoding, errors="replace", newline="").read(CHUNK)
    found = {mark: _header(sample, mark) for mark in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda mark: (len(found[mark]), -DELIMITERS.index(mark)))
    if not any(cell.strip() for cell in found[delimiter]):
        raise Unusable(f"{name} is empty: its first line must name the columns.")
    return Sheet(name, encoding, delimiter, tuple(found[delimiter]), opened)


def _encoding(name: str, opened: Callable[[], IO[bytes]]) -> str:
    """UTF-8 if all of it is, UTF-16 if it says so, else what Windows writes in America."""
    decoder, is_utf8 = codecs.getincrementaldecoder("utf-8")(), True
    try:
        with opened() as raw:
            chunk = raw.read(CHUNK)
            if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            if b"\0" in chunk:
                raise Unusable(f"{name} is no text file. A workbook? Save its sheet as “CSV UTF-8”.")
            while chunk:
                is_utf8 = is_utf8 and _decodes(decoder, chunk)
                chunk = raw.read(CHUNK)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise Unusable(f"{name} is damaged ({type(error).__name__}): export it again.") from None
    return "utf-8-sig" if is_utf8 and _decodes(decoder, b"", final=True) else "cp1252"


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _header(sample: str, delimiter: str) -> list[str]:
    rows = _rows(io.StringIO(sample, newline=""), delimiter)
    return next((row.cells for row in rows if not _is_hint(row.cells)), [])


def _is_hint(cells: list[str]) -> bool:
    """Excel's own first line, `sep=;`, is no header."""
    return cells[0].casefold().startswith("sep=")


def _rows(text: IO[str], delimiter: str) -> Iterator[Row]:
    """Every row with something in it; what the reader chokes on is a row with a problem, and the next one follows."""
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            yield Row(begins, [""], _unclosed(begins, reader.line_num))
            continue
        if cells is None:
            return
        if lines.cut:
            lines.cut = False
            yield Row(begins, [""], "the line is too long: something other than a roster stands in it")
        elif reader.line_num - begins >= MOST_LINES_OF_A_ROW:
            yield Row(begins, [""], _unclosed(begins, reader.line_num))
        elif any(cell.strip() for cell in cells):
            yield Row(begins, cells)


class _Lines:
    """The lines of a text; one beyond all measure becomes an empty one, and `cut` says so."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.cut = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        if len(line) < LONGEST_LINE or line.endswith(("\n", "\r")):
            return line
        self.cut = True
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(LONGEST_LINE)
        return "\n"


def _unclosed(begins: int, ends: int) -> str:
    return f'a quotation mark (") is not closed: lines {begins} to {ends} could not be read; mend the first of them'


def _checked(row: Row, columns: int) -> Row:
    """A row longer than the header: empty cells at its end do no harm, others mean that the columns have shifted."""
    if any(cell.strip() for cell in row.cells[columns:]):
        what = "there are more cells than columns: put a cell that holds the separator between quotation marks"
        return Row(row.line, [""], what)
    return Row(row.line, row.cells[:columns])
