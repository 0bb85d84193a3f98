"""A plain CSV file: a line for each guardian (and child), with columns that are found by their headers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from bot.roster import cell_parsing
from bot.roster.column_mapping import Columns, columns
from bot.roster.consent_basis import Consent
from bot.roster.language_mapping import Languages
from bot.roster.problems import Told
from bot.roster.report import BadLine, Finding, Found, Unusable
from bot.roster.school_mapping import Schools
from bot.roster.spreadsheet_reader import Row, Sheet

LANGUAGE_UNKNOWN = (
    "the language is not known, or not one of the district's: the family gets English until it says otherwise"
)


@dataclass(frozen=True)
class Reading:
    """What reading a line needs besides the line."""

    schools: Schools
    languages: Languages
    zone: str
    at: datetime
    basis: str
    basis_on: date | None
    staff: bool
    school: tuple[str, ...]
    """The school of files that name none."""

    def today(self) -> date:
        """The day of the import, where the district is."""
        return self.at.astimezone(ZoneInfo(self.zone)).date()

    def consent(self, basis: str | None, on: date | None) -> Consent:
        """Consent as of the beginning of a day; of the import where no day is given."""
        day = on or self.basis_on
        if day is None:
            return Consent(basis, self.at, dated=False)
        return Consent(basis, datetime.combine(day, time.min, tzinfo=ZoneInfo(self.zone)), dated=True)


def check(sheet: Sheet) -> Columns:
    """The columns of a plain file; raises `Unusable` where none holds phone numbers."""
    found = columns(sheet.header)
    if not found.phones:
        what = f"has no column for phone numbers among its {len(sheet.header)} columns"
        raise Unusable(f"{sheet.name} {what}: name it “phone” in the first line.")
    return found


def read(sheet: Sheet, reading: Reading, found: Found) -> Iterator[list[Told]]:
    """For each line what it says; nothing for a bad one, or one that is of no family."""
    where = check(sheet)
    for row in sheet.rows():

        def warn(what: str, line: int = row.line) -> None:
            found(Finding(sheet.name, line, what, bad=False))

        try:
            yield _told(row, where, reading, warn)
        except BadLine as bad:
            found(Finding(sheet.name, row.line, str(bad)))
            yield []


def _told(row: Row, where: Columns, reading: Reading, warn: cell_parsing.Warn) -> list[Told]:
    if row.problem:
        raise BadLine(row.problem)
    role = cell_parsing.role(_cell(row, where.role))
    if role == "student" or (role == "staff" and not reading.staff):
        return []
    told = Told(
        number="",
        schools=reading.schools.find(_cell(row, where.school)) or reading.school,
        language=spoken(_cell(row, where.language), reading, warn),
        role=role,
        channels=cell_parsing.channel(_cell(row, where.channel), warn),
        tags=cell_parsing.tags(_cell(row, where.tags), warn),
        consents=_consents(row, where, reading, warn),
    )
    return [told.of(number) for number in _numbers(row, where)]


def spoken(cell: str, reading: Reading, warn: cell_parsing.Warn) -> str | None:
    """The language of a cell; an unknown one is warned of, an empty one is not."""
    found = reading.languages.find(cell) if cell.strip() else None
    if cell.strip() and not found:
        warn(LANGUAGE_UNKNOWN)
    return found


def _numbers(row: Row, where: Columns) -> list[str]:
    """Those of the mobile columns; of the others only where these are empty."""
    for group in where.phones:
        filled = [cell for at in group if (cell := _cell(row, at)).strip()]
        if filled:
            return list(dict.fromkeys(number for cell in filled for number in cell_parsing.numbers(cell)))
    raise BadLine("there is no phone number: without one nobody can be written to")


def _consents(row: Row, where: Columns, reading: Reading, warn: cell_parsing.Warn) -> tuple[Consent, ...]:
    on = cell_parsing.day(_cell(row, where.consent_on), reading.today(), warn)
    said = cell_parsing.bases(_cell(row, where.consent), reading.basis, warn)
    return tuple(reading.consent(basis, on) for basis in said)


def _cell(row: Row, at: int | None) -> str:
    return row.cells[at] if at is not None and at < len(row.cells) else ""
