"""Count a week's absences by reason, school, and language, and its support needs, so that no count shows one family.

A week is shown after it ends, and then never changes. The tables by school and by language count the same absences,
so they are protected together. Different weeks count different reports, and sums over weeks use only shown figures, so
that subtraction reveals nothing.
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
"""How many weeks are shown."""
COMPARED_WEEK_COUNT = 4
"""How many weeks before and after a day are compared."""
SCHOOL_TABLE, LANGUAGE_TABLE, STATE_TABLE = "school", "language", "state"
ABSENCE_TABLES, NEED_TABLES = (SCHOOL_TABLE, LANGUAGE_TABLE), (SCHOOL_TABLE, STATE_TABLE)
UNKNOWN_ROW = "none"
"""The row of absences without a known school or without a language of the district."""
DONE_IN_TIME, STILL_OPEN = "done", "open"
NEED_STATES = (DONE_IN_TIME, STILL_OPEN)
"""Whether the need was done by the end of the week in which it was reported, or still open then."""
ONE_WEEK = timedelta(days=7)

AttendanceCellKey = tuple[str, str, str]


@dataclass(frozen=True)
class AttendanceWeek:
    """One week: `absences` by (table, row, reason), `needs` by (table, row, kind). None is hidden, "" is the sum."""

    monday: date
    absences: Mapping[AttendanceCellKey, int | None]
    needs: Mapping[AttendanceCellKey, int | None]

    @property
    def sunday(self) -> date:
        """Return the last day of the week."""
        return self.monday + ONE_WEEK - timedelta(days=1)

    def get_reason_count(self, reason: str) -> int | None:
        """Return all absences with this reason ("" for all reasons), or None if the count is hidden."""
        return self.absences["", "", reason]

    @property
    def known_reason_share(self) -> "KnownReasonShare | None":
        """Return the share of absences with a known reason, or None without enough shown figures.

        "Something else" does not count as known. If its figure is hidden, the sum of the others is the minimum.
        """
        total, other = self.get_reason_count(""), self.get_reason_count("other")
        if not total:
            return None
        if other is not None:
            return KnownReasonShare(100 * (total - other) // total, True)
        shown = sum(self.get_reason_count(name) or 0 for name in ABSENCE_REASONS if name != "other")
        return KnownReasonShare(100 * shown // total, False)


@dataclass(frozen=True)
class KnownReasonShare:
    """A percentage, which is a minimum if `is_exact` is False."""

    percent: int
    is_exact: bool


@dataclass(frozen=True)
class WeeksAverage:
    """The mean by reason of the weeks before or after a day, over the weeks that show it. None if no week does."""

    week_count: int
    mean_by_reason: Mapping[str, float | None]
    shown_week_counts: Mapping[str, int]


def get_monday(day: date) -> date:
    """Return the Monday of the week of a day."""
    return day - timedelta(days=day.weekday())


def list_mondays(today: date, count: int = SHOWN_WEEK_COUNT) -> list[date]:
    """Return the Mondays of the last complete weeks, newest first."""
    this_monday = get_monday(today)
    return [this_monday - ONE_WEEK * number for number in range(1, count + 1)]


def get_week_end(district: District, monday: date) -> datetime:
    """Return the moment when a week ends in the district's time zone."""
    return datetime.combine(monday + ONE_WEEK, time(), tzinfo=ZoneInfo(district.time_zone))


def list_school_rows(district: District) -> tuple[str, ...]:
    """Return the rows of the table by school."""
    return (*district.schools, UNKNOWN_ROW)


def list_language_rows(district: District) -> tuple[str, ...]:
    """Return the rows of the table by language."""
    return (*district.languages, UNKNOWN_ROW)


def count_absences(
    district: District, counted_absences: Iterable[absences.CountedAbsence]
) -> dict[AttendanceCellKey, int]:
    """Count one week's absences for every cell of both tables, with 0 for empty cells."""
    cells = Counter[AttendanceCellKey]()
    for absence in counted_absences:
        language = absence.language if absence.language in district.languages else UNKNOWN_ROW
        cells[SCHOOL_TABLE, _get_school_row(district, absence.school), absence.reason] += 1
        cells[LANGUAGE_TABLE, language, absence.reason] += 1
    rows = [(SCHOOL_TABLE, row) for row in list_school_rows(district)]
    rows += [(LANGUAGE_TABLE, row) for row in list_language_rows(district)]
    return {(table, row, reason): cells[table, row, reason] for table, row in rows for reason in ABSENCE_REASONS}


def _get_school_row(district: District, school: str | None) -> str:
    if school in district.schools:
        return school
    return UNKNOWN_ROW


def count_needs(
    district: District, counted_needs: Iterable[support_needs.CountedSupportNeed], end: datetime
) -> dict[AttendanceCellKey, int]:
    """Count a week's needs by kind, in a table by school and in a table by whether they were done in time."""
    cells = Counter[AttendanceCellKey]()
    for need in counted_needs:
        cells[SCHOOL_TABLE, _get_school_row(district, need.school), need.kind] += 1
        cells[STATE_TABLE, _get_need_state(need, end), need.kind] += 1
    rows = [(SCHOOL_TABLE, row) for row in list_school_rows(district)]
    rows += [(STATE_TABLE, row) for row in NEED_STATES]
    return {(table, row, kind): cells[table, row, kind] for table, row in rows for kind in SUPPORT_NEED_KINDS}


def _get_need_state(need: support_needs.CountedSupportNeed, end: datetime) -> str:
    if need.closed_at is not None and need.closed_at < end:
        return DONE_IN_TIME
    return STILL_OPEN


def average_weeks(weeks: Iterable[AttendanceWeek]) -> WeeksAverage:
    """Return the mean of each reason over the weeks that show it."""
    weeks = list(weeks)
    shown_counts: dict[str, list[int]] = {}
    for reason in (*ABSENCE_REASONS, ""):
        counts = (week.get_reason_count(reason) for week in weeks)
        shown_counts[reason] = [count for count in counts if count is not None]
    means = {reason: mean(counts) if counts else None for reason, counts in shown_counts.items()}
    return WeeksAverage(len(weeks), means, {reason: len(counts) for reason, counts in shown_counts.items()})


def compare_around_day(weeks: Sequence[AttendanceWeek], day: date) -> tuple[WeeksAverage, WeeksAverage]:
    """Return the averages of the weeks before and after a day. The week of the day belongs to neither."""
    middle = get_monday(day)
    near = [week for week in weeks if abs(week.monday - middle) <= ONE_WEEK * COMPARED_WEEK_COUNT]
    before = average_weeks(week for week in near if week.monday < middle)
    after = average_weeks(week for week in near if week.monday > middle)
    return before, after
