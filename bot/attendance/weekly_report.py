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
from bot.store.schools.absences import ABSENCE_REASONS
from bot.store.schools.support_needs import SUPPORT_NEED_KINDS

SHOWN_WEEK_COUNT = 8
"""So many weeks are shown."""
COMPARED_WEEK_COUNT = 4
"""So many weeks before and after a day are compared."""
SCHOOL_TABLE, LANGUAGE_TABLE, STATE_TABLE = "school", "language", "state"
ABSENCE_TABLES, NEED_TABLES = (SCHOOL_TABLE, LANGUAGE_TABLE), (SCHOOL_TABLE, STATE_TABLE)
UNKNOWN_ROW = "none"
"""The row of absences for which no school, or a language that the district does not have, is known."""
DONE_IN_TIME, STILL_OPEN = "done", "open"
NEED_STATES = (DONE_IN_TIME, STILL_OPEN)
"""Done by the end of the week in which it was named; still open then."""
ONE_WEEK = timedelta(days=7)

AttendanceCellKey = tuple[str, str, str]


@dataclass(frozen=True)
class AttendanceWeek:
    """One week: `absences` by (table, row, reason), `needs` by (table, row, kind); None is hidden, "" names a sum."""

    monday: date
    absences: Mapping[AttendanceCellKey, int | None]
    needs: Mapping[AttendanceCellKey, int | None]

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + ONE_WEEK - timedelta(days=1)

    def get_reason_count(self, reason: str) -> int | None:
        """All absences with this reason ("": of all reasons); None: hidden."""
        return self.absences["", "", reason]

    @property
    def known_reason_share(self) -> "KnownReasonShare | None":
        """For how many of a hundred the reason is known, from shown figures alone; None: they do not say.

        "Something else" is not known.  Where that figure is hidden the sum of the others is what is known at least.
        """
        total, other = self.get_reason_count(""), self.get_reason_count("other")
        if not total:
            return None
        shown = sum(self.get_reason_count(name) or 0 for name in ABSENCE_REASONS if name != "other")
        exact = other is not None
        return KnownReasonShare(100 * (total - other if other is not None else shown) // total, exact)


@dataclass(frozen=True)
class KnownReasonShare:
    """So many of a hundred; not `exact`: at least."""

    percent: int
    is_exact: bool


@dataclass(frozen=True)
class WeeksAverage:
    """The weeks on one side of a day: the mean of those that are shown, by reason; None: none of them is shown."""

    week_count: int
    mean_by_reason: Mapping[str, float | None]
    shown_week_counts: Mapping[str, int]


def get_monday(day: date) -> date:
    """The Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def list_mondays(today: date, count: int = SHOWN_WEEK_COUNT) -> list[date]:
    """The Mondays of the last weeks that have ended, the newest first."""
    this = get_monday(today)
    return [this - ONE_WEEK * number for number in range(1, count + 1)]


def get_week_end(district: District, monday: date) -> datetime:
    """The moment at which a week ends on the district's clocks."""
    return datetime.combine(monday + ONE_WEEK, time(), tzinfo=ZoneInfo(district.time_zone))


def list_school_rows(district: District) -> tuple[str, ...]:
    """The rows of the table by school."""
    return (*district.schools, UNKNOWN_ROW)


def list_language_rows(district: District) -> tuple[str, ...]:
    """The rows of the table by language."""
    return (*district.languages, UNKNOWN_ROW)


def count_absences(
    district: District, counted_absences: Iterable[absences.CountedAbsence]
) -> dict[AttendanceCellKey, int]:
    """Every cell of both tables for one week's absences, those with nothing in them as 0."""
    schools, languages = list_school_rows(district), list_language_rows(district)
    cells = Counter[AttendanceCellKey]()
    for one in counted_absences:
        cells[SCHOOL_TABLE, _get_school_row(district, one.school), one.reason] += 1
        cells[LANGUAGE_TABLE, one.language if one.language in district.languages else UNKNOWN_ROW, one.reason] += 1
    rows = [(SCHOOL_TABLE, one) for one in schools] + [(LANGUAGE_TABLE, one) for one in languages]
    return {(table, row, reason): cells[table, row, reason] for table, row in rows for reason in ABSENCE_REASONS}


def _get_school_row(district: District, school: str | None) -> str:
    return school if school in district.schools else UNKNOWN_ROW


def count_needs(
    district: District, counted_needs: Iterable[support_needs.CountedSupportNeed], end: datetime
) -> dict[AttendanceCellKey, int]:
    """Needs of a week by school and kind, and by whether they were done when it ended: two tables of the same needs."""
    cells = Counter[AttendanceCellKey]()
    for one in counted_needs:
        in_time = one.closed_at is not None and one.closed_at < end
        cells[SCHOOL_TABLE, _get_school_row(district, one.school), one.kind] += 1
        cells[STATE_TABLE, DONE_IN_TIME if in_time else STILL_OPEN, one.kind] += 1
    rows = [(SCHOOL_TABLE, one) for one in list_school_rows(district)] + [(STATE_TABLE, one) for one in NEED_STATES]
    return {(table, row, kind): cells[table, row, kind] for table, row in rows for kind in SUPPORT_NEED_KINDS}


def average_weeks(weeks: Iterable[AttendanceWeek]) -> WeeksAverage:
    """The mean of each reason over those of these weeks in which it is shown."""
    listed = list(weeks)
    shown = {
        name: [n for one in listed if (n := one.get_reason_count(name)) is not None] for name in (*ABSENCE_REASONS, "")
    }
    means = {name: mean(numbers) if numbers else None for name, numbers in shown.items()}
    return WeeksAverage(len(listed), means, {name: len(numbers) for name, numbers in shown.items()})


def compare_around_day(weeks: Sequence[AttendanceWeek], day: date) -> tuple[WeeksAverage, WeeksAverage]:
    """The weeks before and after a day; the week with the day in it belongs to neither."""
    middle = get_monday(day)
    near = [one for one in weeks if abs(one.monday - middle) <= ONE_WEEK * COMPARED_WEEK_COUNT]
    return average_weeks(one for one in near if one.monday < middle), average_weeks(
        one for one in near if one.monday > middle
    )
