"""Import rosters in batches. Each batch is a short transaction that also saves the progress.

An interrupted import continues after the last saved batch. Repeating a finished import changes nothing.
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
"""Lines per transaction. A web request that writes waits for at most one of these transactions."""
PROGRESS_INTERVAL_BATCHES = 40
MAX_BAD_LINE_RATIO = 0.1
"""With a larger share of bad lines, the files do not count as the whole roster, and no family is removed."""

ProgressCallback = Callable[[str], None]


@dataclass(frozen=True)
class RosterImportOptions:
    """The options of an import. With `whole`, families that the files do not name are removed from their schools."""

    whole: bool = False
    basis: str = DEFAULT_CONSENT_BASIS
    basis_on: date | None = None
    staff: bool = False
    school: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class _SheetPass:
    """One pass over one sheet. With `is_repeat`, its lines were already counted in an earlier pass."""

    read_lines: Callable[[FindingCallback], Iterator[list[RosterEntry]]]
    is_repeat: bool = False


@dataclass
class _ImportRun:
    """The state of a running import."""

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
    """Bad lines of the files that only contain memberships."""
    covered_schools: set[str] = field(default_factory=set)

    def record_finding(self, finding: RosterFinding) -> None:
        """Count a finding and report it."""
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
    """Import these files.

    Raises `UnusableFileError` before any change if a file cannot be read.

    Args:
        report_progress: Gets messages about the progress.
        report_finding: Gets each finding as it occurs. Without it, findings go to `report_progress`.
    """
    unique_paths = dict.fromkeys(path.resolve() for path in paths)
    sheets = [sheet for path in unique_paths for sheet in open_sheets(path)]
    oneroster_files, plain_sheets = _sort_sheets(sheets, report_progress)
    default_schools = _find_default_school(runtime, options)
    import_id, started_at, saved_line_count = _start_import(runtime, paths, options)
    workspace = ImportWorkspace()
    try:
        run = _ImportRun(
            runtime,
            options,
            import_id,
            started_at,
            saved_line_count,
            workspace,
            report_progress,
            report_finding or (lambda finding: report_progress(str(finding))),
            ImportReport(is_dry_run=options.dry_run, earlier_line_count=saved_line_count),
        )
        reading = _build_reading(run, default_schools)
        _read_all(run, list(_list_passes(run, oneroster_files, plain_sheets, reading)))
        _finish_run(run)
    finally:
        workspace.close()
    return run.report


def _sort_sheets(
    sheets: Sequence[RosterSheet], report_progress: ProgressCallback
) -> tuple[oneroster.OneRosterFiles | None, list[RosterSheet]]:
    """Separate OneRoster files from plain ones. Skip other files, or refuse the import if no file is a roster."""
    by_kind: dict[str, list[RosterSheet]] = defaultdict(list)
    for sheet in sheets:
        by_kind[oneroster.detect_file_kind(sheet) or "plain"].append(sheet)
    oneroster_files = oneroster.group_files(by_kind)
    plain_sheets = by_kind["plain"]
    if oneroster_files:
        plain_sheets = [sheet for sheet in plain_sheets if map_columns(sheet.header).phones]
    kinds = (oneroster.ORGS_FILE, oneroster.USERS_FILE, oneroster.ROLES_FILE)
    used_sheets = [*plain_sheets, *(sheet for kind in kinds for sheet in by_kind[kind])]
    for sheet in sheets:
        report_progress(_describe_encoding(sheet) if sheet in used_sheets else f"{sheet.name}: not needed, skipped")
    for sheet in plain_sheets:
        csv_roster.find_columns(sheet)
    if not (oneroster_files or plain_sheets):
        raise UnusableFileError(
            "None of these files is a roster: a roster has a column “phone”, or is OneRoster's users.csv."
        )
    return oneroster_files, plain_sheets


def _describe_encoding(sheet: RosterSheet) -> str:
    if sheet.encoding == "cp1252":
        return f"{sheet.name}: not UTF-8, read as Windows-1252. If letters look wrong, save it as “CSV UTF-8”."
    encoding = "UTF-8" if sheet.encoding == "utf-8-sig" else "UTF-16"
    return f"{sheet.name}: read as {encoding}"


def _find_default_school(runtime: Runtime, options: RosterImportOptions) -> tuple[str, ...]:
    """Return the school of lines that name no school."""
    try:
        return SchoolFinder(runtime.library.district.schools).find(options.school or "")
    except BadLineError as error:
        raise UnusableFileError(f"--school: {error}.") from None


def _start_import(runtime: Runtime, paths: Sequence[Path], options: RosterImportOptions) -> tuple[str, datetime, int]:
    """Return (ID, start, saved lines) of an interrupted import of the same files, or of a new import."""
    if options.dry_run:
        return "", now(), 0
    identity = [*(hash_file(path) for path in paths), repr(options)]
    content_hash = hashlib.sha256("\n".join(identity).encode()).hexdigest()
    with runtime.database.write() as db:
        import_id, saved_line_count, started_at = roster_rows.resume_or_start(db, uuid4().hex, content_hash)
    return import_id, started_at, saved_line_count


def _build_reading(run: _ImportRun, default_schools: tuple[str, ...]) -> LineReadingContext:
    district, options = run.runtime.library.district, run.options
    return LineReadingContext(
        SchoolFinder(district.schools),
        LanguageFinder(district.languages),
        district.time_zone,
        run.started_at,
        options.basis,
        options.basis_on,
        options.staff,
        default_schools,
    )


def _list_passes(
    run: _ImportRun,
    oneroster_files: oneroster.OneRosterFiles | None,
    plain_sheets: Sequence[RosterSheet],
    reading: LineReadingContext,
) -> Iterator[_SheetPass]:
    """List the passes. People who have left come last, so that a number that another person uses is not removed."""
    for sheet in plain_sheets:
        yield _SheetPass(partial(csv_roster.read_lines, sheet, reading))
    if oneroster_files:
        oneroster.load_memberships(oneroster_files, run.workspace, reading, run.record_finding)
        for gone in (False, True):
            for sheet in oneroster_files.users:
                read = partial(oneroster.read_users, sheet, run.workspace, reading)
                yield _SheetPass(partial(read, gone=gone), is_repeat=gone)


def _read_all(run: _ImportRun, passes: Iterable[_SheetPass]) -> None:
    batch_count, run.setup_bad_count = 0, run.report.bad
    for sheet_pass in passes:
        lines = sheet_pass.read_lines(run.record_finding)
        while batch := list(islice(lines, LINE_BATCH_SIZE)):
            run.lines_read += len(batch)
            _count_lines(run, batch, sheet_pass.is_repeat)
            if run.lines_read > run.saved_line_count:
                _save_lines(run, [entry for line in batch for entry in line])
            batch_count += 1
            if batch_count % PROGRESS_INTERVAL_BATCHES == 0:
                run.report_progress(f"{run.lines_read} lines read")


def _count_lines(run: _ImportRun, batch: Sequence[list[RosterEntry]], is_repeat: bool) -> None:
    if not is_repeat:
        run.report.lines += len(batch)
    run.report.used += sum(bool(line) for line in batch)
    run.covered_schools.update(school for line in batch for entry in line for school in entry.schools)


def _save_lines(run: _ImportRun, entries: Sequence[RosterEntry]) -> None:
    vault = run.runtime.database.vault
    lines = [(entry, build_person(vault, entry.number)) for entry in merge_entries(entries)]
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
        for entry, person in lines
        for change in decide_changes(states[person.lookup_hash], entry, person, run.id or DRY_RUN_ID)
    ]


DRY_RUN_ID = "trial"
"""The import ID of a dry run, which saves nothing."""


def _preview_lines(run: _ImportRun, lines: Sequence[tuple[RosterEntry, RosterPerson]]) -> None:
    """Count what these lines would change, given what the earlier lines would have saved."""
    with run.runtime.database.read() as db:
        states = roster_rows.load_states(db, [person for _, person in lines])
    saved_schools = {lookup_hash: frozenset(state.schools) for lookup_hash, state in states.items()}
    for lookup_hash, state in states.items():
        state.schools.update(dict.fromkeys(run.workspace.list_placements(lookup_hash), DRY_RUN_ID))
    _tally_changes(run, _decide_changes(run, lines, states))
    run.workspace.record_placements(
        (person.lookup_hash, school, school in saved_schools[person.lookup_hash])
        for entry, person in lines
        for school in entry.schools
    )


def _tally_changes(run: _ImportRun, changes: Sequence[RosterChange]) -> None:
    run.report.joined += sum(len(change.added_schools) for change in changes)
    run.report.left += sum(len(change.removed_schools) for change in changes)
    run.workspace.record_families((change.person.lookup_hash, _get_family_status(change)) for change in changes)


def _get_family_status(change: RosterChange) -> int:
    if change.is_new_family:
        return NEW_FAMILY
    return UNCHANGED_FAMILY if change.is_empty else CHANGED_FAMILY


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
    """Remove families from the schools of the whole roster that no longer names them, unless it looks incomplete."""
    report, covered = run.report, sorted(run.covered_schools)
    if report.bad > MAX_BAD_LINE_RATIO * report.lines:
        report.remarks.append("No family was removed from a school, because too many lines are bad.")
        return
    if run.options.dry_run:
        with run.runtime.database.read() as db:
            report.left += roster_rows.count_placements(db, covered) - run.workspace.count_existing_placements()
        return
    for school in covered:
        with run.runtime.database.write() as db:
            if not roster_rows.is_newest(db, run.id):
                report.remarks.append(
                    "Another import ran at the same time, so no family was removed from a school: run this again."
                )
                return
            report.left += families.remove_unseen_schools(db, [school], run.id)
