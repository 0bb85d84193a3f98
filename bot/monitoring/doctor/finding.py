"""What was seen of one part of a deployment."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One part: whether it is well, what was seen, and the remedy ("" where nothing is to be done)."""

    part: str
    is_well: bool
    observation: str
    remedy: str = ""
