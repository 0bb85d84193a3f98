"""An announcement in a YAML file; what is wrong is told with its place."""

from pathlib import Path

from bot.announcements.composition import AnnouncementInput
from bot.base.yaml_source import parse_yaml


def read_announcement(path: Path) -> AnnouncementInput:
    """The announcement in this file.  Raises `BadSource` with file, line and column of everything wrong."""
    return parse_yaml(path.read_text(encoding="utf-8"), str(path)).parse_model(AnnouncementInput)
