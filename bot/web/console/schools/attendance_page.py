"""Serve the attendance page: weekly counts of absence reasons and support needs. Small counts are hidden."""

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
"""Pixels: the whole chart, a bar with its gap, the label before a bar, and the count after it."""


@dataclass(frozen=True)
class ReasonBar:
    """One bar of the chart. If `count` is None, it is hidden, and the bar has no length."""

    words: str
    count: int | None
    y: int
    width: int


@console.get("/attendance", endpoint="attendance")
@allow_roles(*ACCOUNT_ROLES)
def attendance_page() -> str:
    """Show the weeks that ended, one week in full, and a comparison of the weeks before and after a day."""
    runtime = get_runtime()
    weeks = load_weeks(runtime)
    chosen_week = next((week for week in weeks if week.monday.isoformat() == request.args.get("week")), weeks[0])
    day = _parse_day(request.args.get("day", ""))
    labels = {
        "reasons": REASON_LABELS,
        "needs": NEED_LABELS,
        "states": NEED_STATE_LABELS,
        "every": {"reasons": REASON_LABELS | TOTAL_LABELS, "needs": NEED_LABELS | TOTAL_LABELS},
        "rows": get_row_labels(runtime),
        "tables": get_table_captions(),
        "need_tables": {SCHOOL_TABLE: _("What would help, by school"), STATE_TABLE: _("Status")},
        "limits": explain_limits,
    }
    chart = {
        "bars": build_bars(chosen_week),
        "height": BAR_HEIGHT * len(ABSENCE_REASONS) + 8,
        "chart_width": CHART_WIDTH,
        "label": CHART_LABEL_WIDTH,
    }
    return render_template(
        "console/attendance.html",
        weeks=weeks,
        week=chosen_week,
        day=day,
        around=weekly_report.compare_around_day(weeks, day) if day else None,
        held=suppression_rules.find_held_school_names(runtime, now()),
        target=runtime.library.district.attendance.reason_target,
        least=MIN_SHOWN_COUNT,
        total=TOTAL,
        **labels,
        **chart,
    )


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def get_table_captions() -> dict[str, str]:
    """Return the caption of each absence table."""
    return {SCHOOL_TABLE: _("Reasons by school"), LANGUAGE_TABLE: _("Reasons by language")}


def get_row_labels(runtime: Runtime) -> dict[str, dict[str, str]]:
    """Return the row labels of each absence table."""
    district = runtime.library.district
    schools = {school_id: school.name for school_id, school in district.schools.items()}
    languages = {language: language_name(language) for language in district.languages}
    return {
        SCHOOL_TABLE: schools | {UNKNOWN_ROW: _("No school given")},
        LANGUAGE_TABLE: languages | {UNKNOWN_ROW: _("Another language")},
    }


def load_weeks(runtime: Runtime) -> list[AttendanceWeek]:
    """Return the last weeks that ended, newest first, with small counts hidden."""
    district = runtime.library.district
    mondays = weekly_report.list_mondays(district.to_local_time(now()).date())
    week_ends = {monday: weekly_report.get_week_end(district, monday) for monday in mondays}
    first_day, end_day = mondays[-1], mondays[0] + ONE_WEEK
    with runtime.database.read() as db:
        all_reports = [
            report for report in absences.list_between(db, first_day, end_day, week_ends) if report.day < end_day
        ]
        all_needs = [need for need in support_needs.list_between(db, first_day, end_day) if need.day < end_day]
    weeks = []
    for monday in mondays:
        reports = [report for report in all_reports if weekly_report.get_monday(report.day) == monday]
        needs = [need for need in all_needs if weekly_report.get_monday(need.day) == monday]
        absence_counts = weekly_report.count_absences(district, reports)
        need_counts = weekly_report.count_needs(district, needs, week_ends[monday])
        weeks.append(AttendanceWeek(monday, protect_absence_counts(absence_counts), protect_need_counts(need_counts)))
    return weeks


