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

from bot.roster.report import UnusableFileError, sanitize_file_name

CHUNK_BYTES = 1 << 16
MAX_LINE_LENGTH = CHUNK_BYTES
"""Longer ones hold no roster; without a limit a file of one endless line would fill the memory."""
MAX_LINES_PER_ROW = 20
"""A row over more lines has most likely lost a closing quotation mark, and swallows its neighbours."""
CSV_DELIMITERS = ",;\t|"
MAX_MEMBER_BYTES = 1 << 30
MAX_COMPRESSION_RATIO, RATIO_CHECK_MIN_BYTES = 200, 50 << 20
"""A CSV file shrinks to a tenth; what shrinks to less than a two-hundredth is made to burst."""
MAX_ZIP_MEMBERS = 200


@dataclass(frozen=True)
class SheetRow:
    """The cells of one row and the line where it begins; with a `problem` the cells are not to be used."""

    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class RosterSheet:
    """One table, with its header read.  `rows()` reads it from its beginning, as often as wanted."""

    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    open_file: Callable[[], IO[bytes]]

    def read_rows(self) -> Iterator[SheetRow]:
        """All rows below the header that hold something."""
        with self.open_file() as raw:
            text = io.TextIOWrapper(raw, self.encoding, errors="replace", newline="")
            rows = _read_rows(text, self.delimiter)
            next(row for row in rows if not _is_hint(row.cells))
            for row in rows:
                yield (
                    row
                    if row.problem or len(row.cells) <= len(self.header)
                    else _check_row_length(row, len(self.header))
                )


def open_sheets(path: Path) -> Iterator[RosterSheet]:
    """The tables of a file: one, or those of a zip.  Raises `Unusable`."""
    try:
        if zipfile.is_zipfile(path):
            yield from _open_zip_members(path)
        else:
            yield _open_sheet(sanitize_file_name(path.name), lambda: path.open("rb"))
    except OSError as error:
        raise UnusableFileError(
            f"{sanitize_file_name(path.name)} cannot be read: {error.strerror or 'it is damaged'}."
        ) from None


