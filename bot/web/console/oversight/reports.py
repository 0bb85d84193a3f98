"""Figures: how long families wait, by severity and school; never so small a number that it tells of one family."""

from collections import Counter
from collections.abc import Callable, Iterable
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
"""The row of cases that name no school, or one that the district file does not have any more."""


@dataclass(frozen=True)
class SeverityMedians:
    """Half of the cases of this severity went faster; None: too few cases to say."""

    severity: str
    to_claim: str | None
    to_resolve: str | None


@dataclass(frozen=True)
class CaseCountTable:
    """Counts by school and severity; None: hidden."""

    caption: str
    rows: dict[str, str]
    columns: dict[str, str]
    cells: dict[CellKey, int | None]


@console.get("/figures", endpoint="figures")
@allow_roles(*ACCOUNT_ROLES)
def figures_page() -> str:
    """Times and counts of whole days up to yesterday (a page that changed with each case would tell of that case)."""
    days = request.args.get("days", type=int)
    days = days if days in REPORT_PERIOD_DAYS else 30
    here, at = get_runtime(), now()
    until = here.library.district.to_local_time(at).replace(hour=0, minute=0, second=0, microsecond=0)
    with here.database.read() as db:
        timed = case_stats.list_timings(db, until - timedelta(days=days), until)
        unclaimed = case_stats.list_unassigned(db)
    district = here.library.district
    tables = [
        build_count_table(_("Cases opened"), district, ((one.school, one.severity) for one in timed)),
        build_count_table(_("Unassigned now"), district, unclaimed),
    ]
    shown = {"days": days, "periods": REPORT_PERIOD_DAYS, "medians": calculate_medians(timed), "tables": tables}
    return render_template("console/figures.html", **shown, least=MIN_SHOWN_COUNT, total=TOTAL)


def calculate_medians(timed: list[CaseTiming]) -> list[SeverityMedians]:
    """The median times by severity."""
    found = []
    for severity, words in SEVERITY_LABELS.items():
        own = [one for one in timed if one.severity == severity]
        claim, resolve = (
            _format_median(own, lambda one: one.time_to_claim),
            _format_median(own, lambda one: one.time_to_resolve),
        )
        found.append(SeverityMedians(_(words), claim, resolve))
    return found


def _format_median(severity_cases: list[CaseTiming], span: Callable[[CaseTiming], timedelta | None]) -> str | None:
    seconds = [found.total_seconds() for one in severity_cases if (found := span(one)) is not None]
    return format_duration(timedelta(seconds=median(seconds))) if len(seconds) >= MIN_SHOWN_COUNT else None


def format_duration(span: timedelta) -> str:
    """How long, in the unit that fits: minutes, then hours, then days."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:
        return _("{count} min", count=minutes)
    hours = round(minutes / 60)
    return _("{count} h", count=hours) if hours < 48 else _("{count} days", count=round(hours / 24))


def build_count_table(caption: str, district: District, places: Iterable[tuple[str | None, str]]) -> CaseCountTable:
    """The table of these cases, each a (school, severity)."""
    rows = {name: school.name for name, school in district.schools.items()}
    rows[NO_SCHOOL_ROW] = _("No school given")
    columns = {name: _(words) for name, words in SEVERITY_LABELS.items()}
    counts = Counter((school if school in district.schools else NO_SCHOOL_ROW, severity) for school, severity in places)
    cells = small_cell_suppression.suppress_table(
        list(rows), list(columns), {(str(row), column): n for (row, column), n in counts.items()}
    )
    total = {TOTAL: _("All")}
    return CaseCountTable(caption, rows | total, columns | total, cells)
