"""Who is paged in which round, and when a page of lower severity may leave.  Pure: the district file and a clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.content.district import District
from bot.store.cases.cases import AGENTS_DRILL, Case

NOW, DAY, INFO = "escalate_now", "escalate_day", "info"
CALL_AFTER = timedelta(seconds=60)
"""The text first: who reads it need not be called."""
REPEAT = {DAY: timedelta(hours=4), "follow_up": timedelta(days=1)}
"""How long what can wait stays with the first people before more are told, in office hours."""
HONEST_AFTER = 2
"""After so many rounds of an emergency that nobody took, the family is told so."""
EVERY_HOUR = timedelta(hours=1)
MOST_ROUNDS = {NOW: 60, DAY: 4, "follow_up": 3}
"""So many rounds in a row; after them an emergency is repeated every hour, the rest once a day, until it is taken."""


DRILL_ROUNDS = 2
"""A drill calls its own chain this often and nobody else: who is not part of it sleeps on."""


@dataclass(frozen=True)
class Asked:
    """Somebody who is paged: when the text leaves, and whether a call follows."""

    staff: str
    due: datetime
    call: bool


def asked(district: District, case: Case, round_: int, at: datetime) -> list[Asked]:
    """The people of round `round_` (from 0), each once; an emergency at any hour, the rest in their own hours."""
    if case.severity == NOW:
        return [Asked(person, at, call=True) for person in _people(district, case, round_, at)]
    people = _people(district, case, round_, at)
    return [Asked(person, district.at_work(person, at), call=False) for person in people]


def _people(district: District, case: Case, round_: int, at: datetime) -> list[str]:
    wide = [case.role, *(district.paging.widen_to[:round_] if case.topic != AGENTS_DRILL else ())]
    found = [person for role in wide for person in district.alerted_for(role, at, case.school)]
    return list(dict.fromkeys(found))


def next_page(district: District, case: Case, round_: int, at: datetime) -> datetime | None:
    """When the round after `round_` is due if nobody takes the case; None for what is for information or a drill."""
    if case.severity == INFO or (case.topic == AGENTS_DRILL and round_ + 1 >= DRILL_ROUNDS):
        return None
    more = round_ + 1 < MOST_ROUNDS[case.severity]
    if case.severity == NOW:
        return at + (timedelta(minutes=district.paging.every_minutes) if more else EVERY_HOUR)
    later = at + REPEAT[case.severity]
    if not more:  # the day after the answer was due, and every day from then on
        due = district.answer_due(case.opened_at, case.severity) + timedelta(days=1)
        morning = district.local(at).replace(year=due.year, month=due.month, day=due.day, hour=0, minute=1)
        later = max(morning, district.local(at + timedelta(days=1)))
    return district.office_hours.next_moment(district.local(later)).astimezone(at.tzinfo)


def chase_after(district: District, case: Case, at: datetime) -> datetime | None:
    """When whoever has it is reminded if the family hears nothing; None for what is for information or a drill."""
    if case.severity == INFO or case.topic == AGENTS_DRILL:
        return None
    if case.severity == NOW:
        return at + timedelta(minutes=district.paging.chase_minutes)
    day = district.answer_due(at, case.severity)
    noon = district.local(at).replace(year=day.year, month=day.month, day=day.day, hour=12, minute=0)
    return noon.astimezone(at.tzinfo)


def must_be_honest(case: Case, round_: int, due_day_over: bool) -> bool:
    """Whether the family must hear that nobody has taken its case yet."""
    return case.told_at is None and (round_ >= HONEST_AFTER if case.severity == NOW else due_day_over)
