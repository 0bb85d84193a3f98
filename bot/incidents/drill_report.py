"""Who has drilled, per school: when last, how far, and how the quiz went.  Colleagues only; nothing of a family."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.runtime import Services
from bot.store.schools import incidents, protocol_quizzes
from bot.store.schools.incidents import Incident, Person
from bot.store.schools.protocol_quizzes import Result

COUNTED = timedelta(days=365)
"""A drill older than a school year does not count any more."""


@dataclass(frozen=True)
class Drilled:
    """One colleague: the last drill (None: none within a year), whether all steps were read, the last quiz."""

    name: str
    role: str
    at: datetime | None
    school: str | None
    reached: int
    steps: int
    quiz: Result | None

    @property
    def complete(self) -> bool:
        """Whether the last drill went through every step."""
        return self.at is not None and self.steps > 0 and self.reached >= self.steps


@dataclass(frozen=True)
class Group:
    """The colleagues of one school (`school` None: those who work at all)."""

    school: str | None
    people: tuple[Drilled, ...]

    @property
    def complete(self) -> int:
        """How many of them have done a whole drill."""
        return sum(1 for one in self.people if one.complete)


def per_school(services: Services, db: Connection, at: datetime) -> list[Group]:
    """Every school with its own people, then those who work at all of them."""
    district = services.library.district
    last = _last_drills(db, at)
    results = protocol_quizzes.newest(db)
    rows = {staff: _row(services, staff, last.get(staff), results.get(staff)) for staff in district.staff}
    at_one = {
        school: tuple(rows[staff] for staff, one in district.staff.items() if school in one.schools)
        for school in district.schools
    }
    everywhere = tuple(rows[staff] for staff, one in district.staff.items() if not one.schools)
    groups = [Group(school, people) for school, people in at_one.items()]
    return [*groups, Group(None, everywhere)]


def _last_drills(db: Connection, at: datetime) -> dict[str, tuple[Incident, Person]]:
    """The best that counts of each person: a whole drill before a later one that was broken off."""
    found: dict[str, tuple[Incident, Person]] = {}
    for drill in incidents.drills(db, at - COUNTED):
        for person in incidents.people_of(db, drill.id):
            before = found.get(person.staff)
            if before is None or person.done_at or not before[1].done_at:
                found[person.staff] = (drill, person)
    return found


def _row(services: Services, staff: str, last: tuple[Incident, Person] | None, quiz: Result | None) -> Drilled:
    one = services.library.district.staff[staff]
    if last is None:
        return Drilled(one.name, one.role, None, None, 0, 0, quiz)
    drill, person = last
    return Drilled(one.name, one.role, person.joined_at, drill.school, person.reached, drill.steps, quiz)
