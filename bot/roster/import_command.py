"""`python -m bot roster import FILE.csv …`"""

import sys
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import SQLAlchemyError

from bot.base import settings
from bot.base.yaml_source import SourceError
from bot.roster.importer import DEFAULT_CONSENT_BASIS, RosterImportOptions, import_files
from bot.roster.report import FindingCallback, ImportReport, RosterFinding, UnusableFileError, create_csv_writer
from bot.runtime import Runtime, open_runtime_for_writing

MAX_BASIS_OPTION_LENGTH = 80


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--whole", is_flag=True, help="These files are the whole roster: others leave the schools they name.")
@click.option(
    "--basis", default=DEFAULT_CONSENT_BASIS, show_default=True, help="On what basis these families may be written to."
)
@click.option("--basis-on", type=click.DateTime(["%Y-%m-%d"]), help="Since when (2026-08-31); else since the import.")
@click.option("--school", help="The school of lines that name none.")
@click.option("--staff", is_flag=True, help="Take staff too (teachers, aides …), as staff; students never.")
@click.option("--dry-run", is_flag=True, help="Change nothing; only say what would be changed, and what is bad.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the bad lines there, as CSV.")
def import_command(files: tuple[Path, ...], basis_on: datetime | None, report: Path | None, **given: Any) -> None:
    """Import families from CSV or OneRoster files (or a zip of them); a line for each finding, then the counts.

    Safe to do again: what is known stays as it is, and what was broken off goes on.  See docs/roster.md.
    """
    options = RosterImportOptions(basis_on=basis_on.date() if basis_on else None, **given)
    _check_options(files, options, report)
    try:
        done = _run_import(_open_runtime(), files, options, report)
    except UnusableFileError as bad:
        raise click.ClickException(str(bad)) from None
    except SQLAlchemyError as error:  # its own text would show what was to be written
        said = f"The database failed ({type(error).__name__})"
        raise click.ClickException(f"{said}. Run the same command again: it goes on where it stood.") from None
    click.echo(str(done))
    sys.exit(0 if done.used else 1)


def _check_options(files: tuple[Path, ...], options: RosterImportOptions, report: Path | None) -> None:
    if not 0 < len(options.basis.strip()) <= MAX_BASIS_OPTION_LENGTH:
        raise click.BadParameter(f"say it in 1 to {MAX_BASIS_OPTION_LENGTH} letters", param_hint="--basis")
    if options.basis_on and options.basis_on > date.today():
        raise click.BadParameter("this day lies ahead", param_hint="--basis-on")
    if report and report.resolve() in {path.resolve() for path in files}:
        raise click.BadParameter("this is one of the rosters: name another file", param_hint="--report")


def _run_import(
    runtime: Runtime, files: tuple[Path, ...], options: RosterImportOptions, report: Path | None
) -> ImportReport:
    with ExitStack() as stack:
        file = stack.enter_context(report.open("w", encoding="utf-8-sig", newline="")) if report else None
        keep: FindingCallback = create_csv_writer(file) if file else lambda one: None

        def found(one: RosterFinding) -> None:
            click.echo(str(one))
            keep(one)

        return import_files(runtime, files, options, lambda text: click.echo(text, err=True), found)


def _open_runtime() -> Runtime:
    try:
        return open_runtime_for_writing(settings.load_settings())
    except (settings.SettingsError, SourceError) as error:
        raise click.ClickException(str(error)) from None
