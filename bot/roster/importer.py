"""The import itself: in batches, each a short transaction that also keeps how far it came.

Killed anywhere, it goes on at the last batch that was kept; done again, it changes nothing.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import uuid4

from bot.base.database import now
from bot.roster import csv_roster, oneroster
from bot.roster.column_mapping import map_columns
from bot.roster.csv_roster import LineReadingContext
from bot.roster.entries import RosterEntry, decide_changes, merge_entries
from bot.roster.language_mapping import LanguageFinder
from bot.roster.report import BadLineError, FindingCallback, ImportReport, RosterFinding, UnusableFileError
from bot.roster.school_mapping import SchoolFinder
from bot.roster.spreadsheet_reader import RosterSheet, hash_file, open_sheets
from bot.roster.workspace import CHANGED_FAMILY, NEW_FAMILY, UNCHANGED_FAMILY, ImportWorkspace
from bot.runtime import Runtime
from bot.store.families import families, roster_imports, roster_rows
from bot.store.families.roster_changes import RosterChange, RosterPerson, RosterState, build_person

DEFAULT_CONSENT_BASIS = "number given to the school (roster)"
"""A number given to the school is consent to messages about school (FCC 16-88)."""
LINE_BATCH_SIZE = 250
"""Lines a transaction: a web request that wants to write waits for one of these at most."""
PROGRESS_INTERVAL_BATCHES = 40
MAX_BAD_LINE_RATIO = 0.1
"""With more bad lines than this a file is not taken for the whole roster: nobody is taken off a school."""

ProgressCallback = Callable[[str], None]


@dataclass(frozen=True)
class RosterImportOptions:
    """What the one who imports sets.  `whole`: whom the files do not name leaves the schools that they name."""

    whole: bool = False
    basis: str = DEFAULT_CONSENT_BASIS
    basis_on: date | None = None
    staff: bool = False
    school: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class _SheetPass:
    """One go through one sheet.  `again`: its lines were counted in an earlier go."""

    read_lines: Callable[[FindingCallback], Iterator[list[RosterEntry]]]
    is_repeat: bool = False


@dataclass
class _ImportRun:
    """An import under way."""

    runtime: Runtime
    options: RosterImportOptions
    id: str
    started_at: datetime
    saved_line_count: int
    workspace: ImportWorkspace
    report_progress: ProgressCallback
    report_finding: FindingCallback
    report: ImportReport
    lines_read: int = 0
    setup_bad_count: int = 0
    """Bad lines of the files that only say who belongs where."""
    covered_schools: set[str] = field(default_factory=set)

    def record_finding(self, finding: RosterFinding) -> None:
        """Count a finding, and pass it on."""
        self.report.bad += finding.is_bad
        self.report.warnings += not finding.is_bad
        self.report_finding(finding)


def import_files(
    runtime: Runtime,
    paths: Sequence[Path],
    options: RosterImportOptions,
    report_progress: ProgressCallback,
    report_finding: FindingCallback | None = None,
) -> ImportReport:
    """Import these files; `say` gets what a person may want to know meanwhile, `found` each finding as it is met.

    Raises `Unusable` before anything is changed if a file cannot be read at all.
    """
    sheets = [sheet for path in dict.fromkeys(path.resolve() for path in paths) for sheet in open_sheets(path)]
    given, plains = _sort_sheets(sheets, report_progress)
    school = _find_default_school(runtime, options)
    started = _start_import(runtime, paths, options)
    workspace = ImportWorkspace()
    try:
        run = _ImportRun(
            runtime,
            options,
            *started,
            workspace,
            report_progress,
            report_finding or (lambda one: report_progress(str(one))),
            ImportReport(),
        )
        run.report.is_dry_run, run.report.earlier_line_count = options.dry_run, run.saved_line_count
        _read_all(run, list(_list_passes(run, given, plains, _build_reading(run, school))))
        _finish_run(run)
    finally:
        workspace.close()
    return run.report


def _sort_sheets(
    sheets: Sequence[RosterSheet], report_progress: ProgressCallback
) -> tuple[oneroster.OneRosterFiles | None, list[RosterSheet]]:
    """OneRoster's files put together, and the plain ones; what is neither is named and left out, or refused."""
    by_kind: dict[str, list[RosterSheet]] = defaultdict(list)
    for sheet in sheets:
        by_kind[oneroster.detect_file_kind(sheet) or "plain"].append(sheet)
    given = oneroster.group_files(by_kind)
    plains = [sheet for sheet in by_kind["plain"] if not given or map_columns(sheet.header).phones]
    for sheet in sheets:
        used = sheet in plains or sheet in (
            *by_kind[oneroster.ORGS_FILE],
            *by_kind[oneroster.USERS_FILE],
            *by_kind[oneroster.ROLES_FILE],
        )
        report_progress(_describe_encoding(sheet) if used else f"{sheet.name}: not needed, left out")
    for sheet in plains:
        csv_roster.find_columns(sheet)
    if not (given or plains):
        raise UnusableFileError(
            "None of these files is a roster: a column “phone”, or OneRoster's users.csv, is needed."
        )
    return given, plains