def hash_file(path: Path) -> str:
    """A hash of the file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def _open_zip_members(path: Path) -> Iterator[RosterSheet]:
    try:
        with zipfile.ZipFile(path) as bundle:
            members = [one for one in bundle.infolist() if one.filename.casefold().endswith(".csv")]
    except zipfile.BadZipFile:
        raise UnusableFileError(f"{sanitize_file_name(path.name)} is damaged: export it again.") from None
    if not members:
        raise UnusableFileError(
            f"{sanitize_file_name(path.name)} holds no CSV file. A workbook? Save its sheet as “CSV UTF-8”."
        )
    if len(members) > MAX_ZIP_MEMBERS:
        raise UnusableFileError(
            f"{sanitize_file_name(path.name)} holds more than {MAX_ZIP_MEMBERS} files: that is no roster."
        )
    for member in members:
        name = sanitize_file_name(f"{path.name}/{member.filename}")
        _reject_zip_bomb(name, member)
        yield _open_sheet(name, _create_opener(path, member))


def _reject_zip_bomb(name: str, member: zipfile.ZipInfo) -> None:
    """Before it is unpacked; while it is, Python reads no more than the size that is written there."""
    if member.flag_bits & 1:
        raise UnusableFileError(f"{name} is encrypted: unpack it, and give the files.")
    swollen = member.file_size > RATIO_CHECK_MIN_BYTES and member.file_size > MAX_COMPRESSION_RATIO * max(
        member.compress_size, 1
    )
    if member.file_size > MAX_MEMBER_BYTES or swollen:
        raise UnusableFileError(
            f"{name} unpacks to {member.file_size >> 20} MB: that is no roster. Unpack it and look at it."
        )


def _create_opener(path: Path, member: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        try:
            with zipfile.ZipFile(path) as bundle:  # the member keeps the file open after this
                return bundle.open(member)
        except (zipfile.BadZipFile, NotImplementedError):
            raise UnusableFileError(
                f"{sanitize_file_name(path.name)} is damaged, or packed in a way not known here."
            ) from None

    return opened


def _open_sheet(name: str, open_file: Callable[[], IO[bytes]]) -> RosterSheet:
    encoding = _detect_encoding(name, open_file)
    with open_file() as raw:
        sample = io.TextIOWrapper(raw, encoding, errors="replace", newline="").read(CHUNK_BYTES)
    found = {mark: _find_header(sample, mark) for mark in CSV_DELIMITERS}
    delimiter = max(CSV_DELIMITERS, key=lambda mark: (len(found[mark]), -CSV_DELIMITERS.index(mark)))
    if not any(cell.strip() for cell in found[delimiter]):
        raise UnusableFileError(f"{name} is empty: its first line must name the columns.")
    return RosterSheet(name, encoding, delimiter, tuple(found[delimiter]), open_file)


def _detect_encoding(name: str, open_file: Callable[[], IO[bytes]]) -> str:
    """UTF-8 if all of it is, UTF-16 if it says so, else what Windows writes in America."""
    decoder, is_utf8 = codecs.getincrementaldecoder("utf-8")(), True
    try:
        with open_file() as raw:
            chunk = raw.read(CHUNK_BYTES)
            if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            if b"\0" in chunk:
                raise UnusableFileError(f"{name} is no text file. A workbook? Save its sheet as “CSV UTF-8”.")
            while chunk:
                is_utf8 = is_utf8 and _can_decode(decoder, chunk)
                chunk = raw.read(CHUNK_BYTES)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise UnusableFileError(f"{name} is damaged ({type(error).__name__}): export it again.") from None
    return "utf-8-sig" if is_utf8 and _can_decode(decoder, b"", final=True) else "cp1252"


def _can_decode(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _find_header(sample: str, delimiter: str) -> list[str]:
    rows = _read_rows(io.StringIO(sample, newline=""), delimiter)
    return next((row.cells for row in rows if not _is_hint(row.cells)), [])


def _is_hint(cells: list[str]) -> bool:
    """Excel's own first line, `sep=;`, is no header."""
    return cells[0].casefold().startswith("sep=")


def _read_rows(text: IO[str], delimiter: str) -> Iterator[SheetRow]:
    """Every row with something in it; what the reader chokes on is a row with a problem, and the next one follows."""
    lines = _BoundedLines(text)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            yield SheetRow(begins, [""], _describe_unclosed_quote(begins, reader.line_num))
            continue
        if cells is None:
            return
        if lines.was_cut:
            lines.was_cut = False
            yield SheetRow(begins, [""], "the line is too long: something other than a roster stands in it")
        elif reader.line_num - begins >= MAX_LINES_PER_ROW:
            yield SheetRow(begins, [""], _describe_unclosed_quote(begins, reader.line_num))
        elif any(cell.strip() for cell in cells):
            yield SheetRow(begins, cells)


class _BoundedLines:
    """The lines of a text; one beyond all measure becomes an empty one, and `cut` says so."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.was_cut = False

    def __iter__(self) -> "_BoundedLines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_LINE_LENGTH)
        if not line:
            raise StopIteration
        if len(line) < MAX_LINE_LENGTH or line.endswith(("\n", "\r")):
            return line
        self.was_cut = True
        while line and not line.endswith(("\n", "\r")):
            line = self._text.readline(MAX_LINE_LENGTH)
        return "\n"


def _describe_unclosed_quote(begins: int, ends: int) -> str:
    return f'a quotation mark (") is not closed: lines {begins} to {ends} could not be read; mend the first of them'


def _check_row_length(row: SheetRow, columns: int) -> SheetRow:
    """A row longer than the header: empty cells at its end do no harm, others mean that the columns have shifted."""
    if any(cell.strip() for cell in row.cells[columns:]):
        what = "there are more cells than columns: put a cell that holds the separator between quotation marks"
        return SheetRow(row.line, [""], what)
    return SheetRow(row.line, row.cells[:columns])
