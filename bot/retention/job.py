"""The daily run: each rule in batches of its own transactions, so that it may be killed anywhere and run again."""

import logging
from datetime import datetime, timedelta

from bot.base.database import now
from bot.retention.rules import RETENTION_RULES, RetentionRule
from bot.runtime import Services
from bot.store import audit_log
from bot.store.lifecycle import retention_runs

RETENTION_YEAR = timedelta(days=366)
MIN_RUN_INTERVAL = timedelta(hours=20)
"""A run that began longer ago is not today's: the hourly job begins a new one, at about the same hour each day."""
RETENTION_ACTOR = "helper"
MAX_BATCHES_PER_RULE = 2000
"""Of one rule in one run: an end in any case; what is left is for the next one."""

log = logging.getLogger(__name__)


def delete_expired_daily(services: Services) -> None:
    """Run, unless a whole run began less than a day ago."""
    with services.database.read() as db:
        last = retention_runs.find_last_completed_start(db)
    if last is None or last <= now() - MIN_RUN_INTERVAL:
        delete_expired(services, RETENTION_ACTOR)


def delete_expired(services: Services, by: str) -> dict[str, int]:
    """Take whatever is past its time; how many rows, by rule (those that found something)."""
    at = now()
    with services.database.write() as db:
        number = retention_runs.start(db, by, at)
    counts = {rule.name: _apply_rule(services, rule, at) for rule in RETENTION_RULES}
    found = {name: count for name, count in counts.items() if count}
    with services.database.write() as db:
        for name, count in found.items():
            audit_log.record(db, by, "deleted records past their time", name, now(), str(count))
        retention_runs.end(db, number, found, now())
    log.info("past their time: %s", " ".join(f"{name}={count}" for name, count in found.items()) or "rows=0")
    return found


def has_legal_hold(services: Services, rule: RetentionRule) -> bool:
    """Whether counsel holds what this rule would delete."""
    return rule.can_have_legal_hold and services.library.district.records.hold


def _apply_rule(services: Services, rule: RetentionRule, at: datetime) -> int:
    if rule.delete_rows is None or rule.get_period is None or has_legal_hold(services, rule):
        return 0
    before, total = at - rule.get_period(services.library.district), 0
    for _ in range(MAX_BATCHES_PER_RULE):
        with services.database.write() as db:
            taken = rule.delete_rows(db, before, at)
        total += taken
        if taken == 0:
            break
    return total
