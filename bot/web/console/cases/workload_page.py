"""Who carries the open cases: the share of each role, so that nobody (an EL coordinator) carries everything alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from flask import render_template

from bot.content.district import EL_COORDINATOR_PATTERN, District
from bot.store.cases import case_stats
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.console.core.small_cell_suppression import MIN_SHOWN_COUNT
from bot.web.core.current_runtime import get_runtime

SHARE_ROUNDING_PERCENT = 10
"""Shares are rounded to so many percent: nobody can count single cases in them."""
OVERLOAD_PERCENT = 50


@dataclass(frozen=True)
class WorkloadShare:
    """`percent` of the open cases are on this role's desk; `alone`: far too much for one."""

    role: str
    percent: int
    alone: bool


@console.get("/load", endpoint="load")
@allow_roles(*ACCOUNT_ROLES)
def load_page() -> str:
    """The shares, by the role of who took a case, or who is alerted first for it."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        found = case_stats.list_open_assignments(db)
    return render_template(
        "console/load.html", shares=calculate_shares(runtime.library.district, found), least=MIN_SHOWN_COUNT
    )


def calculate_shares(district: District, open_cases: Iterable[tuple[str | None, str]]) -> list[WorkloadShare] | None:
    """The shares of these open cases, each (who took it, whom it is for); None: too few to say."""
    counted = Counter(_find_responsible_role(district, *one) for one in open_cases)
    total = sum(counted.values())
    if total < MIN_SHOWN_COUNT:
        return None
    rounded = {
        role: round(100 * count / total / SHARE_ROUNDING_PERCENT) * SHARE_ROUNDING_PERCENT
        for role, count in counted.items()
    }
    made = [WorkloadShare(role, percent, _is_overloaded(role, percent)) for role, percent in rounded.items()]
    return sorted(made, key=lambda one: (-one.percent, one.role))


def _find_responsible_role(district: District, claimed_by: str | None, role: str) -> str:
    first = claimed_by if claimed_by in district.staff else district.find_owners(role)[0]
    return district.staff[first].role if first else role


def _is_overloaded(role: str, percent: int) -> bool:
    """Half of everything; for a teacher or coordinator of English learners already a third."""
    return percent >= (30 if EL_COORDINATOR_PATTERN.search(role.casefold()) else OVERLOAD_PERCENT)
