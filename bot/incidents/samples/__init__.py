"""The template library: protocols to begin from, each with its sources and dates, each a sample and not policy."""

from functools import cache
from pathlib import Path

from bot.base.yaml_source import parse_yaml
from bot.content.incident_protocol import IncidentProtocol

SAMPLES_DIR = Path(__file__).parent


@cache
def load_samples() -> dict[str, IncidentProtocol]:
    """File name → sample.  Raises `BadSource` for a file that cannot be read."""
    found = {
        path.name: parse_yaml(path.read_text(encoding="utf-8"), path.name)
        for path in sorted(SAMPLES_DIR.glob("*.yaml"))
    }
    return {name: source.parse_model(IncidentProtocol) for name, source in found.items()}
