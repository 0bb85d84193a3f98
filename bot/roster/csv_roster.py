"""A plain CSV file: a line for each guardian (and child), with columns that are found by their headers."""

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
    "the language is not known, or not one of the district's: the family gets English until it says otherwise"
)


@dataclass(frozen=True)
class LineReadingContext:
    """What reading a line needs besides the line."""

    schools: SchoolFinder
    languages: LanguageFinder
    time_zone: str
    imported_at: datetime
    default_basis: str
    default_basis_date: date | None
    should_include_staff: bool
    default_schools: tuple[str, ...]
    """The school of files that name none."""

    def get_today(self) -> date:
        """The day of the import, where the district is."""
        return self.imported_at.astimezone(ZoneInfo(self.time_zone)).date()

    def build_consent(self, basis: str | None, on: date | None) -> RosterConsent:
        """Consent as of the beginning of a day; of the import where no day is given."""
        day = on or self.default_basis_date
        if day is None:
            return RosterConsent(basis, self.imported_at, is_dated=False)
        return RosterConsent(basis, datetime.combine(day, time.min, tzinfo=ZoneInfo(self.time_zone)), is_dated=True)


def find_columns(sheet: RosterSheet) -> ColumnMap:
    """The columns of a plain file; raises `Unusable` where none holds phone numbers."""
    found = map_columns(sheet.header)
    if not found.phones:
        what = f"has no column for phone numbers among its {len(sheet.header)} columns"
        raise UnusableFileError(f"{sheet.name} {what}: name it “phone” in the first line.")
    return found


def read_lines(sheet: RosterSheet, reading: LineReadingContext, found: FindingCallback) -> Iterator[list[RosterEntry]]:
    """For each line what it says; nothing for a bad one, or one that is of no family."""
    where = find_columns(sheet)
    for row in sheet.read_rows():

        def warn(what: str, line: int = row.line) -> None:
            found(RosterFinding(sheet.name, line, what, is_bad=False))

        try:
            yield _build_entries(row, where, reading, warn)
        except BadLineError as bad:
            found(RosterFinding(sheet.name, row.line, str(bad)))
            yield []


def _build_entries(
    row: SheetRow, column_map: ColumnMap, reading: LineReadingContext, warn: cell_parsing.WarnCallback
) -> list[RosterEntry]:
    if row.problem:
        raise BadLineError(row.problem)
    role = cell_parsing.parse_role(_get_cell(row, column_map.role))
    if role == "student" or (role == "staff" and not reading.should_include_staff):
        return []
    told = RosterEntry(
        number="",
        schools=reading.schools.find(_get_cell(row, column_map.school)) or reading.default_schools,
        language=parse_language(_get_cell(row, column_map.language), reading, warn),
        role=role,
        channels=cell_parsing.parse_channels(_get_cell(row, column_map.channel), warn),
        tags=cell_parsing.parse_tags(_get_cell(row, column_map.tags), warn),
        consents=_parse_consents(row, column_map, reading, warn),
    )
    return [told.copy_for_number(number) for number in _find_phones(row, column_map)]


def parse_language(cell: str, reading: LineReadingContext, warn: cell_parsing.WarnCallback) -> str | None:
    """The language of a cell; an unknown one is warned of, an empty one is not."""
    found = reading.languages.find(cell) if cell.strip() else None
    if cell.strip() and not found:
        warn(UNKNOWN_LANGUAGE_WARNING)
    return found


def _find_phones(row: SheetRow, column_map: ColumnMap) -> list[str]:
    """Those of the mobile columns; of the others only where these are empty."""
    for group in column_map.phones:
        filled = [cell for at in group if (cell := _get_cell(row, at)).strip()]
        if filled:
            return list(dict.fromkeys(number for cell in filled for number in cell_parsing.parse_phones(cell)))
    raise BadLineError("there is no phone number: without one nobody can be written to")


def _parse_consents(
    row: SheetRow, column_map: ColumnMap, reading: LineReadingContext, warn: cell_parsing.WarnCallback
) -> tuple[RosterConsent, ...]:
    on = cell_parsing.parse_day(_get_cell(row, column_map.consent_on), reading.get_today(), warn)
    said = cell_parsing.parse_consent_bases(_get_cell(row, column_map.consent), reading.default_basis, warn)
    return tuple(reading.build_consent(basis, on) for basis in said)


def _get_cell(row: SheetRow, at: int | None) -> str:
    return row.cells[at] if at is not None and at < len(row.cells) else ""
