"""Serve the page that shows how long families wait, by severity and school. Small counts are hidden."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from flask import render_template, request

from bot.base.database import now
from bot.content.district import District
from bot.store.cases import case_stats
from bot.store.cases.case_stats import CaseTiming
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.console.core.small_cell_suppression import MIN_SHOWN_COUNT, TOTAL, CellKey
from bot.web.core.current_runtime import get_runtime

REPORT_PERIOD_DAYS = (7, 30, 90)
SEVERITY_LABELS = {
    "escalate_now": N_("Emergency"),
    "escalate_day": N_("Today"),
    "follow_up": N_("Follow-up"),
    "info": N_("For information"),
}
NO_SCHOOL_ROW = "none"
"""The row of cases without a school, or with a school that is no longer in the district file."""


@dataclass(frozen=True)
class SeverityMedians:
    """The median times of the cases of one severity, as text. None: too few cases."""

    severity: str
    to_claim: str | None
    to_resolve: str | None


@dataclass(frozen=True)
class CaseCountTable:
    """Case counts by school and severity. None: hidden."""

    caption: str
    rows: dict[str, str]
    columns: dict[str, str]
    cells: dict[CellKey, int | None]


@console.get("/figures", endpoint="figures")
@allow_roles(*ACCOUNT_ROLES)
def figures_page() -> str:
    """Show times and counts of whole days up to yesterday.

    If the page changed with each new case, a reader could learn about that case.
    """
    days = request.args.get("days", type=int)
    if days not in REPORT_PERIOD_DAYS:
        days = 30
    runtime = get_runtime()
    district = runtime.library.district
    until = district.to_local_time(now()).replace(hour=0, minute=0, second=0, microsecond=0)
    with runtime.database.read() as db:
        timings = case_stats.list_timings(db, until - timedelta(days=days), until)
        unassigned = case_stats.list_unassigned(db)
    opened = ((timing.school, timing.severity) for timing in timings)
    return render_template(
        "console/figures.html",
        days=days,
        periods=REPORT_PERIOD_DAYS,
        medians=calculate_medians(timings),
        tables=[
            build_count_table(_("Cases opened"), district, opened),
            build_count_table(_("Unassigned now"), district, unassigned),
        ],
        least=MIN_SHOWN_COUNT,
        total=TOTAL,
    )


def calculate_medians(timings: list[CaseTiming]) -> list[SeverityMedians]:
    """Return the median times of each severity."""
    medians = []
    for severity, label in SEVERITY_LABELS.items():
        severity_timings = [timing for timing in timings if timing.severity == severity]
        to_claim = _format_median(timing.time_to_claim for timing in severity_timings)
        to_resolve = _format_median(timing.time_to_resolve for timing in severity_timings)
        medians.append(SeverityMedians(_(label), to_claim, to_resolve))
    return medians


def _format_median(durations: Iterable[timedelta | None]) -> str | None:
    """Return the median of the durations that are not None, or None if there are too few of them."""
    seconds = [duration.total_seconds() for duration in durations if duration is not None]
    if len(seconds) < MIN_SHOWN_COUNT:
        return None
    return format_duration(timedelta(seconds=median(seconds)))


def format_duration(duration: timedelta) -> str:
    """Format a duration in minutes, hours, or days, depending on its length."""
    minutes = round(duration.total_seconds() / 60)
    if minutes < 120:
        return _("{count} min", count=minutes)
    hours = round(minutes / 60)
    if hours < 48:
        return _("{count} h", count=hours)
    return _("{count} days", count=round(hours / 24))


def build_count_table(caption: str, district: District, places: Iterable[tuple[str | None, str]]) -> CaseCountTable:
    """Return the table of cases. `places`: (school, severity) of each case."""
    rows = {school_id: school.name for school_id, school in district.schools.items()}
    rows[NO_SCHOOL_ROW] = _("No school given")
    columns = {severity: _(label) for severity, label in SEVERITY_LABELS.items()}
    counts: Counter[CellKey] = Counter()
    for school_id, severity in places:
        row = school_id if school_id in district.schools else NO_SCHOOL_ROW
        counts[str(row), severity] += 1
    cells = small_cell_suppression.suppress_table(list(rows), list(columns), counts)
    total = {TOTAL: _("All")}
    return CaseCountTable(caption, rows | total, columns | total, cells)
