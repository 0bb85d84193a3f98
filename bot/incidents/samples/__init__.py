"""The template library: protocols to begin from, each with its sources and dates, each a sample and not policy."""

from functools import cache
from pathlib import Path

from bot.base.yaml_source import parse
from bot.content.incident_protocol import Protocol

FOLDER = Path(__file__).parent


@cache
def every() -> dict[str, Protocol]:
    """File name → sample.  Raises `BadSource` for a file that cannot be read."""
    found = {path.name: parse(path.read_text(encoding="utf-8"), path.name) for path in sorted(FOLDER.glob("*.yaml"))}
    return {name: source.model(Protocol) for name, source in found.items()}
