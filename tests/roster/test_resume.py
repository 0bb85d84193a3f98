"""A killed import resumes; the command, its report, and its exit codes."""

import csv
import multiprocessing
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from sqlalchemy import func, select

from bot.base.database import Database
from bot.roster import RosterImportOptions, import_command, importer
from bot.runtime import Runtime
from bot.store.families.contacts import contacts
from bot.store.families.roster_imports import roster_imports
from tests.conftest import NOW
from tests.roster.conftest import Roster

LINES = 4000


def numbered(lines: int) -> str:
    rows = (f"(217) {200 + line // 9999}-{line % 9999 + 1:04},lincoln\n" for line in range(lines))
    return "phone,school\n" + "".join(rows)


def count_progress(runtime: Runtime) -> tuple[int, int]:
    """Return (lines done, contacts) at this moment."""
    with runtime.database.read() as db:
        done = db.execute(select(func.max(roster_imports.c.line))).scalar_one()
        return done or 0, db.execute(select(func.count()).select_from(contacts)).scalar_one()


def import_file(runtime: Runtime, path: Path) -> None:
    """Import in a child process with its own connection and nothing else of its parent's."""
    own = replace(runtime, database=Database(runtime.settings.database_url, runtime.database.vault))
    importer.import_files(own, [path], RosterImportOptions(), lambda _: None)


@pytest.mark.long
def test_killed_import_resumes(roster: Roster) -> None:
    path = roster.file(numbered(LINES) + "1,lincoln\n")
    roster.runtime.database.engine.dispose()
    process = multiprocessing.get_context("fork").Process(target=import_file, args=(roster.runtime, path))
    process.start()
    while count_progress(roster.runtime)[0] < 1000 and process.is_alive():
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    done, people = count_progress(roster.runtime)
    assert 1000 <= done < LINES and people == done, "what was read is kept, no more"
    report = roster.read(path)
    assert (report.new, report.unchanged, report.earlier_line_count) == (LINES - done, 0, done), "nothing is done twice"
    assert report.bad == 1 and f"line {LINES + 2}: " in roster.bad[0]
    assert count_progress(roster.runtime)[1] == LINES


def stop_after(roster: Roster, monkeypatch: pytest.MonkeyPatch, batches: int, *files: Path, **options: bool) -> None:
    """Make an import fail after this many batches."""
    keep, left = importer._save_lines, [batches]

    def failing(*given: object) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        keep(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(importer, "_save_lines", failing)
    with pytest.raises(KeyboardInterrupt):
        roster.read(*files, **options)
    monkeypatch.setattr(importer, "_save_lines", keep)


def test_interrupted_whole_roster_removes_no_one_wrongly(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "LINE_BATCH_SIZE", 10)
    path = roster.file(numbered(40), "whole.csv")
    stop_after(roster, monkeypatch, 2, path, whole=True)
    report = roster.read(path, whole=True)
    assert (report.earlier_line_count, report.new, report.left) == (20, 20, 0)
    stop_after(roster, monkeypatch, 2, path, whole=True)
    with time_machine.travel(NOW + timedelta(hours=1)):
        roster.read(
            roster.file(numbered(40), "other.csv")
        )  # now `seen` no longer tells which lines the first import named
        report = roster.read(path, whole=True)
    assert (report.earlier_line_count, report.left) == (0, 0)


def test_concurrent_imports_do_not_remove_each_others_families(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = roster.file(numbered(10), "whole.csv"), roster.file(numbered(11), "other.csv")
    finish = importer._finish_run

    def meanwhile(run: importer._ImportRun) -> None:
        monkeypatch.setattr(importer, "_finish_run", finish)
        Roster(roster.runtime, roster.folder).read(other)
        finish(run)

    monkeypatch.setattr(importer, "_finish_run", meanwhile)
    report = roster.read(path, whole=True)
    assert report.left == 0 and "Another import ran at the same time" in str(report)


def test_different_options_start_a_new_import(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "LINE_BATCH_SIZE", 10)
    path = roster.file(numbered(40))
    stop_after(roster, monkeypatch, 2, path)
    assert roster.read(path, basis="form").earlier_line_count == 0


def invoke(runtime: Runtime, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(import_command, "_open_runtime", lambda: runtime)
    done = CliRunner().invoke(import_command.import_command, words)
    return done.exit_code, done.stdout, done.stderr


def test_command_imports_and_writes_a_report(roster: Roster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = roster.file("phone,school\n217-555-0123,lincoln\n12,lincoln\n", "=fam\x07ilies.csv")
    code, out, err = invoke(roster.runtime, monkeypatch, str(path), "--report", str(tmp_path / "bad.csv"))
    assert code == 0
    assert "=fam?ilies.csv, line 3: the phone number has too few digits" in out and "1 new" in out
    assert "read as UTF-8" in err
    with (tmp_path / "bad.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["file", "line", "kind", "what"], ["'=fam?ilies.csv", "3", "bad", rows[1][3]]]


@pytest.mark.parametrize(
    ("content", "words", "code"),
    [
        ("phone\n12\n", (), 1),
        ("phone\n", (), 1),
        ("name\nx\n", (), 1),
        ("phone\n217-555-0123\n", ("--basis", "x" * 81), 2),
        ("phone\n217-555-0123\n", ("--basis-on", "2031-01-01"), 2),
        ("phone\n217-555-0123\n", ("--dry-run",), 0),
    ],
)
def test_exit_code_matches_the_result(
    roster: Roster, monkeypatch: pytest.MonkeyPatch, content: str, words: tuple[str, ...], code: int
) -> None:
    path = roster.file(content)
    assert invoke(roster.runtime, monkeypatch, str(path), *words)[0] == code
    assert roster.numbers() == set()


def test_database_failure_shows_no_family_data(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    with roster.runtime.database.write() as db:
        db.exec_driver_sql("DROP TABLE family_tags")
    path = roster.file("phone,tags\n217-555-0123,bus 4\n")
    code, out, err = invoke(roster.runtime, monkeypatch, str(path))
    assert code == 1 and "Run the same command again" in err
    assert "bus 4" not in out + err and "INSERT" not in out + err