def _describe_encoding(sheet: RosterSheet) -> str:
    if sheet.encoding != "cp1252":
        return f"{sheet.name}: read as {'UTF-8' if sheet.encoding == 'utf-8-sig' else 'UTF-16'}"
    return f"{sheet.name}: this is not UTF-8; read as Windows-1252. If letters look wrong, save it as “CSV UTF-8”."


def _find_default_school(runtime: Runtime, options: RosterImportOptions) -> tuple[str, ...]:
    """The school of lines that name none."""
    try:
        return SchoolFinder(runtime.library.district.schools).find(options.school or "")
    except BadLineError as bad:
        raise UnusableFileError(f"--school: {bad}.") from None


def _start_import(runtime: Runtime, paths: Sequence[Path], options: RosterImportOptions) -> tuple[str, datetime, int]:
    """(id, when it began, how far it is): of an import of the same files that was broken off, or of a new one."""
    if options.dry_run:
        return "", now(), 0
    said = [*(hash_file(path) for path in paths), repr(options)]
    file = hashlib.sha256("\n".join(said).encode()).hexdigest()
    with runtime.database.write() as db:
        import_id, done, at = roster_rows.resume_or_start(db, uuid4().hex, file)
    return import_id, at, done


def _build_reading(run: _ImportRun, school: tuple[str, ...]) -> LineReadingContext:
    district, options = run.runtime.library.district, run.options
    return LineReadingContext(
        SchoolFinder(district.schools),
        LanguageFinder(district.languages),
        district.time_zone,
        run.started_at,
        options.basis,
        options.basis_on,
        options.staff,
        school,
    )


def _list_passes(
    run: _ImportRun, given: oneroster.OneRosterFiles | None, plains: Sequence[RosterSheet], reading: LineReadingContext
) -> Iterator[_SheetPass]:
    """Whoever is gone comes last: a number that somebody else still has is not taken off."""
    for sheet in plains:
        yield _SheetPass(partial(csv_roster.read_lines, sheet, reading))
    if given:
        oneroster.load_memberships(given, run.workspace, reading, run.record_finding)
        for gone in (False, True):
            for sheet in given.users:
                read = partial(oneroster.read_users, sheet, run.workspace, reading)
                yield _SheetPass(partial(read, gone=gone), is_repeat=gone)


def _read_all(run: _ImportRun, sources: Iterable[_SheetPass]) -> None:
    batches, run.setup_bad_count = 0, run.report.bad
    for source in sources:
        lines = source.read_lines(run.record_finding)
        while batch := list(islice(lines, LINE_BATCH_SIZE)):
            run.lines_read += len(batch)
            _count_lines(run, batch, source.is_repeat)
            if run.lines_read > run.saved_line_count:
                _save_lines(run, [told for line in batch for told in line])
            batches += 1
            if batches % PROGRESS_INTERVAL_BATCHES == 0:
                run.report_progress(f"{run.lines_read} lines read")


