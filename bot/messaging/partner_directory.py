"""The district's list of organizations as it stands: the file's, with what staff heard when they called."""

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
"""So long a process goes by the calls that it read last: they are read for every message."""


def get_current_partners(runtime: Runtime, now: datetime) -> dict[str, Partner]:
    """Those whose number was not found wrong, each with the day of its newer check."""
    return partners.apply_checks(runtime.library.district.partners, list_newest_checks(runtime, now))


def list_newest_checks(runtime: Runtime, now: datetime) -> Sequence[PartnerCheck]:
    """The last call to each number."""
    return _load_checks(runtime, int(now.timestamp()) // CACHE_SECONDS)


@lru_cache(maxsize=8)
def _load_checks(runtime: Runtime, _slot: int) -> Sequence[PartnerCheck]:
    with runtime.database.read() as db:
        return partner_checks.list_newest(db)


def record_call(runtime: Runtime, name: str, phone: str, is_number_correct: bool, actor: str, now: datetime) -> bool:
    """Somebody called the number that stood on the page; False if the file has another one now."""
    partner = runtime.library.district.partners.get(name)
    if partner is None or partner.phone != phone:
        return False
    day = runtime.library.district.to_local_time(now).date()
    with runtime.database.write() as db:
        partner_checks.add(db, PartnerCheck(name, phone, is_number_correct, day, actor, now))
        audit_log.record(
            db, actor, "called a partner", f"partner {name}"[:64], now, "right" if is_number_correct else "wrong"
        )
    _load_checks.cache_clear()
    return True
