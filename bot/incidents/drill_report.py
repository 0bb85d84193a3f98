"""Who has drilled, per school: when last, how far, and how the quiz went.  Colleagues only; nothing of a family."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.runtime import Runtime
from bot.store.schools import incidents, protocol_quizzes
from bot.store.schools.incidents import Incident, IncidentParticipant
from bot.store.schools.protocol_quizzes import QuizResult

MAX_DRILL_AGE = timedelta(days=365)
"""A drill older than a school year does not count any more."""


@dataclass(frozen=True)
class StaffDrillRecord:
    """One colleague: the last drill (None: none within a year), whether all steps were read, the last quiz."""

    name: str
    role: str
    last_drill_at: datetime | None
    school: str | None
    reached: int
    step_count: int
    quiz_result: QuizResult | None

    @property
    def is_complete(self) -> bool:
        """Whether the last drill went through every step."""
        return self.last_drill_at is not None and self.step_count > 0 and self.reached >= self.step_count


@dataclass(frozen=True)
class SchoolDrillGroup:
    """The colleagues of one school (`school` None: those who work at all)."""

    school: str | None
    members: tuple[StaffDrillRecord, ...]

    @property
    def complete_count(self) -> int:
        """How many of them have done a whole drill."""
        return sum(1 for one in self.members if one.is_complete)


def list_by_school(runtime: Runtime, db: Transaction, at: datetime) -> list[SchoolDrillGroup]:
    """Every school with its own people, then those who work at all of them."""
    district = runtime.library.district
    last = _find_last_drills(db, at)
    results = protocol_quizzes.list_newest_by_staff(db)
    rows = {staff: _build_record(runtime, staff, last.get(staff), results.get(staff)) for staff in district.staff}
    at_one = {
        school: tuple(rows[staff] for staff, one in district.staff.items() if school in one.schools)
        for school in district.schools
    }
    everywhere = tuple(rows[staff] for staff, one in district.staff.items() if not one.schools)
    groups = [SchoolDrillGroup(school, people) for school, people in at_one.items()]
    return [*groups, SchoolDrillGroup(None, everywhere)]


def _find_last_drills(db: Transaction, at: datetime) -> dict[str, tuple[Incident, IncidentParticipant]]:
    """The best that counts of each person: a whole drill before a later one that was broken off."""
    found: dict[str, tuple[Incident, IncidentParticipant]] = {}
    for drill in incidents.list_drills(db, at - MAX_DRILL_AGE):
        for person in incidents.list_participants(db, drill.id):
            before = found.get(person.staff)
            if before is None or person.done_at or not before[1].done_at:
                found[person.staff] = (drill, person)
    return found


def _build_record(
    runtime: Runtime, staff: str, last: tuple[Incident, IncidentParticipant] | None, quiz: QuizResult | None
) -> StaffDrillRecord:
    one = runtime.library.district.staff[staff]
    if last is None:
        return StaffDrillRecord(one.name, one.role, None, None, 0, 0, quiz)
    drill, person = last
    return StaffDrillRecord(one.name, one.role, person.joined_at, drill.school, person.reached, drill.steps, quiz)
