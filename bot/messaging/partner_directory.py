"""Return the current directory of partners: the district file with the results of the staff's calls."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from bot.content import partners
from bot.content.facts import Partner
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.community import partner_checks
from bot.store.community.partner_checks import PartnerCheck

CACHE_SECONDS = 10
"""How long a process reuses the calls that it read. Every message needs them."""


def get_current_partners(runtime: Runtime, now: datetime) -> dict[str, Partner]:
    """Return the partners whose number was not found wrong, each with the date of its last check."""
    return partners.apply_checks(runtime.library.district.partners, list_newest_checks(runtime, now))


def list_newest_checks(runtime: Runtime, now: datetime) -> Sequence[PartnerCheck]:
    """Return the last call to each number."""
    return _load_checks(runtime, int(now.timestamp()) // CACHE_SECONDS)


@lru_cache(maxsize=8)
def _load_checks(runtime: Runtime, _slot: int) -> Sequence[PartnerCheck]:
    with runtime.database.read() as db:
        return partner_checks.list_newest(db)


def record_call(runtime: Runtime, name: str, phone: str, is_number_correct: bool, actor: str, now: datetime) -> bool:
    """Record that a staff member called this number. Return False if the file has another number now."""
    partner = runtime.library.district.partners.get(name)
    if partner is None or partner.phone != phone:
        return False
    day = runtime.library.district.to_local_time(now).date()
    with runtime.database.write() as db:
        partner_checks.add(db, PartnerCheck(name, phone, is_number_correct, day, actor, now))
        result = "right" if is_number_correct else "wrong"
        audit_log.record(db, actor, "called a partner", f"partner {name}"[:64], now, result)
    _load_checks.cache_clear()
    return True
