"""Read the tables in a file or a zip row by row, and detect their encoding and delimiter."""

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
"""A roster has no longer line. Without a limit, a file with one endless line would fill the memory."""
MAX_LINES_PER_ROW = 20
"""A longer row has probably lost a closing quotation mark and includes the rows after it."""
CSV_DELIMITERS = ",;\t|"
MAX_MEMBER_BYTES = 1 << 30
MAX_COMPRESSION_RATIO, RATIO_CHECK_MIN_BYTES = 200, 50 << 20
"""A CSV file compresses to a tenth of its size. A file with a ratio over 200 is a zip bomb."""
MAX_ZIP_MEMBERS = 200


@dataclass(frozen=True)
class SheetRow:
    """The cells of one row and the line where it begins. If `problem` is set, the cells must not be used."""

    line: int
    cells: list[str]
    problem: str = ""


@dataclass(frozen=True)
class RosterSheet:
    """One table and its header. `read_rows` reads it from the beginning each time."""

    name: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    open_file: Callable[[], IO[bytes]]

    def read_rows(self) -> Iterator[SheetRow]:
        """Yield all rows below the header that are not empty."""
        with self.open_file() as raw:
            text = io.TextIOWrapper(raw, self.encoding, errors="replace", newline="")
            rows = _read_rows(text, self.delimiter)
            next(row for row in rows if not _is_hint(row.cells))
            for row in rows:
                yield _check_row_length(row, len(self.header))


def open_sheets(path: Path) -> Iterator[RosterSheet]:
    """Open the table of a file, or the tables of a zip. Raises `UnusableFileError`."""
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
    """Return the SHA-256 hash of the file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _open_zip_members(path: Path) -> Iterator[RosterSheet]:
    zip_name = sanitize_file_name(path.name)
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if member.filename.casefold().endswith(".csv")]
    except zipfile.BadZipFile:
        raise UnusableFileError(f"{zip_name} is damaged: export it again.") from None
    if not members:
        raise UnusableFileError(f"{zip_name} has no CSV file. If it is a workbook, save its sheet as “CSV UTF-8”.")
    if len(members) > MAX_ZIP_MEMBERS:
        raise UnusableFileError(f"{zip_name} has more than {MAX_ZIP_MEMBERS} files, so it is not a roster.")
    for member in members:
        name = sanitize_file_name(f"{path.name}/{member.filename}")
        _reject_zip_bomb(name, member)
        yield _open_sheet(name, _create_opener(path, member))


def _reject_zip_bomb(name: str, member: zipfile.ZipInfo) -> None:
    """Check the declared size before unpacking. Python reads no more than this size while it unpacks."""
    if member.flag_bits & 1:
        raise UnusableFileError(f"{name} is encrypted: unpack it, and import the files.")
    ratio_limit = MAX_COMPRESSION_RATIO * max(member.compress_size, 1)
    is_bomb = member.file_size > RATIO_CHECK_MIN_BYTES and member.file_size > ratio_limit
    if member.file_size > MAX_MEMBER_BYTES or is_bomb:
        raise UnusableFileError(
            f"{name} unpacks to {member.file_size >> 20} MB, so it is not a roster: unpack it and check it."
        )


def _create_opener(path: Path, member: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    def open_member() -> IO[bytes]:
        try:
            with zipfile.ZipFile(path) as archive:  # the member keeps the file open after this
                return archive.open(member)
        except (zipfile.BadZipFile, NotImplementedError):
            name = sanitize_file_name(path.name)
            raise UnusableFileError(f"{name} is damaged, or its compression is not supported.") from None

    return open_member


def _open_sheet(name: str, open_file: Callable[[], IO[bytes]]) -> RosterSheet:
    encoding = _detect_encoding(name, open_file)
    with open_file() as raw:
        sample = io.TextIOWrapper(raw, encoding, errors="replace", newline="").read(CHUNK_BYTES)
    headers = {delimiter: _find_header(sample, delimiter) for delimiter in CSV_DELIMITERS}
    delimiter = max(headers, key=lambda delimiter: len(headers[delimiter]))
    if not any(cell.strip() for cell in headers[delimiter]):
        raise UnusableFileError(f"{name} is empty: its first line must name the columns.")
    return RosterSheet(name, encoding, delimiter, tuple(headers[delimiter]), open_file)


def _detect_encoding(name: str, open_file: Callable[[], IO[bytes]]) -> str:
    """Return UTF-8 if the whole file is valid, UTF-16 if it has a mark, else the encoding of American Windows."""
    decoder, is_utf8 = codecs.getincrementaldecoder("utf-8")(), True
    try:
        with open_file() as raw:
            chunk = raw.read(CHUNK_BYTES)
            if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            if b"\0" in chunk:
                raise UnusableFileError(
                    f"{name} is not a text file. If it is a workbook, save its sheet as “CSV UTF-8”."
                )
            while chunk:
                is_utf8 = is_utf8 and _can_decode(decoder, chunk)
                chunk = raw.read(CHUNK_BYTES)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise UnusableFileError(f"{name} is damaged ({type(error).__name__}): export it again.") from None
    if is_utf8 and _can_decode(decoder, b"", final=True):
        return "utf-8-sig"
    return "cp1252"


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
    """Return whether this is Excel's first line `sep=;`, which is not a header."""
    return cells[0].casefold().startswith("sep=")


def _read_rows(text: IO[str], delimiter: str) -> Iterator[SheetRow]:
    """Yield every row that is not empty. A row that cannot be parsed has a problem, and reading continues after it."""
    lines = _BoundedLines(text)
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        first_line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error:
            yield SheetRow(first_line, [""], _describe_unclosed_quote(first_line, reader.line_num))
            continue
        if cells is None:
            return
        if lines.was_cut:
            lines.was_cut = False
            yield SheetRow(first_line, [""], "the line is too long: remove it if it is not part of the roster")
        elif reader.line_num - first_line >= MAX_LINES_PER_ROW:
            yield SheetRow(first_line, [""], _describe_unclosed_quote(first_line, reader.line_num))
        elif any(cell.strip() for cell in cells):
            yield SheetRow(first_line, cells)


class _BoundedLines:
    """The lines of a text. A line that is too long becomes an empty line and sets `was_cut`."""

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


def _describe_unclosed_quote(first_line: int, last_line: int) -> str:
    return f'a quotation mark (") is not closed in lines {first_line} to {last_line}: correct the first of them'


def _check_row_length(row: SheetRow, column_count: int) -> SheetRow:
    """Cut empty cells beyond the header. Other cells there mean that the columns have shifted."""
    if row.problem or len(row.cells) <= column_count:
        return row
    if any(cell.strip() for cell in row.cells[column_count:]):
        problem = "the line has more cells than columns: put quotation marks around a cell that has the separator"
        return SheetRow(row.line, [""], problem)
    return SheetRow(row.line, row.cells[:column_count])
