"""Import families from a district's rosters: plain CSV files, and OneRoster 1.1 and 1.2 (docs/roster.md)."""

from bot.roster.importer import RosterImportOptions, import_files
from bot.roster.report import ImportReport, RosterFinding, UnusableFileError

__all__ = ["ImportReport", "RosterFinding", "RosterImportOptions", "UnusableFileError", "import_files"]
