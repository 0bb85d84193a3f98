"""Report the drills of each school's staff: the last date, the steps reached, and the quiz result.

The report is about staff only.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.runtime import Runtime
from bot.store.schools import incidents, protocol_quizzes
from bot.store.schools.incidents import Incident, IncidentParticipant
from bot.store.schools.protocol_quizzes import QuizResult

MAX_DRILL_AGE = timedelta(days=365)
"""A drill older than a school year no longer counts."""


@dataclass(frozen=True)
class StaffDrillRecord:
    """One staff member's last drill (None: none within a year), its steps, and the last quiz."""

    name: str
    role: str
    last_drill_at: datetime | None
    school: str | None
    reached: int
    step_count: int
    quiz_result: QuizResult | None

    @property
    def is_complete(self) -> bool:
        """Return whether the last drill went through every step."""
        return self.last_drill_at is not None and self.step_count > 0 and self.reached >= self.step_count


@dataclass(frozen=True)
class SchoolDrillGroup:
    """The staff of one school. `school` is None for staff who work at all schools."""

    school: str | None
    members: tuple[StaffDrillRecord, ...]

    @property
    def complete_count(self) -> int:
        """Return how many of them completed a drill."""
        return sum(1 for member in self.members if member.is_complete)


def list_by_school(runtime: Runtime, db: Transaction, now: datetime) -> list[SchoolDrillGroup]:
    """Return each school with its own staff, then the staff who work at all schools."""
    district = runtime.library.district
    last_drills = _find_last_drills(db, now)
    results = protocol_quizzes.list_newest_by_staff(db)
    records = {
        staff: _build_record(runtime, staff, last_drills.get(staff), results.get(staff)) for staff in district.staff
    }
    groups = [
        SchoolDrillGroup(
            school, tuple(records[staff] for staff, member in district.staff.items() if school in member.schools)
        )
        for school in district.schools
    ]
    everywhere = tuple(records[staff] for staff, member in district.staff.items() if not member.schools)
    return [*groups, SchoolDrillGroup(None, everywhere)]


def _find_last_drills(db: Transaction, now: datetime) -> dict[str, tuple[Incident, IncidentParticipant]]:
    """Return each person's last complete drill, else the last unfinished one."""
    last_drills: dict[str, tuple[Incident, IncidentParticipant]] = {}
    for drill in incidents.list_drills(db, now - MAX_DRILL_AGE):
        for person in incidents.list_participants(db, drill.id):
            earlier = last_drills.get(person.staff)
            if earlier is None or person.done_at or not earlier[1].done_at:
                last_drills[person.staff] = (drill, person)
    return last_drills


def _build_record(
    runtime: Runtime, staff: str, last: tuple[Incident, IncidentParticipant] | None, quiz: QuizResult | None
) -> StaffDrillRecord:
    member = runtime.library.district.staff[staff]
    if last is None:
        return StaffDrillRecord(member.name, member.role, None, None, 0, 0, quiz)
    drill, person = last
    return StaffDrillRecord(member.name, member.role, person.joined_at, drill.school, person.reached, drill.steps, quiz)
