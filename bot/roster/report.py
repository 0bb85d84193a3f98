"""What became of an import: findings as they are met, counts at the end.  Never a name, a number, a cell of a file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from bot.base.csv_export import format_line


class UnusableFileError(Exception):
    """A file of which nothing can be read; the message says why, and how to mend it.  Nothing was imported."""


class BadLineError(Exception):
    """A line that cannot be used; the message says what is wrong and how to mend it, without quoting it."""


@dataclass(frozen=True)
class RosterFinding:
    """Something to look at.  A `bad` line was left out; otherwise the line was used, but for what is said here."""

    file: str
    line: int | None
    message: str
    is_bad: bool = True

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}" if self.line else self.file
        return f"{place}: {self.message}{'' if self.is_bad else ' (warning)'}"


@dataclass
class ImportReport:
    """The counts.  Families are counted once, however many lines name them; after a kill only those of this run."""

    is_dry_run: bool = False
    lines: int = 0
    used: int = 0
    bad: int = 0
    warnings: int = 0
    left_out: int = 0
    earlier_line_count: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    joined: int = 0
    left: int = 0
    remarks: list[str] = field(default_factory=list)
    """What else the reader should know, a sentence each."""

    @property
    def has_no_changes(self) -> bool:
        """Whether everything in the files was there before."""
        return not (self.new or self.changed or self.joined or self.left or self.earlier_line_count)

    def __str__(self) -> str:
        would = "would be " if self.is_dry_run else ""
        said = [
            f"{self.lines} lines: {self.used} used, {self.bad} bad, {self.left_out} not families; "
            f"{self.warnings} warnings.",
            f"Families: {self.new} {would}new, {self.changed} {would}changed, {self.unchanged} unchanged.",
            f"Schools: {self.joined} times a family {would}joined to one, {self.left} times {would}taken off one.",
        ]
        if self.earlier_line_count:
            said.append(f"An earlier run that was broken off had kept the first {self.earlier_line_count} lines.")
        if self.used and self.has_no_changes:
            said.append("Nothing changed: all of it was known.")
        return "\n".join([*said, *self.remarks])


FindingCallback = Callable[[RosterFinding], None]
"""Where findings go as they are met: a file may have more than fit into memory."""


def create_csv_writer(file: TextIO) -> FindingCallback:
    """Findings as CSV lines (file, line, what), safe to open in a spreadsheet."""
    file.write(format_line(("file", "line", "kind", "what")))

    def write(one: RosterFinding) -> None:
        kind = "bad" if one.is_bad else "warning"
        file.write(format_line((one.file, one.line, kind, one.message)))

    return write


def sanitize_file_name(name: str) -> str:
    """A file's name, without what could lead a terminal astray."""
    return "".join(char if char.isprintable() else "?" for char in name)[-120:]
