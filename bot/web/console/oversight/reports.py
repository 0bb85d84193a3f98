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
from bot.store.cases.case_stats import Timed
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ROLES, allowed
from bot.web.console.core.small_cell_suppression import LEAST, TOTAL, Key
from bot.web.core.current_runtime import services

PERIODS = (7, 30, 90)
SEVERITIES = {
    "escalate_now": N_("Emergency"),
    "escalate_day": N_("Today"),
    "follow_up": N_("Soon"),
    "info": N_("For information"),
}
NO_SCHOOL = "none"
"""The row of cases that name no school, or one that the district file does not have any more."""


@dataclass(frozen=True)
class Medians:
    """Half of the cases of this severity went faster; None: too few cases to say."""

    severity: str
    to_claim: str | None
    to_resolve: str | None


@dataclass(frozen=True)
class Table:
    """Counts by school and severity; None: hidden."""

    caption: str
    rows: dict[str, str]
    columns: dict[str, str]
    cells: dict[Key, int | None]


@console.get("/figures", endpoint="figures")
@allowed(*ROLES)
def figures_page() -> str:
    """Times and counts of whole days up to yesterday (a page that changed with each case would tell of that case)."""
    days = request.args.get("days", type=int)
    days = days if days in PERIODS else 30
    here, at = services(), now()
    until = here.library.district.local(at).replace(hour=0, minute=0, second=0, microsecond=0)
    with here.database.read() as db:
        timed = case_stats.opened(db, until - timedelta(days=days), until)
        unclaimed = case_stats.unclaimed(db)
    district = here.library.district
    tables = [
        counted(_("Cases opened"), district, ((one.school, one.severity) for one in timed)),
        counted(_("Nobody has taken them now"), district, unclaimed),
    ]
    shown = {"days": days, "periods": PERIODS, "medians": medians(timed), "tables": tables}
    return render_template("console/figures.html", **shown, least=LEAST, total=TOTAL)


def medians(timed: list[Timed]) -> list[Medians]:
    """The median times by severity."""
    found = []
    for severity, words in SEVERITIES.items():
        own = [one for one in timed if one.severity == severity]
        claim, resolve = _median(own, lambda one: one.to_claim), _median(own, lambda one: one.to_resolve)
        found.append(Medians(_(words), claim, resolve))
    return found


def _median(own: list[Timed], span: Callable[[Timed], timedelta | None]) -> str | None:
    seconds = [found.total_seconds() for one in own if (found := span(one)) is not None]
    return in_words(timedelta(seconds=median(seconds))) if len(seconds) >= LEAST else None


def in_words(span: timedelta) -> str:
    """How long, in the unit that fits: minutes, then hours, then days."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 120:
        return _("{count} min", count=minutes)
    hours = round(minutes / 60)
    return _("{count} h", count=hours) if hours < 48 else _("{count} days", count=round(hours / 24))


def counted(caption: str, district: District, places: Iterable[tuple[str | None, str]]) -> Table:
    """The table of these cases, each a (school, severity)."""
    rows = {name: school.name for name, school in district.schools.items()}
    rows[NO_SCHOOL] = _("No school named")
    columns = {name: _(words) for name, words in SEVERITIES.items()}
    counts = Counter((school if school in district.schools else NO_SCHOOL, severity) for school, severity in places)
    cells = small_cell_suppression.table(
        list(rows), list(columns), {(str(row), column): n for (row, column), n in counts.items()}
    )
    total = {TOTAL: _("All")}
    return Table(caption, rows | total, columns | total, cells)
