"""Read an announcement from a YAML file, and report each error with its place in the file."""

from pathlib import Path

from bot.announcements.composition import AnnouncementInput
from bot.base.yaml_source import parse_yaml


def read_announcement(path: Path) -> AnnouncementInput:
    """Read the announcement. Raises `SourceError` with file, line, and column of every error."""
    return parse_yaml(path.read_text(encoding="utf-8"), str(path)).parse_model(AnnouncementInput)
