"""The workload page: the share of open cases by role, which shows when one role has too many of them."""

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
"""Shares are rounded to this many percent, so that they don't reveal single cases."""
OVERLOAD_PERCENT, EL_OVERLOAD_PERCENT = 50, 30


@dataclass(frozen=True)
class WorkloadShare:
    """The share of open cases that a role is responsible for. `alone` marks a role with too many."""

    role: str
    percent: int
    alone: bool


@console.get("/load", endpoint="load")
@allow_roles(*ACCOUNT_ROLES)
def load_page() -> str:
    """Show the shares, by the role of the assignee or, before the assignment, of the first person alerted."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        open_cases = case_stats.list_open_assignments(db)
    shares = calculate_shares(runtime.library.district, open_cases)
    return render_template("console/load.html", shares=shares, least=MIN_SHOWN_COUNT)


def calculate_shares(district: District, open_cases: Iterable[tuple[str | None, str]]) -> list[WorkloadShare] | None:
    """Return the shares of these (assignee, role) pairs, largest first. Return None for too few cases."""
    case_counts = Counter(_find_responsible_role(district, assignee, role) for assignee, role in open_cases)
    total = sum(case_counts.values())
    if total < MIN_SHOWN_COUNT:
        return None
    shares = []
    for role, count in case_counts.items():
        percent = round(100 * count / total / SHARE_ROUNDING_PERCENT) * SHARE_ROUNDING_PERCENT
        shares.append(WorkloadShare(role, percent, _is_overloaded(role, percent)))
    return sorted(shares, key=lambda share: (-share.percent, share.role))


def _find_responsible_role(district: District, claimed_by: str | None, role: str) -> str:
    first = claimed_by if claimed_by in district.staff else district.find_owners(role)[0]
    return district.staff[first].role if first else role


def _is_overloaded(role: str, percent: int) -> bool:
    """Whether the share is too large: half of all cases, or 30% for staff who work with English learners."""
    if EL_COORDINATOR_PATTERN.search(role.casefold()):
        return percent >= EL_OVERLOAD_PERCENT
    return percent >= OVERLOAD_PERCENT
