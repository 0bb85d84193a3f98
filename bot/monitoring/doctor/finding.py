"""The finding about one part of a deployment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One part: whether it works, the observation, and the remedy, or "" if there is nothing to do."""

    part: str
    is_well: bool
    observation: str
    remedy: str = ""
