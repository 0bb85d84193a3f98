"""What is wrong with this deployment, and what to do: each part as it was seen, with a remedy where it is not well."""

from collections.abc import Iterator

from bot.doctor import at_twilio, parts
from bot.doctor.found import Found
from bot.services import Services

__all__ = ["Found", "examine"]


def examine(services: Services, absent: list[str]) -> Iterator[Found]:
    """All parts, in the order in which one mends them; `absent` as /readyz names it."""
    yield from parts.examine(services, absent)
    yield from at_twilio.examine(services)
