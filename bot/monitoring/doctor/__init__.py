"""Check each part of this deployment, and report what is wrong with a remedy."""

from collections.abc import Iterator

from bot.monitoring.doctor import checks, twilio_checks
from bot.monitoring.doctor.finding import Finding
from bot.runtime import Runtime

__all__ = ["Finding", "examine"]


def examine(runtime: Runtime, missing_parts: list[str]) -> Iterator[Finding]:
    """Yield the findings in the order in which to fix them. `missing_parts` has the names that /readyz uses."""
    yield from checks.run_checks(runtime, missing_parts)
    yield from twilio_checks.run_checks(runtime)
