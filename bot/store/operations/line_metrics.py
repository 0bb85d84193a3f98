"""How the line stands now, in counts: for metrics, alarms and the page "Is all well?".  Nothing of any family.

All figures together took 40 ms on SQLite with 100,000 deliveries, 10,000 cases and 100,000 consent events (2026-11-28).
What grows without end (deliveries, consent) is asked by an index on its time.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from bot.base.database import Transaction
from bot.store.announcements.announcements import announcements
from bot.store.announcements.recipients import recipients
from bot.store.announcements.recordings import recordings
from bot.store.cases.cases import OPEN_STATES, cases
from bot.store.cases.deliveries import deliveries
from bot.store.families.consent_events import consent_events
from bot.store.staff.staff_accounts import staff_accounts

ONE_DAY = timedelta(days=1)
MAX_ERROR_CODES = 20
"""So many of Twilio's error codes are told apart; the rarest are not."""
TWILIO_CODE_RANGE = (20000, 99999)
"""Twilio's own codes have five digits, and thousands of meanings."""


def count_open_cases(db: Transaction) -> Mapping[tuple[str, bool], tuple[int, datetime]]:
    """(severity, whether somebody has taken them) → how many are open, and when the oldest was opened."""
    taken = cases.c.claimed_by.is_not(None)
    query = select(cases.c.severity, taken, func.count(), func.min(cases.c.opened_at))
    rows = db.execute(query.where(cases.c.state.in_(OPEN_STATES)).group_by(cases.c.severity, taken))
    return {(severity, bool(claimed)): (many, oldest) for severity, claimed, many, oldest in rows}


def time_to_claim(db: Transaction, at: datetime) -> Mapping[str, list[float]]:
    """Severity → seconds from the opening to whoever took it, of cases that were taken within a day."""
    key = (cases.c.claimed_at >= at - ONE_DAY) & (cases.c.opened_at >= at - 30 * ONE_DAY)
    found: dict[str, list[float]] = {}
    for severity, opened, claimed in db.execute(
        select(cases.c.severity, cases.c.opened_at, cases.c.claimed_at).where(key)
    ):
        found.setdefault(severity, []).append((claimed - opened).total_seconds())
    return found


def count_deliveries(db: Transaction, at: datetime) -> Mapping[tuple[str, str, str], int]:
    """(kind, text or call, state) → how many deliveries of the last day; those planned for later are left out."""
    row = deliveries.c
    key = (row.created_at >= at - ONE_DAY) & (row.created_at <= at)
    return _count_groups(
        db, select(row.kind, row.means, row.state, func.count()).where(key).group_by(row.kind, row.means, row.state)
    )


def count_twilio_codes(db: Transaction, at: datetime) -> Mapping[tuple[int], int]:
    """Twilio's error code → how many deliveries of the last day ended or wait with it."""
    row = deliveries.c
    key = (row.created_at >= at - ONE_DAY) & row.error_code.between(*TWILIO_CODE_RANGE)
    query = select(row.error_code, func.count()).where(key).group_by(row.error_code)
    return _count_groups(db, query.order_by(func.count().desc()).limit(MAX_ERROR_CODES))


def find_oldest_due_at(db: Transaction, at: datetime) -> datetime | None:
    """Since when the delivery that waits longest should have been sent."""
    row = deliveries.c
    found: datetime | None = _fetch_scalar(
        db, select(func.min(row.due_at)).where(row.state == "waiting", row.due_at <= at)
    )
    return found


def send_attempt_counts(db: Transaction, at: datetime, within: timedelta) -> tuple[int, int]:
    """Of what was to be sent lately: how many Twilio took, and how many it did not take at all (they wait, or their
    outcome is not known)."""
    row = deliveries.c
    lately = (row.created_at >= at - within) & (row.created_at <= at)
    taken = _fetch_scalar(db, select(func.count()).where(lately, row.rank > 0, row.sid.is_not(None)))
    not_taken = lately & (row.attempts > 0) & row.state.in_(("waiting", "unknown"))
    return int(taken or 0), int(_fetch_scalar(db, select(func.count()).where(not_taken)) or 0)


def count_unknown_sends(db: Transaction) -> int:
    """Sends of which nobody knows yet whether Twilio took them."""
    several = (deliveries, recipients)
    return sum(int(_fetch_scalar(db, select(func.count()).where(table.c.state == "unknown")) or 0) for table in several)


def count_active_recipients(db: Transaction) -> Mapping[tuple[str], int]:
    """State → how many recipients, of all announcements that are on their way."""
    on_their_way = select(announcements.c.id).where(announcements.c.state.in_(("freezing", "sending", "paused")))
    row = recipients.c
    return _count_groups(
        db, select(row.state, func.count()).where(row.announcement_id.in_(on_their_way)).group_by(row.state)
    )


def count_opt_outs(db: Transaction, at: datetime, within: timedelta) -> int:
    """Addresses that stopped within this time."""
    key = (consent_events.c.at >= at - within) & (consent_events.c.kind == "stop")
    return int(_fetch_scalar(db, select(func.count()).where(key)) or 0)


def count_failed_logins(db: Transaction, at: datetime) -> tuple[int, int]:
    """Wrong tries that count at this moment, and logins that are locked by them (closed ones are not)."""
    row = staff_accounts.c
    tries = _fetch_scalar(db, select(func.sum(row.failures)))
    locked = _fetch_scalar(db, select(func.count()).where(row.locked_until > at, row.locked_until < at + 365 * ONE_DAY))
    return int(tries or 0), int(locked or 0)


def count_unreviewed_recordings(db: Transaction) -> int:
    """Recordings that no caller hears before somebody has listened to them."""
    key = recordings.c.reviewed_at.is_(None) & recordings.c.taken_back_at.is_(None)
    return int(_fetch_scalar(db, select(func.count()).select_from(recordings).where(key)) or 0)


def _count_groups(db: Transaction, query: Select[Any]) -> dict[Any, int]:
    return {tuple(row[:-1]): int(row[-1]) for row in db.execute(query)}


def _fetch_scalar(db: Transaction, query: Select[Any]) -> Any:
    return db.execute(query).scalar()