def protect_absence_counts(counts: Mapping[AttendanceCellKey, int]) -> Mapping[AttendanceCellKey, int | None]:
    """Return both absence tables of one week, with totals. None: hidden."""
    return _protect_counts(ABSENCE_TABLES, ABSENCE_REASONS, tuple(counts.items()))


def protect_need_counts(counts: Mapping[AttendanceCellKey, int]) -> Mapping[AttendanceCellKey, int | None]:
    """Return both tables of support needs of one week, with totals. Both count the same needs. None: hidden."""
    return _protect_counts(weekly_report.NEED_TABLES, SUPPORT_NEED_KINDS, tuple(counts.items()))


@lru_cache(maxsize=128)
def _protect_counts(
    tables: tuple[str, str], columns: tuple[str, ...], counts: tuple[tuple[AttendanceCellKey, int], ...]
) -> Mapping[AttendanceCellKey, int | None]:
    """Hide small counts. The result is cached, because the counts of a week that ended do not change."""
    return small_cell_suppression.suppress_linked_tables(tables, columns, dict(counts))


def build_bars(week: AttendanceWeek) -> list[ReasonBar]:
    """Return one bar for each absence reason of a week. The longest bar has the full width."""
    counts = [week.get_reason_count(reason) for reason in ABSENCE_REASONS]
    max_count = max((count for count in counts if count is not None), default=0)
    max_width = CHART_WIDTH - CHART_LABEL_WIDTH - CHART_COUNT_WIDTH
    bars = []
    for index, (reason, count) in enumerate(zip(ABSENCE_REASONS, counts, strict=True)):
        width = 0
        if count:
            width = round(max_width * count / max_count)
        bars.append(ReasonBar(_(REASON_LABELS[reason]), count, BAR_HEIGHT * index, width))
    return bars


@console.get("/attendance.csv")
@allow_roles(*ACCOUNT_ROLES)
def attendance_csv() -> ResponseReturnValue:
    """Return the counts of the page as a CSV file. The same counts are hidden as on the page."""
    runtime = get_runtime()
    csv_text = "".join(csv_export.format_lines(generate_csv_rows(runtime, load_weeks(runtime))))
    with runtime.database.write() as db:
        audit_log.record(db, current_user.by, "took the attendance figures", "attendance", now())
    disposition = "attachment; filename=attendance.csv"
    return Response(csv_text, mimetype="text/csv", headers={"Content-Disposition": disposition})


def generate_csv_rows(runtime: Runtime, weeks: Sequence[AttendanceWeek]) -> Iterator[list[str]]:
    """Yield the header row, one row for each count, and the limits of the data."""
    yield [_("Week of"), _("By"), _("Row"), _("Column"), _("Count")]
    row_labels, all_label = get_row_labels(runtime), _("All")
    for week in weeks:
        for (table, row, reason), count in week.absences.items():
            row_label = column = all_label
            if table:
                row_label = row_labels[table].get(row, row)
            if reason:
                column = _(REASON_LABELS[reason])
            yield [week.monday.isoformat(), table or "all", row_label, column, _format_count(count)]
        yield from _generate_need_rows(runtime, week)
    yield [explain_limits()]


def _generate_need_rows(runtime: Runtime, week: AttendanceWeek) -> Iterator[list[str]]:
    kind_labels = NEED_LABELS | TOTAL_LABELS
    row_labels = {
        SCHOOL_TABLE: get_row_labels(runtime)[SCHOOL_TABLE],
        STATE_TABLE: {state: _(label) for state, label in NEED_STATE_LABELS.items()},
    }
    for (table, row, kind), count in week.needs.items():
        group, row_label = "need", _("All")
        if table:
            group, row_label = f"need by {table}", row_labels[table][row]
        yield [week.monday.isoformat(), group, row_label, _(kind_labels[kind]), _format_count(count)]


def _format_count(count: int | None) -> str:
    if count is None:
        return _("hidden")
    return str(count)


def explain_limits() -> str:
    """Return what these counts can't show (SEED_MAP.md, Z1)."""
    return _(
        "These figures show what families told us. They do not show causes, and families who did not write are not"
        " in them. What helps one family may not help another."
    )
