"""Attendance by week: why children were away, by school and language, and what would help; small numbers are hidden."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.attendance import weekly_report
from bot.attendance.weekly_report import (
    ABSENCE_TABLES,
    LANGUAGE_TABLE,
    ONE_WEEK,
    SCHOOL_TABLE,
    STATE_TABLE,
    UNKNOWN_ROW,
    AttendanceCellKey,
    AttendanceWeek,
)
from bot.base import csv_export
from bot.base.database import now
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.schools import absences, support_needs
from bot.store.schools.absences import ABSENCE_REASONS
from bot.store.schools.support_needs import SUPPORT_NEED_KINDS
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.console_i18n import N_, _, language_name
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.console.core.small_cell_suppression import MIN_SHOWN_COUNT, TOTAL
from bot.web.core.current_runtime import get_runtime

REASON_LABELS = {
    "illness": N_("Illness"),
    "fear": N_("Fear"),
    "transport": N_("Getting to school"),
    "work": N_("Work"),
    "other": N_("Something else"),
}
NEED_LABELS = {
    "bus": N_("A bus or a ride"),
    "together": N_("A person to walk with"),
    "call": N_("A call with someone at school"),
    "home": N_("School work for home"),
    "other": N_("Something else"),
}
TOTAL_LABELS = {TOTAL: N_("All")}
NEED_STATE_LABELS = {"done": N_("Done by the end of the week"), "open": N_("Open at the end of the week")}
CHART_WIDTH, BAR_HEIGHT, CHART_LABEL_WIDTH, CHART_COUNT_WIDTH = 440, 36, 160, 60
"""The chart's sizes: its width, a bar's height with its gap, what stands before and behind the bars."""


@dataclass(frozen=True)
class ReasonBar:
    """One bar of the chart: `count` None is hidden, and its bar has no length."""

    words: str
    count: int | None
    y: int
    width: int


@console.get("/attendance", endpoint="attendance")
@allow_roles(*ACCOUNT_ROLES)
def attendance_page() -> str:
    """The weeks that have ended, one of them in full, and a comparison of weeks before and after a day."""
    runtime = get_runtime()
    weeks = load_weeks(runtime)
    chosen = next((one for one in weeks if one.monday.isoformat() == request.args.get("week")), weeks[0])
    day = _parse_day(request.args.get("day", ""))
    words = {
        "reasons": REASON_LABELS,
        "needs": NEED_LABELS,
        "states": NEED_STATE_LABELS,
        "least": MIN_SHOWN_COUNT,
        "total": TOTAL,
    }
    page = {"weeks": weeks, "week": chosen, "bars": build_bars(chosen), "rows": get_row_labels(runtime), "day": day}
    page |= {
        "around": weekly_report.compare_around_day(weeks, day) if day else None,
        "held": suppression_rules.find_held_school_names(runtime, now()),
    }
    page |= {
        "height": BAR_HEIGHT * len(ABSENCE_REASONS) + 8,
        "chart_width": CHART_WIDTH,
        "label": CHART_LABEL_WIDTH,
        "tables": get_table_captions(),
        "need_tables": {SCHOOL_TABLE: _("What would help, by school"), STATE_TABLE: _("Status")},
        "limits": explain_limits,
    }
    page["target"] = runtime.library.district.attendance.reason_target
    page["every"] = {"reasons": REASON_LABELS | TOTAL_LABELS, "needs": NEED_LABELS | TOTAL_LABELS}
    return render_template("console/attendance.html", **words, **page)


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def get_table_captions() -> dict[str, str]:
    """What the two tables are called."""
    return {SCHOOL_TABLE: _("Reasons by school"), LANGUAGE_TABLE: _("Reasons by language")}


def get_row_labels(runtime: Runtime) -> dict[str, dict[str, str]]:
    """The rows of both tables, in words."""
    district = runtime.library.district
    schools = {one: district.schools[one].name for one in district.schools} | {UNKNOWN_ROW: _("No school given")}
    languages = {one: language_name(one) for one in district.languages} | {UNKNOWN_ROW: _("Another language")}
    return {SCHOOL_TABLE: schools, LANGUAGE_TABLE: languages}


def load_weeks(runtime: Runtime) -> list[AttendanceWeek]:
    """The last weeks that have ended, the newest first, with everything hidden that must be."""
    district = runtime.library.district
    mondays = weekly_report.list_mondays(district.to_local_time(now()).date())
    ends = {monday: weekly_report.get_week_end(district, monday) for monday in mondays}
    first, last = mondays[-1], mondays[0] + ONE_WEEK
    with runtime.database.read() as db:
        found = [one for one in absences.list_between(db, first, last, ends) if one.day < last]
        named = [one for one in support_needs.list_between(db, first, last) if one.day < last]
    return [
        AttendanceWeek(
            monday,
            protect_absence_counts(
                weekly_report.count_absences(
                    district, (one for one in found if weekly_report.get_monday(one.day) == monday)
                )
            ),
            protect_need_counts(
                weekly_report.count_needs(
                    district, (one for one in named if weekly_report.get_monday(one.day) == monday), ends[monday]
                )
            ),
        )
        for monday in mondays
    ]


def protect_absence_counts(counts: Mapping[AttendanceCellKey, int]) -> Mapping[AttendanceCellKey, int | None]:
    """Both tables of one week with their sums; None: hidden."""
    return _protect_counts(ABSENCE_TABLES, ABSENCE_REASONS, tuple(counts.items()))


def protect_need_counts(counts: Mapping[AttendanceCellKey, int]) -> Mapping[AttendanceCellKey, int | None]:
    """The same for the needs: by school and by state, which count the same ones."""
    return _protect_counts(weekly_report.NEED_TABLES, SUPPORT_NEED_KINDS, tuple(counts.items()))


@lru_cache(maxsize=128)
def _protect_counts(
    tables: tuple[str, str], columns: tuple[str, ...], counts: tuple[tuple[AttendanceCellKey, int], ...]
) -> Mapping[AttendanceCellKey, int | None]:
    """A week that has ended does not change: worked out once."""
    return small_cell_suppression.suppress_linked_tables(tables, columns, dict(counts))


def build_bars(week: AttendanceWeek) -> list[ReasonBar]:
    """The reasons of a week as bars, the longest as long as there is room."""
    counts = [week.get_reason_count(name) for name in ABSENCE_REASONS]
    most = max((count for count in counts if count is not None), default=0)
    room = CHART_WIDTH - CHART_LABEL_WIDTH - CHART_COUNT_WIDTH
    return [
        ReasonBar(
            _(REASON_LABELS[name]), count, BAR_HEIGHT * number, round(room * count / most) if count and most else 0
        )
        for number, (name, count) in enumerate(zip(ABSENCE_REASONS, counts, strict=True))
    ]


@console.get("/attendance.csv")
@allow_roles(*ACCOUNT_ROLES)
def attendance_csv() -> ResponseReturnValue:
    """The same figures as on the page, hidden where they are hidden there, for a spreadsheet."""
    runtime = get_runtime()
    written = "".join(csv_export.format_lines(generate_csv_rows(runtime, load_weeks(runtime))))
    with runtime.database.write() as db:
        audit_log.record(db, current_user.by, "took the attendance figures", "attendance", now())
    name = "attachment; filename=attendance.csv"
    return Response(written, mimetype="text/csv", headers={"Content-Disposition": name})


def generate_csv_rows(runtime: Runtime, weeks: Sequence[AttendanceWeek]) -> Iterator[list[str]]:
    """A line for each figure."""
    yield [_("Week of"), _("By"), _("Row"), _("Column"), _("Count")]
    hidden = _("hidden")
    rows, everything = get_row_labels(runtime), _("All")
    for week in weeks:
        for (table, row, reason), count in week.absences.items():
            named = rows[table].get(row, row) if table else everything
            column = _(REASON_LABELS[reason]) if reason else everything
            shown = hidden if count is None else str(count)
            yield [week.monday.isoformat(), table or "all", named, column, shown]
        yield from _generate_need_rows(runtime, week)
    yield [explain_limits()]


def _generate_need_rows(runtime: Runtime, week: AttendanceWeek) -> Iterator[list[str]]:
    everything, kinds = _("All"), NEED_LABELS | TOTAL_LABELS
    words = {
        SCHOOL_TABLE: get_row_labels(runtime)[SCHOOL_TABLE],
        STATE_TABLE: {one: _(said) for one, said in NEED_STATE_LABELS.items()},
    }
    for (table, row, kind), count in week.needs.items():
        by, named = (f"need by {table}", words[table][row]) if table else ("need", everything)
        shown = _("hidden") if count is None else str(count)
        yield [week.monday.isoformat(), by, named, _(kinds[kind]), shown]


def explain_limits() -> str:
    """What these figures cannot say (SEED_MAP.md, Z1)."""
    return _(
        "These figures show what families told us. They do not show causes, and families who did not write are not"
        " in them. What helps one family may not help another."
    )
