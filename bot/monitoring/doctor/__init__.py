"""What is wrong with this deployment, and what to do: each part as it was seen, with a remedy where it is not well."""

from collections.abc import Iterator

from bot.monitoring.doctor import checks, twilio_checks
from bot.monitoring.doctor.finding import Finding
from bot.runtime import Runtime

__all__ = ["Finding", "examine"]


def examine(runtime: Runtime, missing_parts: list[str]) -> Iterator[Finding]:
    """All parts, in the order in which one mends them; `absent` as /readyz names it."""
    yield from checks.run_checks(runtime, missing_parts)
    yield from twilio_checks.run_checks(runtime)
