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
from bot.roster.column_mapping import columns
from bot.roster.csv_roster import Reading
from bot.roster.language_mapping import Languages
from bot.roster.problems import Told, decide, merged
from bot.roster.report import BadLine, Finding, Found, Report, Unusable
from bot.roster.school_mapping import Schools
from bot.roster.spreadsheet_reader import Sheet, digest, open_sheets
from bot.roster.workspace import CHANGED, NEW, UNCHANGED, Workspace
from bot.runtime import Services
from bot.store.families import families, roster_imports, roster_rows
from bot.store.families.roster_rows import Change, Person, State

USUAL_BASIS = "number given to the school (roster)"
"""A number given to the school is consent to messages about school (FCC 16-88)."""
AT_ONCE = 250
"""Lines a transaction: a web request that wants to write waits for one of these at most."""
TELL_EVERY = 40
MOST_BAD = 0.1
"""With more bad lines than this a file is not taken for the whole roster: nobody is taken off a school."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What the one who imports sets.  `whole`: whom the files do not name leaves the schools that they name."""

    whole: bool = False
    basis: str = USUAL_BASIS
    basis_on: date | None = None
    staff: bool = False
    school: str | None = None
    dry_run: bool = False


@dataclass(frozen=True)
class _Source:
    """One go through one sheet.  `again`: its lines were counted in an earlier go."""

    read: Callable[[Found], Iterator[list[Told]]]
    again: bool = False


@dataclass
class _Run:
    """An import under way."""

    services: Services
    options: Options
    id: str
    at: datetime
    done: int
    workspace: Workspace
    say: Say
    found: Found
    report: Report
    ordinal: int = 0
    bad_before: int = 0
    """Bad lines of the files that only say who belongs where."""
    covered: set[str] = field(default_factory=set)

    def note(self, finding: Finding) -> None:
        """Count a finding, and pass it on."""
        self.report.bad += finding.bad
        self.report.warnings += not finding.bad
        self.found(finding)


def import_files(
    services: Services, paths: Sequence[Path], options: Options, say: Say, found: Found | None = None
) -> Report:
    """Import these files; `say` gets what a person may want to know meanwhile, `found` each finding as it is met.

    Raises `Unusable` before anything is changed if a file cannot be read at all.
    """
    sheets = [sheet for path in dict.fromkeys(path.resolve() for path in paths) for sheet in open_sheets(path)]
    given, plains = _sorted(sheets, say)
    school = _school(services, options)
    started = _start(services, paths, options)
    workspace = Workspace()
    try:
        run = _Run(services, options, *started, workspace, say, found or (lambda one: say(str(one))), Report())
        run.report.dry_run, run.report.kept_before = options.dry_run, run.done
        _read_all(run, list(_sources(run, given, plains, _reading(run, school))))
        _finish(run)
    finally:
        workspace.close()
    return run.report


def _sorted(sheets: Sequence[Sheet], say: Say) -> tuple[oneroster.Bundle | None, list[Sheet]]:
    """OneRoster's files put together, and the plain ones; what is neither is named and left out, or refused."""
    by_kind: dict[str, list[Sheet]] = defaultdict(list)
    for sheet in sheets:
        by_kind[oneroster.kind_of(sheet) or "plain"].append(sheet)
    given = oneroster.bundle(by_kind)
    plains = [sheet for sheet in by_kind["plain"] if not given or columns(sheet.header).phones]
    for sheet in sheets:
        used = sheet in plains or sheet in (
            *by_kind[oneroster.ORGS],
            *by_kind[oneroster.USERS],
            *by_kind[oneroster.ROLES],
        )
        say(_introduced(sheet) if used else f"{sheet.name}: not needed, left out")
    for sheet in plains:
        csv_roster.check(sheet)
    if not (given or plains):
        raise Unusable("None of these files is a roster: a column “phone”, or OneRoster's users.csv, is needed.")
    return given, plains


def _introduced(sheet: Sheet) -> str:
    if sheet.encoding != "cp1252":
        return f"{sheet.name}: read as {'UTF-8' if sheet.encoding == 'utf-8-sig' else 'UTF-16'}"
    return f"{sheet.name}: this is not UTF-8; read as Windows-1252. If letters look wrong, save it as “CSV UTF-8”."


def _school(services: Services, options: Options) -> tuple[str, ...]:
    """The school of lines that name none."""
    try:
        return Schools(services.library.district.schools).find(options.school or "")
    except BadLine as bad:
        raise Unusable(f"--school: {bad}.") from None


def _start(services: Services, paths: Sequence[Path], options: Options) -> tuple[str, datetime, int]:
    """(id, when it began, how far it is): of an import of the same files that was broken off, or of a new one."""
    if options.dry_run:
        return "", now(), 0
    said = [*(digest(path) for path in paths), repr(options)]
    file = hashlib.sha256("\n".join(said).encode()).hexdigest()
    with services.database.write() as db:
        import_id, done, at = roster_rows.resume_or_start(db, uuid4().hex, file)
    return import_id, at, done


