"""The daily run: each rule in batches of its own transactions, so that it may be killed anywhere and run again."""

import logging
from datetime import datetime, timedelta

from bot.base.database import now
from bot.retention.rules import RULES, Rule
from bot.runtime import Services
from bot.store import audit_log
from bot.store.lifecycle import retention_runs

YEAR = timedelta(days=366)
DAILY = timedelta(hours=20)
"""A run that began longer ago is not today's: the hourly job begins a new one, at about the same hour each day."""
PROGRAM = "helper"
MOST_BATCHES = 2000
"""Of one rule in one run: an end in any case; what is left is for the next one."""

log = logging.getLogger(__name__)


def retain_daily(services: Services) -> None:
    """Run, unless a whole run began less than a day ago."""
    with services.database.read() as db:
        last = retention_runs.last_ended(db)
    if last is None or last <= now() - DAILY:
        retain(services, PROGRAM)


def retain(services: Services, by: str) -> dict[str, int]:
    """Take whatever is past its time; how many rows, by rule (those that found something)."""
    at = now()
    with services.database.write() as db:
        number = retention_runs.begin(db, by, at)
    counts = {rule.name: _expire(services, rule, at) for rule in RULES}
    found = {name: count for name, count in counts.items() if count}
    with services.database.write() as db:
        for name, count in found.items():
            audit_log.record(db, by, "deleted records past their time", name, now(), str(count))
        retention_runs.end(db, number, found, now())
    log.info("past their time: %s", " ".join(f"{name}={count}" for name, count in found.items()) or "rows=0")
    return found


def held(services: Services, rule: Rule) -> bool:
    """Whether counsel holds what this rule would delete."""
    return rule.may_be_held and services.library.district.records.hold


def _expire(services: Services, rule: Rule, at: datetime) -> int:
    if rule.expire is None or rule.after is None or held(services, rule):
        return 0
    before, total = at - rule.after(services.library.district), 0
    for _ in range(MOST_BATCHES):
        with services.database.write() as db:
            taken = rule.expire(db, before, at)
        total += taken
        if taken == 0:
            break
    return total
