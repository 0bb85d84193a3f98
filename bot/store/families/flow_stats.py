"""How often each question was asked, answered and not understood: counts by month in Redis, of nobody in particular.

No family stands in them, so there is nothing to erase; a Redis that forgot them loses a statistic and no promise.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis

FLOW_STATS_TTL_SECONDS = 100 * 24 * 3600
FlowStepId = tuple[str, str]
"""A flow and a step of it."""


@dataclass(frozen=True)
class StepStats:
    """A question's figures."""

    asked: int = 0
    went_on: int = 0
    not_understood: int = 0

    @property
    def drop_out_count(self) -> int:
        """Who has not written since; the conversations that are open right now are among them."""
        return max(0, self.asked - self.went_on)

    @property
    def drop_out_rate(self) -> float:
        """How large a part of those asked stopped here, 0 to 1."""
        return self.drop_out_count / self.asked if self.asked else 0.0


def build_key(at: datetime) -> str:
    """Where the counts of this month stand."""
    return f"walks:{at.year}-{at.month:02}"


def list_counter_fields(before: FlowStepId | None, after: FlowStepId | None) -> list[str]:
    """What to count when a family stood before one question, wrote, and stands before another (or none)."""
    if before and before == after:
        return [_build_field(before, "not_understood")]
    left = [_build_field(before, "went_on")] if before else []
    return [*left, *([_build_field(after, "asked")] if after else [])]


def load(redis: Redis, at: datetime) -> dict[FlowStepId, StepStats]:
    """The figures of this month and the one before it."""
    found: dict[FlowStepId, dict[str, int]] = defaultdict(dict)
    for month in (at, at.replace(day=1) - timedelta(days=1)):
        counts: dict[bytes, bytes] = redis.hgetall(build_key(month))  # type: ignore[assignment]  # not the async client
        for name, count in counts.items():
            flow, step, what = name.decode().split(".")
            found[flow, step][what] = found[flow, step].get(what, 0) + int(count)
    return {place: StepStats(**figures) for place, figures in found.items()}


def _build_field(flow_step: FlowStepId, counter_name: str) -> str:
    return f"{flow_step[0]}.{flow_step[1]}.{counter_name}"
