"""Report an import: findings as they occur, and counts at the end. Reports never contain the content of a cell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TextIO

from bot.base.csv_export import format_line


class UnusableFileError(Exception):
    """A file cannot be read, and nothing was imported. The message has the reason and the remedy."""


class BadLineError(Exception):
    """A line cannot be used. The message has the error and the remedy, without quoting the line."""


@dataclass(frozen=True)
class RosterFinding:
    """A problem in a file. A bad line was skipped. Otherwise, the line was used without the part in the message."""

    file: str
    line: int | None
    message: str
    is_bad: bool = True

    def __str__(self) -> str:
        place = self.file
        if self.line:
            place += f", line {self.line}"
        if self.is_bad:
            return f"{place}: {self.message}"
        return f"{place}: {self.message} (warning)"


@dataclass
class ImportReport:
    """The counts. Each family counts once. A continued import counts only the families of the current run."""

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
    """Further notes, one sentence each."""

    @property
    def has_no_changes(self) -> bool:
        """Whether the import changed nothing."""
        return not (self.new or self.changed or self.joined or self.left or self.earlier_line_count)

    def __str__(self) -> str:
        would = "would be " if self.is_dry_run else ""
        sentences = [
            f"{self.lines} lines: {self.used} used, {self.bad} bad, {self.left_out} not families; "
            f"{self.warnings} warnings.",
            f"Families: {self.new} {would}new, {self.changed} {would}changed, {self.unchanged} unchanged.",
            f"Schools: {self.joined} times a family {would}added to one, {self.left} times {would}removed from one.",
        ]
        if self.earlier_line_count:
            sentences.append(f"An earlier, interrupted run had saved the first {self.earlier_line_count} lines.")
        if self.used and self.has_no_changes:
            sentences.append("Nothing changed.")
        return "\n".join([*sentences, *self.remarks])


FindingCallback = Callable[[RosterFinding], None]
"""Gets each finding as it occurs, since a file can have more findings than fit in memory."""


def create_csv_writer(file: TextIO) -> FindingCallback:
    """Return a function that writes findings as CSV lines that are safe to open in a spreadsheet."""
    file.write(format_line(("file", "line", "kind", "what")))

    def write(finding: RosterFinding) -> None:
        kind = "bad" if finding.is_bad else "warning"
        file.write(format_line((finding.file, finding.line, kind, finding.message)))

    return write


def sanitize_file_name(name: str) -> str:
    """Return a file's name without control characters, which could change the terminal."""
    return "".join(char if char.isprintable() else "?" for char in name)[-120:]
