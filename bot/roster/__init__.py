"""Rosters: a district's own lists become families; plain CSV files, and OneRoster 1.1 and 1.2 (docs/roster.md)."""

from bot.roster.importer import Options, import_files
from bot.roster.report import Finding, Report, Unusable

__all__ = ["Finding", "Options", "Report", "Unusable", "import_files"]
