"""OneRoster 1.1 and 1.2 (1EdTech), the CSV form: orgs, users and, in 1.2, roles, known by their headers.

A guardian's schools are its own and those of the students that it is an agent of, whichever side the file says it on.
Students' own numbers are never taken: they are children.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.roster import cell_parsing
from bot.roster.column_mapping import language
from bot.roster.csv_roster import Reading, spoken
from bot.roster.problems import Told
from bot.roster.report import BadLine, Finding, Found, Unusable
from bot.roster.spreadsheet_reader import Sheet
from bot.roster.workspace import Workspace

ORGS, USERS, ROLES, OTHER = "orgs", "users", "roles", "other"
GUARDIANS = frozenset({"parent", "guardian", "relative"})
STAFF = frozenset(
    {"teacher", "administrator", "aide", "proctor", "counselor", "principal", "districtadministrator",
     "siteadministrator", "systemadministrator"}
)  # fmt: skip
_LIST = re.compile(r"[,;\s]+")

Cells = Mapping[str, str]


@dataclass(frozen=True)
class Bundle:
    """The files of one export."""

    orgs: Sequence[Sheet]
    users: Sequence[Sheet]
    roles: Sequence[Sheet]


def kind_of(sheet: Sheet) -> str | None:
    """Which of OneRoster's files this is; None: none of them."""
    names = {name.strip().casefold() for name in sheet.header}
    if "sourcedid" not in names:
        return OTHER if {"propertyname", "value"} <= names else None
    if {"usersourcedid", "role", "orgsourcedid"} <= names:
        return ROLES
    if {"givenname", "familyname"} <= names and names & {"enableduser", "agentsourcedids", "username"}:
        return USERS
    return ORGS if {"name", "type", "parentsourcedid"} <= names else OTHER


def bundle(sheets: Mapping[str, Sequence[Sheet]]) -> Bundle | None:
    """The files put together; None if none of them is OneRoster's.  Raises `Unusable` where one is missing."""
    orgs, users, roles = (sheets.get(kind, ()) for kind in (ORGS, USERS, ROLES))
    if not (orgs or users or roles):
        return None
    if not users:
        raise Unusable("These are files of OneRoster, but users.csv is not among them: give it too.")
    for sheet in users:
        if not roles and "role" not in _places(sheet):
            raise Unusable(f"{sheet.name} is of OneRoster 1.2, which keeps roles in roles.csv: give that file too.")
    return Bundle(orgs, users, roles)


def prepare(given: Bundle, workspace: Workspace, reading: Reading, found: Found) -> None:
    """Read who belongs where, before anybody is imported."""
    for sheet in given.orgs:
        _read_orgs(sheet, workspace, reading, found)
    for sheet in given.roles:
        for _, row in _fine_rows(sheet, found):
            _read_role(row, workspace, reading.today())
    for sheet in given.users:
        for _, row in _rows(sheet):
            _read_links(row, workspace)
    _find_missing_orgs(given, workspace, reading, found)


def _read_orgs(sheet: Sheet, workspace: Workspace, reading: Reading, found: Found) -> None:
    for line, row in _fine_rows(sheet, found):
        if _deleted(row) or not row.get("sourcedid"):
            continue
        names = [row.get(name, "") for name in ("identifier", "name", "sourcedid")]
        school = next((school for name in names if name and (school := reading.schools.one(name))), None)
        workspace.add_org(row["sourcedid"], school)
        if school is None and row.get("type", "school").casefold() in ("school", ""):
            what = (
                f"this organization is no school of the district file; {reading.schools.nearest(row.get('name', ''))}"
            )
            found(Finding(sheet.name, line, what, bad=False))


def _find_missing_orgs(given: Bundle, workspace: Workspace, reading: Reading, found: Found) -> None:
    missing = workspace.orgs_missing()
    known = {org: reading.schools.one(org) for org in missing}
    for org, school in known.items():
        workspace.add_org(org, school)
    unknown = sum(school is None for school in known.values())
    if unknown:
        what = (
            f"{unknown} organizations that people belong to are in no orgs.csv: their families get no school from them"
        )
        found(Finding(given.users[0].name, None, what, bad=False))


