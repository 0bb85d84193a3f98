"""A planned meeting, and families who answer the invitation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.base.database import now
from bot.meetings import planning, reminders
from bot.runtime import Runtime
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import Meeting, MeetingPlan
from bot.store.meetings.rsvps import AttendeeCount
from tests.announcements.conftest import District
from tests.cases.test_paging import send_all
from tests.stand_in import TwilioStandIn

STARTS = datetime(2026, 12, 3, 0, 0, tzinfo=UTC)
"""Wednesday, December 2, 6 PM in the example district."""
PLAN = MeetingPlan(
    title="Your questions about school",
    host="sam_ortiz",
    helpers=("ana_ruiz",),
    starts_at=STARTS,
    ends_at=STARTS.replace(hour=1),
    link="https://meet.example.org/abc",
    dial_in="+12175550199",
    dial_code="4711#",
    schools=("lincoln",),
    languages=("en", "es"),
)


class Host:
    """Plans and reads meetings; `sweep` runs the scheduler's job and what it queues."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def plan(self, **given: Any) -> Meeting:
        return self.get(planning.save_plan(self.runtime, replace(PLAN, **given), "ana_ruiz"))

    def get(self, number: int = 1) -> Meeting:
        with self.runtime.database.read() as db:
            found = meetings.find(db, number)
        assert found is not None
        return found

    def book(self, language: str, kind: str = "trained") -> None:
        planning.book_interpreter(
            self.runtime, self.get(), BookedInterpreter(0, language, kind, "Maria, Bridge Interpreters", "ana_ruiz")
        )

    def coming(self) -> list[AttendeeCount]:
        with self.runtime.database.read() as db:
            return rsvps.count_attendees(db, 1)

    def sweep(self) -> None:
        reminders.sweep_meetings(self.runtime)
        reminders.sweep_meetings(self.runtime)
        send_all(self.runtime)


@pytest.fixture
def host(runtime: Runtime) -> Host:
    return Host(runtime)


@pytest.fixture
def district(runtime: Runtime, twilio: TwilioStandIn) -> District:
    return District(runtime, twilio)


Families = Callable[[str], Any]
__all__ = ["PLAN", "STARTS", "Families", "Host", "now"]
