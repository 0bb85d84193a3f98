"""Attendance by week: why children were away, by school and language, and what would help; small numbers are hidden."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.attendance import weekly_report
from bot.attendance.weekly_report import LANGUAGE, NONE, SCHOOL, STATE, TABLES, WEEK, Key, Week
from bot.base import csv_export
from bot.base.database import now
from bot.messaging import suppression_rules
from bot.runtime import Services
from bot.store import audit_log
from bot.store.schools import absences, support_needs
from bot.store.schools.absences import REASONS
from bot.store.schools.support_needs import KINDS
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.console_i18n import N_, _, language_name
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ROLES, allowed
from bot.web.console.core.small_cell_suppression import LEAST, TOTAL
from bot.web.core.current_runtime import services

REASON_WORDS = {
    "illness": N_("Illness"),
    "fear": N_("Fear"),
    "transport": N_("Getting to school"),
    "work": N_("Work"),
    "other": N_("Something else"),
}
NEED_WORDS = {
    "bus": N_("A bus or a ride"),
    "together": N_("Somebody to walk with"),
    "call": N_("A call with someone at school"),
    "home": N_("School work for home"),
    "other": N_("Something else"),
}
ALL = {TOTAL: N_("All")}
STATE_WORDS = {"done": N_("Done when the week ended"), "open": N_("Still open then")}
CHART_WIDTH, BAR, LABEL, ROOM = 440, 36, 160, 60
"""The chart's sizes: its width, a bar's height with its gap, what stands before and behind the bars."""


@dataclass(frozen=True)
class Bar:
    """One bar of the chart: `count` None is hidden, and its bar has no length."""

    words: str
    count: int | None
    y: int
    width: int


@console.get("/attendance", endpoint="attendance")
@allowed(*ROLES)
def attendance_page() -> str:
    """The weeks that have ended, one of them in full, and a comparison of weeks before and after a day."""
    here = services()
    weeks = weeks_of(here)
    chosen = next((one for one in weeks if one.monday.isoformat() == request.args.get("week")), weeks[0])
    day = _day(request.args.get("day", ""))
    words = {"reasons": REASON_WORDS, "needs": NEED_WORDS, "states": STATE_WORDS, "least": LEAST, "total": TOTAL}
    page = {"weeks": weeks, "week": chosen, "bars": bars(chosen), "rows": rows_of(here), "day": day}
    page |= {
        "around": weekly_report.around(weeks, day) if day else None,
        "held": suppression_rules.now_held(here, now()),
    }
    page |= {
        "height": BAR * len(REASONS) + 8,
        "chart_width": CHART_WIDTH,
        "label": LABEL,
        "tables": captions(),
        "need_tables": {SCHOOL: _("What would help, by school"), STATE: _("What became of it")},
        "limits": limits,
    }
    page["target"] = here.library.district.attendance.reason_target
    page["every"] = {"reasons": REASON_WORDS | ALL, "needs": NEED_WORDS | ALL}
    return render_template("console/attendance.html", **words, **page)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def captions() -> dict[str, str]:
    """What the two tables are called."""
    return {SCHOOL: _("Reasons by school"), LANGUAGE: _("Reasons by language")}


def rows_of(here: Services) -> dict[str, dict[str, str]]:
    """The rows of both tables, in words."""
    district = here.library.district
    schools = {one: district.schools[one].name for one in district.schools} | {NONE: _("No school named")}
    languages = {one: language_name(one) for one in district.languages} | {NONE: _("Another language")}
    return {SCHOOL: schools, LANGUAGE: languages}


def weeks_of(here: Services) -> list[Week]:
    """The last weeks that have ended, the newest first, with everything hidden that must be."""
    district = here.library.district
    mondays = weekly_report.mondays(district.local(now()).date())
    ends = {monday: weekly_report.end_of(district, monday) for monday in mondays}
    first, last = mondays[-1], mondays[0] + WEEK
    with here.database.read() as db:
        found = [one for one in absences.between(db, first, last, ends) if one.day < last]
        named = [one for one in support_needs.between(db, first, last) if one.day < last]
    return [
        Week(
            monday,
            protected(
                weekly_report.counts_of(district, (one for one in found if weekly_report.monday_of(one.day) == monday))
            ),
            protected_needs(
                weekly_report.needs_of(
                    district, (one for one in named if weekly_report.monday_of(one.day) == monday), ends[monday]
                )
            ),
        )
        for monday in mondays
    ]


def protected(counts: Mapping[Key, int]) -> Mapping[Key, int | None]:
    """Both tables of one week with their sums; None: hidden."""
    return _protected(TABLES, REASONS, tuple(counts.items()))


def protected_needs(counts: Mapping[Key, int]) -> Mapping[Key, int | None]:
    """The same for the needs: by school and by state, which count the same ones."""
    return _protected(weekly_report.NEED_TABLES, KINDS, tuple(counts.items()))


@lru_cache(maxsize=128)
def _protected(
    tables: tuple[str, str], columns: tuple[str, ...], counts: tuple[tuple[Key, int], ...]
) -> Mapping[Key, int | None]:
    """A week that has ended does not change: worked out once."""
    return small_cell_suppression.linked(tables, columns, dict(counts))


def bars(week: Week) -> list[Bar]:
    """The reasons of a week as bars, the longest as long as there is room."""
    counts = [week.reason(name) for name in REASONS]
    most = max((count for count in counts if count is not None), default=0)
    room = CHART_WIDTH - LABEL - ROOM
    return [
        Bar(_(REASON_WORDS[name]), count, BAR * number, round(room * count / most) if count and most else 0)
        for number, (name, count) in enumerate(zip(REASONS, counts, strict=True))
    ]


@console.get("/attendance.csv")
@allowed(*ROLES)
def attendance_csv() -> ResponseReturnValue:
    """The same figures as on the page, hidden where they are hidden there, for a spreadsheet."""
    here = services()
    written = "".join(csv_export.lines(lines(here, weeks_of(here))))
    with here.database.write() as db:
        audit_log.record(db, current_user.by, "took the attendance figures", "attendance", now())
    name = "attachment; filename=attendance.csv"
    return Response(written, mimetype="text/csv", headers={"Content-Disposition": name})


def lines(here: Services, weeks: Sequence[Week]) -> Iterator[list[str]]:
    """A line for each figure."""
    yield [_("Week of"), _("By"), _("Row"), _("Column"), _("Count")]
    hidden = _("hidden")
    rows, everything = rows_of(here), _("All")
    for week in weeks:
        for (table, row, reason), count in week.absences.items():
            named = rows[table].get(row, row) if table else everything
            column = _(REASON_WORDS[reason]) if reason else everything
            shown = hidden if count is None else str(count)
            yield [week.monday.isoformat(), table or "all", named, column, shown]
        yield from _need_lines(here, week)
    yield [limits()]


def _need_lines(here: Services, week: Week) -> Iterator[list[str]]:
    everything, kinds = _("All"), NEED_WORDS | ALL
    words = {SCHOOL: rows_of(here)[SCHOOL], STATE: {one: _(said) for one, said in STATE_WORDS.items()}}
    for (table, row, kind), count in week.needs.items():
        by, named = (f"need by {table}", words[table][row]) if table else ("need", everything)
        shown = _("hidden") if count is None else str(count)
        yield [week.monday.isoformat(), by, named, _(kinds[kind]), shown]


def limits() -> str:
    """What these figures cannot say (SEED_MAP.md, Z1)."""
    return _(
        "These figures show what families told us. They do not show causes, and families who did not write are not"
        " in them. What helps one family may not help another."
    )
