"""Read OneRoster 1.1 and 1.2 (1EdTech) CSV files: orgs, users, and, in 1.2, roles, recognized by their headers.

A guardian's schools are those in the guardian's own rows and those of the linked students, whichever row has the link.
Students' numbers are never imported, because students are children.
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
    """Return the kind of OneRoster file, or None if it is not from OneRoster."""
    names = {name.strip().casefold() for name in sheet.header}
    if "sourcedid" not in names:
        if {"propertyname", "value"} <= names:
            return OTHER_FILE
        return None
    if {"usersourcedid", "role", "orgsourcedid"} <= names:
        return ROLES_FILE
    if {"givenname", "familyname"} <= names and names & {"enableduser", "agentsourcedids", "username"}:
        return USERS_FILE
    if {"name", "type", "parentsourcedid"} <= names:
        return ORGS_FILE
    return OTHER_FILE


def group_files(sheets: Mapping[str, Sequence[RosterSheet]]) -> OneRosterFiles | None:
    """Group the files of one export. None without OneRoster files. Raises `UnusableFileError` if a file is missing."""
    orgs, users, roles = (sheets.get(kind, ()) for kind in (ORGS_FILE, USERS_FILE, ROLES_FILE))
    if not (orgs or users or roles):
        return None
    if not users:
        raise UnusableFileError("These are OneRoster files without users.csv: add users.csv.")
    for sheet in users:
        if not roles and "role" not in _map_headers(sheet):
            raise UnusableFileError(
                f"{sheet.name} is from OneRoster 1.2, which has the roles in roles.csv: add roles.csv."
            )
    return OneRosterFiles(orgs, users, roles)


def load_memberships(
    files: OneRosterFiles, workspace: ImportWorkspace, reading: LineReadingContext, report_finding: FindingCallback
) -> None:
    """Read all memberships into the workspace, before any family is imported."""
    for sheet in files.orgs:
        _read_orgs(sheet, workspace, reading, report_finding)
    for sheet in files.roles:
        for _, row in _read_valid_rows(sheet, report_finding):
            _read_role(row, workspace, reading.get_today())
    for sheet in files.users:
        for _, row in _read_rows(sheet):
            _read_links(row, workspace)
    _find_missing_orgs(files, workspace, reading, report_finding)


def _read_orgs(
    sheet: RosterSheet, workspace: ImportWorkspace, reading: LineReadingContext, report_finding: FindingCallback
) -> None:
    for line, row in _read_valid_rows(sheet, report_finding):
        if _is_deleted(row) or not row.get("sourcedid"):
            continue
        names = [row.get(name, "") for name in ("identifier", "name", "sourcedid")]
        school = next((school for name in names if name and (school := reading.schools.find_one(name))), None)
        workspace.add_org(row["sourcedid"], school)
        if school is None and row.get("type", "school").casefold() in ("school", ""):
            nearest = reading.schools.suggest_nearest(row.get("name", ""))
            message = f"this organization is not a school in the district file; {nearest}"
            report_finding(RosterFinding(sheet.name, line, message, is_bad=False))


def _find_missing_orgs(
    files: OneRosterFiles, workspace: ImportWorkspace, reading: LineReadingContext, report_finding: FindingCallback
) -> None:
    school_by_org = {org: reading.schools.find_one(org) for org in workspace.list_missing_orgs()}
    for org, school in school_by_org.items():
        workspace.add_org(org, school)
    unknown_count = sum(school is None for school in school_by_org.values())
    if unknown_count:
        message = f"{unknown_count} organizations are not in orgs.csv: families get no school from them"
        report_finding(RosterFinding(files.users[0].name, None, message, is_bad=False))


def _read_role(row: CellsByHeader, workspace: ImportWorkspace, today: date) -> None:
    """Read one role of a person (OneRoster 1.2). A role that has ended or not begun is a former role."""
    person, kind = row.get("usersourcedid", ""), _classify_role(row.get("role", ""))
    begins, ends = row.get("begindate", "")[:10], row.get("enddate", "")[:10]
    is_former = _is_deleted(row) or bool(ends and ends < today.isoformat()) or begins > today.isoformat()
    if person and kind:
        workspace.add_role(person, f"former {kind}" if is_former else kind, row.get("orgsourcedid", ""))


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
    sheet: RosterSheet,
    workspace: ImportWorkspace,
    reading: LineReadingContext,
    report_finding: FindingCallback,
    gone: bool,
) -> Iterator[list[RosterEntry]]:
    """Yield the entries of each line of users.csv.

    Args:
        gone: False to read current people, True for those who have left. Read current people first: if both have the
            same number, it remains.
    """
    for line, row in _read_rows(sheet):

        def warn(message: str, line: int = line) -> None:
            report_finding(RosterFinding(sheet.name, line, message, is_bad=False))

        try:
            yield _build_entries(row, workspace, reading, warn, gone)
        except BadLineError as error:
            if not gone:
                report_finding(RosterFinding(sheet.name, line, str(error)))
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
    is_former = "former family" in kinds and "family" not in kinds
    if is_former or "family" in kinds:
        role = "family"
    elif "staff" in kinds and reading.should_include_staff:
        role = "staff"
    else:
        return []
    if (is_former or workspace.is_gone(person)) != gone:
        return []
    numbers = _find_phones(row)
    if gone:
        return [RosterEntry(number, has_left=True) for number in numbers]
    schools = tuple(workspace.list_schools(person, role))
    if not schools and role == "family":
        warn("this guardian has no school of the district, and gets only messages for all schools")
    language = parse_language(row.get(LANGUAGE_KEY, ""), reading, warn)
    consent = reading.build_consent(reading.default_basis, None)
    entry = RosterEntry("", schools, language, role, consents=(consent,))
    return [entry.copy_for_number(number) for number in numbers]


def _find_phones(row: CellsByHeader) -> list[str]:
    """Prefer `sms` over `phone`, because texts arrive there."""
    for name in ("sms", "phone"):
        if row.get(name, "").strip():
            return cell_parsing.parse_phones(row[name])
    raise BadLineError("the columns sms and phone have no number: add one")


def _classify_role(role: str) -> str:
    plain = role.strip().casefold()
    if plain in GUARDIAN_ROLES:
        return "family"
    if plain in STAFF_ROLES:
        return "staff"
    if plain == "student":
        return "student"
    return ""


def _is_deleted(row: CellsByHeader) -> bool:
    return row.get("status", "").casefold() == "tobedeleted"


def _split_list(cell: str) -> list[str]:
    return [part for part in _LIST_SEPARATOR_PATTERN.split(cell) if part]


LANGUAGE_KEY, PROBLEM_KEY = " language", " problem"
"""Keys besides the headers. They begin with a space, which no header does."""


def _map_headers(sheet: RosterSheet) -> dict[str, int]:
    indexes = {name.strip().casefold(): index for index, name in reversed(tuple(enumerate(sheet.header)))}
    language_index = find_language_column(sheet.header)
    if language_index is not None:
        indexes[LANGUAGE_KEY] = language_index
    return indexes


def _read_valid_rows(sheet: RosterSheet, report_finding: FindingCallback) -> Iterator[tuple[int, CellsByHeader]]:
    for line, row in _read_rows(sheet):
        if problem := row.get(PROBLEM_KEY):
            report_finding(RosterFinding(sheet.name, line, problem))
        else:
            yield line, row


def _read_rows(sheet: RosterSheet) -> Iterator[tuple[int, CellsByHeader]]:
    """Yield the line and the cells by lowercase header. A row that cannot be read has only its problem."""
    indexes = _map_headers(sheet)
    for row in sheet.read_rows():
        if row.problem:
            yield row.line, {PROBLEM_KEY: row.problem}
            continue
        yield row.line, {name: row.cells[index].strip() for name, index in indexes.items() if index < len(row.cells)}
