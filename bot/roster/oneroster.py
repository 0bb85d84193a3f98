"""OneRoster 1.1 and 1.2 (1EdTech), the CSV form: orgs, users and, in 1.2, roles, known by their headers.

A guardian's schools are its own and those of the students that it is an agent of, whichever side the file says it on.
Students' own numbers are never taken: they are children.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from bot.roster import cell_parsing
from bot.roster.column_mapping import find_language_column
from bot.roster.csv_roster import LineReadingContext, parse_language
from bot.roster.entries import RosterEntry
from bot.roster.report import BadLineError, FindingCallback, RosterFinding, UnusableFileError
from bot.roster.spreadsheet_reader import RosterSheet
from bot.roster.workspace import ImportWorkspace

ORGS_FILE, USERS_FILE, ROLES_FILE, OTHER_FILE = "orgs", "users", "roles", "other"
GUARDIAN_ROLES = frozenset({"parent", "guardian", "relative"})
STAFF_ROLES = frozenset(
    {"teacher", "administrator", "aide", "proctor", "counselor", "principal", "districtadministrator",
     "siteadministrator", "systemadministrator"}
)  # fmt: skip
_LIST_SEPARATOR_PATTERN = re.compile(r"[,;\s]+")

CellsByHeader = Mapping[str, str]


@dataclass(frozen=True)
class OneRosterFiles:
    """The files of one export."""

    orgs: Sequence[RosterSheet]
    users: Sequence[RosterSheet]
    roles: Sequence[RosterSheet]


def detect_file_kind(sheet: RosterSheet) -> str | None:
    """Which of OneRoster's files this is; None: none of them."""
    names = {name.strip().casefold() for name in sheet.header}
    if "sourcedid" not in names:
        return OTHER_FILE if {"propertyname", "value"} <= names else None
    if {"usersourcedid", "role", "orgsourcedid"} <= names:
        return ROLES_FILE
    if {"givenname", "familyname"} <= names and names & {"enableduser", "agentsourcedids", "username"}:
        return USERS_FILE
    return ORGS_FILE if {"name", "type", "parentsourcedid"} <= names else OTHER_FILE


def group_files(sheets: Mapping[str, Sequence[RosterSheet]]) -> OneRosterFiles | None:
    """The files put together; None if none of them is OneRoster's.  Raises `Unusable` where one is missing."""
    orgs, users, roles = (sheets.get(kind, ()) for kind in (ORGS_FILE, USERS_FILE, ROLES_FILE))
    if not (orgs or users or roles):
        return None
    if not users:
        raise UnusableFileError("These are files of OneRoster, but users.csv is not among them: give it too.")
    for sheet in users:
        if not roles and "role" not in _map_headers(sheet):
            raise UnusableFileError(
                f"{sheet.name} is of OneRoster 1.2, which keeps roles in roles.csv: give that file too."
            )
    return OneRosterFiles(orgs, users, roles)


def load_memberships(
    given: OneRosterFiles, workspace: ImportWorkspace, reading: LineReadingContext, found: FindingCallback
) -> None:
    """Read who belongs where, before anybody is imported."""
    for sheet in given.orgs:
        _read_orgs(sheet, workspace, reading, found)
    for sheet in given.roles:
        for _, row in _read_valid_rows(sheet, found):
            _read_role(row, workspace, reading.get_today())
    for sheet in given.users:
        for _, row in _read_rows(sheet):
            _read_links(row, workspace)
    _find_missing_orgs(given, workspace, reading, found)


def _read_orgs(
    sheet: RosterSheet, workspace: ImportWorkspace, reading: LineReadingContext, found: FindingCallback
) -> None:
    for line, row in _read_valid_rows(sheet, found):
        if _is_deleted(row) or not row.get("sourcedid"):
            continue
        names = [row.get(name, "") for name in ("identifier", "name", "sourcedid")]
        school = next((school for name in names if name and (school := reading.schools.find_one(name))), None)
        workspace.add_org(row["sourcedid"], school)
        if school is None and row.get("type", "school").casefold() in ("school", ""):
            nearest = reading.schools.suggest_nearest(row.get("name", ""))
            what = f"this organization is no school of the district file; {nearest}"
            found(RosterFinding(sheet.name, line, what, is_bad=False))


def _find_missing_orgs(
    given: OneRosterFiles, workspace: ImportWorkspace, reading: LineReadingContext, found: FindingCallback
) -> None:
    missing = workspace.list_missing_orgs()
    known = {org: reading.schools.find_one(org) for org in missing}
    for org, school in known.items():
        workspace.add_org(org, school)
    unknown = sum(school is None for school in known.values())
    if unknown:
        what = (
            f"{unknown} organizations that people belong to are in no orgs.csv: their families get no school from them"
        )
        found(RosterFinding(given.users[0].name, None, what, is_bad=False))