def _read_role(row: Cells, workspace: Workspace, today: date) -> None:
    """OneRoster 1.2: one line for each role of a person; one that has ended, or not begun, is none."""
    person, kind = row.get("usersourcedid", ""), _kind(row.get("role", ""))
    begins, ends = row.get("begindate", "")[:10], row.get("enddate", "")[:10]
    over = _deleted(row) or bool(ends and ends < today.isoformat()) or begins > today.isoformat()
    if person and kind:
        workspace.add_role(person, f"former {kind}" if over else kind, row.get("orgsourcedid", ""))


def _read_links(row: Cells, workspace: Workspace) -> None:
    person = row.get("sourcedid", "")
    kind = _kind(row.get("role", ""))
    if not person:
        return
    if kind:
        for org in _list(row.get("orgsourcedids", "")) or [""]:
            workspace.add_role(person, kind, org)
    if _deleted(row) or row.get("enableduser", "").casefold() in ("false", "0", "no"):
        workspace.add_gone(person)
    for other in _list(row.get("agentsourcedids", "")):
        workspace.link(person, other)


def read(sheet: Sheet, workspace: Workspace, reading: Reading, found: Found, gone: bool) -> Iterator[list[Told]]:
    """For each line of users.csv what it says.

    First those who are there, then, in another go, those who are `gone`: where both have one number, it stays.
    """
    for line, row in _rows(sheet):

        def warn(what: str, line: int = line) -> None:
            found(Finding(sheet.name, line, what, bad=False))

        try:
            yield _told(row, workspace, reading, warn, gone)
        except BadLine as bad:
            if not gone:
                found(Finding(sheet.name, line, str(bad)))
            yield []


def _told(row: Cells, workspace: Workspace, reading: Reading, warn: cell_parsing.Warn, gone: bool) -> list[Told]:
    if problem := row.get(PROBLEM):
        raise BadLine(problem)
    person = row.get("sourcedid", "")
    kinds = workspace.kinds(person)
    former = "former family" in kinds and "family" not in kinds
    role = "family" if former or "family" in kinds else "staff" if "staff" in kinds and reading.staff else None
    if role is None or (former or workspace.is_gone(person)) != gone:
        return []
    numbers = _numbers(row)
    if gone:
        return [Told(number, leaves=True) for number in numbers]
    schools = tuple(workspace.schools_of(person, role))
    if not schools and role == "family":
        warn("no school of the district is known for this guardian: it gets only what goes to everybody")
    language_cell = row.get(LANGUAGE, "")
    told = Told(
        "", schools, spoken(language_cell, reading, warn), role, consents=(reading.consent(reading.basis, None),)
    )
    return [told.of(number) for number in numbers]


def _numbers(row: Cells) -> list[str]:
    """`sms` before `phone`: that is where texts arrive."""
    for name in ("sms", "phone"):
        if row.get(name, "").strip():
            return cell_parsing.numbers(row[name])
    raise BadLine("there is no number under sms or phone: without one nobody can be written to")


def _kind(role: str) -> str:
    plain = role.strip().casefold()
    return "family" if plain in GUARDIANS else "staff" if plain in STAFF else "student" if plain == "student" else ""


def _deleted(row: Cells) -> bool:
    return row.get("status", "").casefold() == "tobedeleted"


def _list(cell: str) -> list[str]:
    return [part for part in _LIST.split(cell) if part]


LANGUAGE, PROBLEM = " language", " problem"
"""Keys beside the headers; no header begins with a space."""


def _places(sheet: Sheet) -> dict[str, int]:
    found = {name.strip().casefold(): at for at, name in reversed(tuple(enumerate(sheet.header)))}
    at = language(sheet.header)
    return found if at is None else {**found, LANGUAGE: at}


def _fine_rows(sheet: Sheet, found: Found) -> Iterator[tuple[int, Cells]]:
    for line, row in _rows(sheet):
        if problem := row.get(PROBLEM):
            found(Finding(sheet.name, line, problem))
        else:
            yield line, row


def _rows(sheet: Sheet) -> Iterator[tuple[int, Cells]]:
    """Line and cells by header, in small letters; a row that cannot be read has only its problem."""
    places = _places(sheet)
    for row in sheet.rows():
        if row.problem:
            yield row.line, {PROBLEM: row.problem}
            continue
        yield row.line, {name: row.cells[at].strip() for name, at in places.items() if at < len(row.cells)}
