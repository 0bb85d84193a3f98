"""Delete expired rows once a day, each rule in batches with their own transactions. Safe to kill and repeat."""

import logging
from datetime import datetime, timedelta

from bot.base.database import now
from bot.retention.rules import RETENTION_RULES, RetentionRule
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.lifecycle import retention_runs

RETENTION_YEAR = timedelta(days=366)
MIN_RUN_INTERVAL = timedelta(hours=20)
"""A run that started earlier was not today's. The hourly job then starts a new one, at about the same hour each day."""
RETENTION_ACTOR = "helper"
MAX_BATCHES_PER_RULE = 2000
"""The limit for one rule in one run. The next run continues."""

log = logging.getLogger(__name__)


def delete_expired_daily(runtime: Runtime) -> None:
    """Delete expired rows, unless a complete run started less than a day ago."""
    with runtime.database.read() as db:
        last_start = retention_runs.find_last_completed_start(db)
    if last_start is None or last_start <= now() - MIN_RUN_INTERVAL:
        delete_expired(runtime, RETENTION_ACTOR)


def delete_expired(runtime: Runtime, by: str) -> dict[str, int]:
    """Delete expired rows, and return the count by rule, for rules that found some."""
    current_time = now()
    with runtime.database.write() as db:
        run_id = retention_runs.start(db, by, current_time)
    counts = {rule.name: _apply_rule(runtime, rule, current_time) for rule in RETENTION_RULES}
    deleted_counts = {name: count for name, count in counts.items() if count}
    with runtime.database.write() as db:
        for name, count in deleted_counts.items():
            audit_log.record(db, by, "deleted records past their time", name, now(), str(count))
        retention_runs.end(db, run_id, deleted_counts, now())
    log.info("past their time: %s", " ".join(f"{name}={count}" for name, count in deleted_counts.items()) or "rows=0")
    return deleted_counts


def has_legal_hold(runtime: Runtime, rule: RetentionRule) -> bool:
    """Return whether a legal hold covers what this rule would delete."""
    return rule.can_have_legal_hold and runtime.library.district.records.hold


def _apply_rule(runtime: Runtime, rule: RetentionRule, current_time: datetime) -> int:
    if rule.delete_rows is None or rule.get_period is None or has_legal_hold(runtime, rule):
        return 0
    cutoff, total = current_time - rule.get_period(runtime.library.district), 0
    for _ in range(MAX_BATCHES_PER_RULE):
        with runtime.database.write() as db:
            deleted_count = rule.delete_rows(db, cutoff, current_time)
        total += deleted_count
        if deleted_count == 0:
            break
    return total
