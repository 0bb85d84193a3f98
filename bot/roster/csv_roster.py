"""Read a plain CSV roster: one line per guardian (and child), with columns found by their headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from bot.roster import cell_parsing
from bot.roster.column_mapping import ColumnMap, map_columns
from bot.roster.consent_basis import RosterConsent
from bot.roster.entries import RosterEntry
from bot.roster.language_mapping import LanguageFinder
from bot.roster.report import BadLineError, FindingCallback, RosterFinding, UnusableFileError
from bot.roster.school_mapping import SchoolFinder
from bot.roster.spreadsheet_reader import RosterSheet, SheetRow

UNKNOWN_LANGUAGE_WARNING = (
    "the language is unknown or not one of the district's, so the family gets English until it chooses another"
)


@dataclass(frozen=True)
class LineReadingContext:
    """The settings and lookups that reading a line needs."""

    schools: SchoolFinder
    languages: LanguageFinder
    time_zone: str
    imported_at: datetime
    default_basis: str
    default_basis_date: date | None
    should_include_staff: bool
    default_schools: tuple[str, ...]
    """The school of lines that name no school."""

    def get_today(self) -> date:
        """Return the day of the import in the district's time zone."""
        return self.imported_at.astimezone(ZoneInfo(self.time_zone)).date()

    def build_consent(self, basis: str | None, on: date | None) -> RosterConsent:
        """Build a consent from the start of a day, or from the moment of the import if there is no day."""
        day = on or self.default_basis_date
        if day is None:
            return RosterConsent(basis, self.imported_at, is_dated=False)
        return RosterConsent(basis, datetime.combine(day, time.min, tzinfo=ZoneInfo(self.time_zone)), is_dated=True)


def find_columns(sheet: RosterSheet) -> ColumnMap:
    """Find the columns of a plain file. Raises `UnusableFileError` if no column has phone numbers."""
    column_map = map_columns(sheet.header)
    if not column_map.phones:
        problem = f"has no column for phone numbers among its {len(sheet.header)} columns"
        raise UnusableFileError(f"{sheet.name} {problem}: name it “phone” in the first line.")
    return column_map


def read_lines(
    sheet: RosterSheet, reading: LineReadingContext, report_finding: FindingCallback
) -> Iterator[list[RosterEntry]]:
    """Yield the entries of each line. The list is empty for a bad line, or one that is not about a family."""
    column_map = find_columns(sheet)
    for row in sheet.read_rows():

        def warn(message: str, line: int = row.line) -> None:
            report_finding(RosterFinding(sheet.name, line, message, is_bad=False))

        try:
            yield _build_entries(row, column_map, reading, warn)
        except BadLineError as error:
            report_finding(RosterFinding(sheet.name, row.line, str(error)))
            yield []


def _build_entries(
    row: SheetRow, column_map: ColumnMap, reading: LineReadingContext, warn: cell_parsing.WarnCallback
) -> list[RosterEntry]:
    if row.problem:
        raise BadLineError(row.problem)
    role = cell_parsing.parse_role(_get_cell(row, column_map.role))
    if role == "student" or (role == "staff" and not reading.should_include_staff):
        return []
    entry = RosterEntry(
        number="",
        schools=reading.schools.find(_get_cell(row, column_map.school)) or reading.default_schools,
        language=parse_language(_get_cell(row, column_map.language), reading, warn),
        role=role,
        channels=cell_parsing.parse_channels(_get_cell(row, column_map.channel), warn),
        tags=cell_parsing.parse_tags(_get_cell(row, column_map.tags), warn),
        consents=_parse_consents(row, column_map, reading, warn),
    )
    return [entry.copy_for_number(number) for number in _find_phones(row, column_map)]


def parse_language(cell: str, reading: LineReadingContext, warn: cell_parsing.WarnCallback) -> str | None:
    """Return the language of a cell, or None. Warn about an unknown language, but not about an empty cell."""
    if not cell.strip():
        return None
    language = reading.languages.find(cell)
    if not language:
        warn(UNKNOWN_LANGUAGE_WARNING)
    return language


def _find_phones(row: SheetRow, column_map: ColumnMap) -> list[str]:
    """Return the numbers of the mobile columns, or of the other phone columns if these are empty."""
    for group in column_map.phones:
        filled = [cell for index in group if (cell := _get_cell(row, index)).strip()]
        if filled:
            return list(dict.fromkeys(number for cell in filled for number in cell_parsing.parse_phones(cell)))
    raise BadLineError("the line has no phone number: add one")


def _parse_consents(
    row: SheetRow, column_map: ColumnMap, reading: LineReadingContext, warn: cell_parsing.WarnCallback
) -> tuple[RosterConsent, ...]:
    day = cell_parsing.parse_day(_get_cell(row, column_map.consent_on), reading.get_today(), warn)
    bases = cell_parsing.parse_consent_bases(_get_cell(row, column_map.consent), reading.default_basis, warn)
    return tuple(reading.build_consent(basis, day) for basis in bases)


def _get_cell(row: SheetRow, index: int | None) -> str:
    if index is None or index >= len(row.cells):
        return ""
    return row.cells[index]