def _read_role(row: CellsByHeader, workspace: ImportWorkspace, today: date) -> None:
    """OneRoster 1.2: one line for each role of a person; one that has ended, or not begun, is none."""
    person, kind = row.get("usersourcedid", ""), _classify_role(row.get("role", ""))
    begins, ends = row.get("begindate", "")[:10], row.get("enddate", "")[:10]
    over = _is_deleted(row) or bool(ends and ends < today.isoformat()) or begins > today.isoformat()
    if person and kind:
        workspace.add_role(person, f"former {kind}" if over else kind, row.get("orgsourcedid", ""))


def _read_links(row: CellsByHeader, workspace: ImportWorkspace) -> None:
    person = row.get("sourcedid", "")
    kind = _classify_role(row.get("role", ""))
    if not person:
        return
    if kind:
        for org in _split_list(row.get("orgsourcedids", "")) or [""]:
            workspace.add_role(person, kind, org)
    if _is_deleted(row) or row.get("enableduser", "").casefold() in ("false", "0", "no"):
        workspace.mark_gone(person)
    for other in _split_list(row.get("agentsourcedids", "")):
        workspace.link_people(person, other)


def read_users(
    sheet: RosterSheet, workspace: ImportWorkspace, reading: LineReadingContext, found: FindingCallback, gone: bool
) -> Iterator[list[RosterEntry]]:
    """For each line of users.csv what it says.

    First those who are there, then, in another go, those who are `gone`: where both have one number, it stays.
    """
    for line, row in _read_rows(sheet):

        def warn(what: str, line: int = line) -> None:
            found(RosterFinding(sheet.name, line, what, is_bad=False))

        try:
            yield _build_entries(row, workspace, reading, warn, gone)
        except BadLineError as bad:
            if not gone:
                found(RosterFinding(sheet.name, line, str(bad)))
            yield []


def _build_entries(
    row: CellsByHeader,
    workspace: ImportWorkspace,
    reading: LineReadingContext,
    warn: cell_parsing.WarnCallback,
    gone: bool,
) -> list[RosterEntry]:
    if problem := row.get(PROBLEM_KEY):
        raise BadLineError(problem)
    person = row.get("sourcedid", "")
    kinds = workspace.list_role_kinds(person)
    former = "former family" in kinds and "family" not in kinds
    role = (
        "family"
        if former or "family" in kinds
        else "staff"
        if "staff" in kinds and reading.should_include_staff
        else None
    )
    if role is None or (former or workspace.is_gone(person)) != gone:
        return []
    numbers = _find_phones(row)
    if gone:
        return [RosterEntry(number, has_left=True) for number in numbers]
    schools = tuple(workspace.list_schools(person, role))
    if not schools and role == "family":
        warn("no school of the district is known for this guardian: it gets only what goes to everybody")
    language_cell = row.get(LANGUAGE_KEY, "")
    told = RosterEntry(
        "",
        schools,
        parse_language(language_cell, reading, warn),
        role,
        consents=(reading.build_consent(reading.default_basis, None),),
    )
    return [told.copy_for_number(number) for number in numbers]


def _find_phones(row: CellsByHeader) -> list[str]:
    """`sms` before `phone`: that is where texts arrive."""
    for name in ("sms", "phone"):
        if row.get(name, "").strip():
            return cell_parsing.parse_phones(row[name])
    raise BadLineError("there is no number under sms or phone: without one nobody can be written to")


def _classify_role(role: str) -> str:
    plain = role.strip().casefold()
    return (
        "family"
        if plain in GUARDIAN_ROLES
        else "staff"
        if plain in STAFF_ROLES
        else "student"
        if plain == "student"
        else ""
    )


def _is_deleted(row: CellsByHeader) -> bool:
    return row.get("status", "").casefold() == "tobedeleted"


def _split_list(cell: str) -> list[str]:
    return [part for part in _LIST_SEPARATOR_PATTERN.split(cell) if part]


LANGUAGE_KEY, PROBLEM_KEY = " language", " problem"
"""Keys beside the headers; no header begins with a space."""


def _map_headers(sheet: RosterSheet) -> dict[str, int]:
    found = {name.strip().casefold(): at for at, name in reversed(tuple(enumerate(sheet.header)))}
    at = find_language_column(sheet.header)
    return found if at is None else {**found, LANGUAGE_KEY: at}


def _read_valid_rows(sheet: RosterSheet, found: FindingCallback) -> Iterator[tuple[int, CellsByHeader]]:
    for line, row in _read_rows(sheet):
        if problem := row.get(PROBLEM_KEY):
            found(RosterFinding(sheet.name, line, problem))
        else:
            yield line, row


def _read_rows(sheet: RosterSheet) -> Iterator[tuple[int, CellsByHeader]]:
    """Line and cells by header, in small letters; a row that cannot be read has only its problem."""
    places = _map_headers(sheet)
    for row in sheet.read_rows():
        if row.problem:
            yield row.line, {PROBLEM_KEY: row.problem}
            continue
        yield row.line, {name: row.cells[at].strip() for name, at in places.items() if at < len(row.cells)}
