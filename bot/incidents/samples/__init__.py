"""Load the sample protocols. Each has its sources and dates, and is not policy."""

from functools import cache
from pathlib import Path

from bot.base.yaml_source import parse_yaml
from bot.content.incident_protocol import IncidentProtocol

SAMPLES_DIR = Path(__file__).parent


@cache
def load_samples() -> dict[str, IncidentProtocol]:
    """Return the samples by file name.

    Raises:
        SourceError: A file is invalid.
    """
    sources = {
        path.name: parse_yaml(path.read_text(encoding="utf-8"), path.name)
        for path in sorted(SAMPLES_DIR.glob("*.yaml"))
    }
    return {name: source.parse_model(IncidentProtocol) for name, source in sources.items()}
