"""The weekly figures: reasons by school and by language, needs and what became of them; no number tells of one family.

A week is shown once it has ended, and never changes after that.  By school and by language are two tables of the same
absences, so they are protected together.  Weeks count different reports, and nothing is summed over weeks but figures
that are shown: there is nothing to subtract.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import mean
from zoneinfo import ZoneInfo

from bot.content.district import District
from bot.store.schools import absences, support_needs
from bot.store.schools.absences import REASONS
from bot.store.schools.support_needs import KINDS

WEEKS = 8
"""So many weeks are shown."""
SIDE = 4
"""So many weeks before and after a day are compared."""
SCHOOL, LANGUAGE, STATE = "school", "language", "state"
TABLES, NEED_TABLES = (SCHOOL, LANGUAGE), (SCHOOL, STATE)
NONE = "none"
"""The row of absences for which no school, or a language that the district does not have, is known."""
IN_TIME, OPEN = "done", "open"
NEED_STATES = (IN_TIME, OPEN)
"""Done by the end of the week in which it was named; still open then."""
WEEK = timedelta(days=7)

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Week:
    """One week: `absences` by (table, row, reason), `needs` by (table, row, kind); None is hidden, "" names a sum."""

    monday: date
    absences: Mapping[Key, int | None]
    needs: Mapping[Key, int | None]

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + WEEK - timedelta(days=1)

    def reason(self, name: str) -> int | None:
        """All absences with this reason ("": of all reasons); None: hidden."""
        return self.absences["", "", name]

    @property
    def known(self) -> "Known | None":
        """For how many of a hundred the reason is known, from shown figures alone; None: they do not say.

        "Something else" is not known.  Where that figure is hidden the sum of the others is what is known at least.
        """
        total, other = self.reason(""), self.reason("other")
        if not total:
            return None
        shown = sum(self.reason(name) or 0 for name in REASONS if name != "other")
        exact = other is not None
        return Known(100 * (total - other if other is not None else shown) // total, exact)


@dataclass(frozen=True)
class Known:
    """So many of a hundred; not `exact`: at least."""

    percent: int
    exact: bool


@dataclass(frozen=True)
class Side:
    """The weeks on one side of a day: the mean of those that are shown, by reason; None: none of them is shown."""

    weeks: int
    means: Mapping[str, float | None]
    shown: Mapping[str, int]


def monday_of(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def mondays(today: date, count: int = WEEKS) -> list[date]:
    """The Mondays of the last weeks that have ended, the newest first."""
    this = monday_of(today)
    return [this - WEEK * number for number in range(1, count + 1)]


def end_of(district: District, monday: date) -> datetime:
    """The moment at which a week ends on the district's clocks."""
    return datetime.combine(monday + WEEK, time(), tzinfo=ZoneInfo(district.time_zone))


def schools_of(district: District) -> tuple[str, ...]:
    """The rows of the table by school."""
    return (*district.schools, NONE)


def languages_of(district: District) -> tuple[str, ...]:
    """The rows of the table by language."""
    return (*district.languages, NONE)


def counts_of(district: District, found: Iterable[absences.Counted]) -> dict[Key, int]:
    """Every cell of both tables for one week's absences, those with nothing in them as 0."""
    schools, languages = schools_of(district), languages_of(district)
    cells = Counter[Key]()
    for one in found:
        cells[SCHOOL, _row(district, one.school), one.reason] += 1
        cells[LANGUAGE, one.language if one.language in district.languages else NONE, one.reason] += 1
    rows = [(SCHOOL, one) for one in schools] + [(LANGUAGE, one) for one in languages]
    return {(table, row, reason): cells[table, row, reason] for table, row in rows for reason in REASONS}


def _row(district: District, school: str | None) -> str:
    return school if school in district.schools else NONE


def needs_of(district: District, found: Iterable[support_needs.Counted], end: datetime) -> dict[Key, int]:
    """Needs of a week by school and kind, and by whether they were done when it ended: two tables of the same needs."""
    cells = Counter[Key]()
    for one in found:
        in_time = one.closed_at is not None and one.closed_at < end
        cells[SCHOOL, _row(district, one.school), one.kind] += 1
        cells[STATE, IN_TIME if in_time else OPEN, one.kind] += 1
    rows = [(SCHOOL, one) for one in schools_of(district)] + [(STATE, one) for one in NEED_STATES]
    return {(table, row, kind): cells[table, row, kind] for table, row in rows for kind in KINDS}


def side(weeks: Iterable[Week]) -> Side:
    """The mean of each reason over those of these weeks in which it is shown."""
    listed = list(weeks)
    shown = {name: [n for one in listed if (n := one.reason(name)) is not None] for name in (*REASONS, "")}
    means = {name: mean(numbers) if numbers else None for name, numbers in shown.items()}
    return Side(len(listed), means, {name: len(numbers) for name, numbers in shown.items()})


def around(weeks: Sequence[Week], day: date) -> tuple[Side, Side]:
    """The weeks before and after a day; the week with the day in it belongs to neither."""
    middle = monday_of(day)
    near = [one for one in weeks if abs(one.monday - middle) <= WEEK * SIDE]
    return side(one for one in near if one.monday < middle), side(one for one in near if one.monday > middle)