def _reading(run: _Run, school: tuple[str, ...]) -> Reading:
    district, options = run.services.library.district, run.options
    return Reading(
        Schools(district.schools),
        Languages(district.languages),
        district.time_zone,
        run.at,
        options.basis,
        options.basis_on,
        options.staff,
        school,
    )


def _sources(run: _Run, given: oneroster.Bundle | None, plains: Sequence[Sheet], reading: Reading) -> Iterator[_Source]:
    """Whoever is gone comes last: a number that somebody else still has is not taken off."""
    for sheet in plains:
        yield _Source(partial(csv_roster.read, sheet, reading))
    if given:
        oneroster.prepare(given, run.workspace, reading, run.note)
        for gone in (False, True):
            for sheet in given.users:
                read = partial(oneroster.read, sheet, run.workspace, reading)
                yield _Source(partial(read, gone=gone), again=gone)


def _read_all(run: _Run, sources: Iterable[_Source]) -> None:
    batches, run.bad_before = 0, run.report.bad
    for source in sources:
        lines = source.read(run.note)
        while batch := list(islice(lines, AT_ONCE)):
            run.ordinal += len(batch)
            _count(run, batch, source.again)
            if run.ordinal > run.done:
                _keep(run, [told for line in batch for told in line])
            batches += 1
            if batches % TELL_EVERY == 0:
                run.say(f"{run.ordinal} lines read")


def _count(run: _Run, batch: Sequence[list[Told]], again: bool) -> None:
    used = sum(bool(line) for line in batch)
    run.report.lines += 0 if again else len(batch)
    run.report.used += used
    run.covered.update(school for line in batch for told in line for school in told.schools)


def _keep(run: _Run, told: Sequence[Told]) -> None:
    vault = run.services.database.vault
    lines = [(one, roster_rows.person(vault, one.number)) for one in merged(told)]
    if run.options.dry_run:
        _try(run, lines)
        return
    with run.services.database.write() as db:
        states = roster_rows.states(db, run.services.database.vault, [person for _, person in lines])
        changes = _changes(run, lines, states)
        roster_rows.write(db, vault, changes, run.id, run.at)
        roster_imports.done_to(db, run.id, run.ordinal)
    _tally(run, changes)


def _changes(run: _Run, lines: Iterable[tuple[Told, Person]], states: dict[str, State]) -> list[Change]:
    return [change for told, person in lines for change in decide(states[person.index], told, person, run.id or TRIAL)]


TRIAL = "trial"
"""Stands for the import's id where nothing is kept."""


def _try(run: _Run, lines: Sequence[tuple[Told, Person]]) -> None:
    """What keeping these lines would change, with what the lines before would have kept."""
    with run.services.database.read() as db:
        states = roster_rows.states(db, run.services.database.vault, [person for _, person in lines])
    before = {index: frozenset(state.schools) for index, state in states.items()}
    for index, state in states.items():
        state.schools.update(dict.fromkeys(run.workspace.named(index), TRIAL))
    _tally(run, _changes(run, lines, states))
    run.workspace.name(
        (person.index, school, school in before[person.index]) for told, person in lines for school in told.schools
    )


def _tally(run: _Run, changes: Sequence[Change]) -> None:
    run.report.joined += sum(len(one.joined) for one in changes)
    run.report.left += sum(len(one.left) for one in changes)
    run.workspace.meet((one.person.index, NEW if one.new else UNCHANGED if one.nothing else CHANGED) for one in changes)


def _finish(run: _Run) -> None:
    report, workspace = run.report, run.workspace
    report.left_out = report.lines - report.used - (report.bad - run.bad_before)
    report.new, report.changed = workspace.met(NEW), workspace.met(CHANGED)
    report.unchanged = workspace.met(UNCHANGED)
    if run.options.whole:
        _take_off(run)
    if not run.options.dry_run:
        with run.services.database.write() as db:
            roster_imports.end(db, run.id, now())


def _take_off(run: _Run) -> None:
    """Families that the whole roster no longer names leave its schools, unless something speaks against it."""
    report, covered = run.report, sorted(run.covered)
    if report.bad > MOST_BAD * report.lines:
        report.remarks.append("Nobody was taken off a school: too many lines are bad for this to be the whole roster.")
        return
    if run.options.dry_run:
        with run.services.database.read() as db:
            report.left += roster_rows.on_rosters(db, covered) - run.workspace.named_before()
        return
    for school in covered:
        with run.services.database.write() as db:
            if not roster_rows.is_newest(db, run.id):
                report.remarks.append("Another import ran meanwhile, so nobody was taken off a school: run this again.")
                return
            report.left += families.leave_unseen(db, [school], run.id)