def _count_lines(run: _ImportRun, batch: Sequence[list[RosterEntry]], is_repeat: bool) -> None:
    used = sum(bool(line) for line in batch)
    run.report.lines += 0 if is_repeat else len(batch)
    run.report.used += used
    run.covered_schools.update(school for line in batch for told in line for school in told.schools)


def _save_lines(run: _ImportRun, entries: Sequence[RosterEntry]) -> None:
    vault = run.runtime.database.vault
    lines = [(one, build_person(vault, one.number)) for one in merge_entries(entries)]
    if run.options.dry_run:
        _preview_lines(run, lines)
        return
    with run.runtime.database.write() as db:
        states = roster_rows.load_states(db, [person for _, person in lines])
        changes = _decide_changes(run, lines, states)
        roster_rows.write_changes(db, changes, run.id, run.started_at)
        roster_imports.set_lines_done(db, run.id, run.lines_read)
    _tally_changes(run, changes)


def _decide_changes(
    run: _ImportRun, lines: Iterable[tuple[RosterEntry, RosterPerson]], states: dict[str, RosterState]
) -> list[RosterChange]:
    return [
        change
        for told, person in lines
        for change in decide_changes(states[person.lookup_hash], told, person, run.id or DRY_RUN_ID)
    ]


DRY_RUN_ID = "trial"
"""Stands for the import's id where nothing is kept."""


def _preview_lines(run: _ImportRun, lines: Sequence[tuple[RosterEntry, RosterPerson]]) -> None:
    """What keeping these lines would change, with what the lines before would have kept."""
    with run.runtime.database.read() as db:
        states = roster_rows.load_states(db, [person for _, person in lines])
    before = {index: frozenset(state.schools) for index, state in states.items()}
    for index, state in states.items():
        state.schools.update(dict.fromkeys(run.workspace.list_placements(index), DRY_RUN_ID))
    _tally_changes(run, _decide_changes(run, lines, states))
    run.workspace.record_placements(
        (person.lookup_hash, school, school in before[person.lookup_hash])
        for told, person in lines
        for school in told.schools
    )


def _tally_changes(run: _ImportRun, changes: Sequence[RosterChange]) -> None:
    run.report.joined += sum(len(one.added_schools) for one in changes)
    run.report.left += sum(len(one.removed_schools) for one in changes)
    run.workspace.record_families(
        (
            one.person.lookup_hash,
            NEW_FAMILY if one.is_new_family else UNCHANGED_FAMILY if one.is_empty else CHANGED_FAMILY,
        )
        for one in changes
    )


def _finish_run(run: _ImportRun) -> None:
    report, workspace = run.report, run.workspace
    report.left_out = report.lines - report.used - (report.bad - run.setup_bad_count)
    report.new, report.changed = workspace.count_families(NEW_FAMILY), workspace.count_families(CHANGED_FAMILY)
    report.unchanged = workspace.count_families(UNCHANGED_FAMILY)
    if run.options.whole:
        _remove_absent_families(run)
    if not run.options.dry_run:
        with run.runtime.database.write() as db:
            roster_imports.end(db, run.id, now())


def _remove_absent_families(run: _ImportRun) -> None:
    """Families that the whole roster no longer names leave its schools, unless something speaks against it."""
    report, covered = run.report, sorted(run.covered_schools)
    if report.bad > MAX_BAD_LINE_RATIO * report.lines:
        report.remarks.append("Nobody was taken off a school: too many lines are bad for this to be the whole roster.")
        return
    if run.options.dry_run:
        with run.runtime.database.read() as db:
            report.left += roster_rows.count_placements(db, covered) - run.workspace.count_existing_placements()
        return
    for school in covered:
        with run.runtime.database.write() as db:
            if not roster_rows.is_newest(db, run.id):
                report.remarks.append("Another import ran meanwhile, so nobody was taken off a school: run this again.")
                return
            report.left += families.remove_unseen_schools(db, [school], run.id)
