"""Monthly counts in Redis of how often each question was asked, answered, and not understood.

The counts hold no family data, so that erasure doesn't need them. If Redis loses them, only statistics are lost.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import Redis

FLOW_STATS_TTL_SECONDS = 100 * 24 * 3600
FlowStepId = tuple[str, str]
"""A flow and one of its steps."""


@dataclass(frozen=True)
class StepStats:
    """The counts of one question."""

    asked: int = 0
    went_on: int = 0
    not_understood: int = 0

    @property
    def drop_out_count(self) -> int:
        """How many families have not answered. Open conversations are included."""
        return max(0, self.asked - self.went_on)

    @property
    def drop_out_rate(self) -> float:
        """The share of asked families that dropped out at this question, from 0 to 1."""
        return self.drop_out_count / self.asked if self.asked else 0.0


def build_key(month: datetime) -> str:
    """Return the Redis key of the counts of this month."""
    return f"walks:{month.year}-{month.month:02}"


def list_counter_fields(before: FlowStepId | None, after: FlowStepId | None) -> list[str]:
    """Return which fields to increment when a message moves a conversation from one question to another, or to none."""
    if before and before == after:
        return [_build_field(before, "not_understood")]
    fields = []
    if before:
        fields.append(_build_field(before, "went_on"))
    if after:
        fields.append(_build_field(after, "asked"))
    return fields


def load(redis: Redis, now: datetime) -> dict[FlowStepId, StepStats]:
    """Return the counts of this month and the month before, added up."""
    totals: dict[FlowStepId, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for month in (now, now.replace(day=1) - timedelta(days=1)):
        counts: dict[bytes, bytes] = redis.hgetall(build_key(month))  # type: ignore[assignment]  # not the async client
        for field, count in counts.items():
            flow, step, counter_name = field.decode().split(".")
            totals[flow, step][counter_name] += int(count)
    return {flow_step: StepStats(**counters) for flow_step, counters in totals.items()}


def _build_field(flow_step: FlowStepId, counter_name: str) -> str:
    return f"{flow_step[0]}.{flow_step[1]}.{counter_name}"
