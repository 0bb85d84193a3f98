"""Run the command `python -m bot roster import FILE.csv …`."""

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
@click.option("--whole", is_flag=True, help="The files are the whole roster. Remove other families from the schools.")
@click.option(
    "--basis", default=DEFAULT_CONSENT_BASIS, show_default=True, help="The basis of the consent of these families."
)
@click.option("--basis-on", type=click.DateTime(["%Y-%m-%d"]), help="The date of the consent. Default: the import.")
@click.option("--school", help="The school of lines that name no school.")
@click.option("--staff", is_flag=True, help="Import staff too (teachers, aides …). Students are never imported.")
@click.option("--dry-run", is_flag=True, help="Change nothing. Show what would change, and the bad lines.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write the bad lines to this CSV file.")
def import_command(files: tuple[Path, ...], basis_on: datetime | None, report: Path | None, **flags: Any) -> None:
    """Import families from CSV or OneRoster files, or a zip of them. Print a line for each finding, then the counts.

    You can run it again: existing families stay unchanged, and an interrupted import continues. See docs/roster.md.
    """
    options = RosterImportOptions(basis_on=basis_on and basis_on.date(), **flags)
    _check_options(files, options, report)
    try:
        import_report = _run_import(_open_runtime(), files, options, report)
    except UnusableFileError as error:
        raise click.ClickException(str(error)) from None
    except SQLAlchemyError as error:  # its message would show the values of the statement
        message = f"The database failed ({type(error).__name__}). Run the same command again to continue the import."
        raise click.ClickException(message) from None
    click.echo(str(import_report))
    sys.exit(0 if import_report.used else 1)


def _check_options(files: tuple[Path, ...], options: RosterImportOptions, report: Path | None) -> None:
    if not 0 < len(options.basis.strip()) <= MAX_BASIS_OPTION_LENGTH:
        raise click.BadParameter(f"use 1 to {MAX_BASIS_OPTION_LENGTH} letters", param_hint="--basis")
    if options.basis_on and options.basis_on > date.today():
        raise click.BadParameter("this date is in the future", param_hint="--basis-on")
    if report and report.resolve() in {path.resolve() for path in files}:
        raise click.BadParameter("this is one of the rosters: choose another file", param_hint="--report")


def _open_csv_writer(stack: ExitStack, report: Path | None) -> FindingCallback:
    if not report:
        return lambda finding: None
    return create_csv_writer(stack.enter_context(report.open("w", encoding="utf-8-sig", newline="")))


def _run_import(
    runtime: Runtime, files: tuple[Path, ...], options: RosterImportOptions, report: Path | None
) -> ImportReport:
    with ExitStack() as stack:
        write_to_csv = _open_csv_writer(stack, report)

        def report_finding(finding: RosterFinding) -> None:
            click.echo(str(finding))
            write_to_csv(finding)

        return import_files(runtime, files, options, lambda text: click.echo(text, err=True), report_finding)


def _open_runtime() -> Runtime:
    try:
        return open_runtime_for_writing(settings.load_settings())
    except (settings.SettingsError, SourceError) as error:
        raise click.ClickException(str(error)) from None
