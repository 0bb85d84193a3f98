"""What is wrong with this deployment, and what to do: each part as it was seen, with a remedy where it is not well."""

from collections.abc import Iterator

from bot.monitoring.doctor import checks, twilio_checks
from bot.monitoring.doctor.finding import Found
from bot.runtime import Services

__all__ = ["Found", "examine"]


def examine(services: Services, absent: list[str]) -> Iterator[Found]:
    """All parts, in the order in which one mends them; `absent` as /readyz names it."""
    yield from checks.examine(services, absent)
    yield from twilio_checks.examine(services)
