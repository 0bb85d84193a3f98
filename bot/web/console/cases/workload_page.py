"""Who carries the open cases: the share of each role, so that nobody (an EL coordinator) carries everything alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from flask import render_template

from bot.content.district import EL_COORDINATOR, District
from bot.store.cases import case_stats
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ROLES, allowed
from bot.web.console.core.small_cell_suppression import LEAST
from bot.web.core.current_runtime import services

STEP = 10
"""Shares are rounded to so many percent: nobody can count single cases in them."""
TOO_MUCH = 50


@dataclass(frozen=True)
class Share:
    """`percent` of the open cases are on this role's desk; `alone`: far too much for one."""

    role: str
    percent: int
    alone: bool


@console.get("/load", endpoint="load")
@allowed(*ROLES)
def load_page() -> str:
    """The shares, by the role of who took a case, or who is alerted first for it."""
    here = services()
    with here.database.read() as db:
        found = case_stats.carried(db)
    return render_template("console/load.html", shares=shares(here.library.district, found), least=LEAST)


def shares(district: District, found: Iterable[tuple[str | None, str]]) -> list[Share] | None:
    """The shares of these open cases, each (who took it, whom it is for); None: too few to say."""
    counted = Counter(_role(district, *one) for one in found)
    total = sum(counted.values())
    if total < LEAST:
        return None
    rounded = {role: round(100 * count / total / STEP) * STEP for role, count in counted.items()}
    made = [Share(role, percent, _too_much(role, percent)) for role, percent in rounded.items()]
    return sorted(made, key=lambda one: (-one.percent, one.role))


def _role(district: District, claimed_by: str | None, role: str) -> str:
    first = claimed_by if claimed_by in district.staff else district.owners(role)[0]
    return district.staff[first].role if first else role


def _too_much(role: str, percent: int) -> bool:
    """Half of everything; for a teacher or coordinator of English learners already a third."""
    return percent >= (30 if EL_COORDINATOR.search(role.casefold()) else TOO_MUCH)
