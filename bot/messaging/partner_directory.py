"""The district's list of organizations as it stands: the file's, with what staff heard when they called."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from bot.content import partners
from bot.content.facts import Partner
from bot.runtime import Services
from bot.store import audit_log
from bot.store.community import partner_checks
from bot.store.community.partner_checks import PartnerCheck

SECONDS = 10
"""So long a process goes by the calls that it read last: they are read for every message."""


def standing(services: Services, at: datetime) -> dict[str, Partner]:
    """Those whose number was not found wrong, each with the day of its newer check."""
    return partners.apply_checks(services.library.district.partners, checks(services, at))


def checks(services: Services, at: datetime) -> Sequence[PartnerCheck]:
    """The last call to each number."""
    return _read(services, int(at.timestamp()) // SECONDS)


@lru_cache(maxsize=8)
def _read(services: Services, _slot: int) -> Sequence[PartnerCheck]:
    with services.database.read() as db:
        return partner_checks.list_newest(db)


def called(services: Services, name: str, phone: str, right: bool, by: str, at: datetime) -> bool:
    """Somebody called the number that stood on the page; False if the file has another one now."""
    partner = services.library.district.partners.get(name)
    if partner is None or partner.phone != phone:
        return False
    day = services.library.district.to_local_time(at).date()
    with services.database.write() as db:
        partner_checks.add(db, PartnerCheck(name, phone, right, day, by, at))
        audit_log.record(db, by, "called a partner", f"partner {name}"[:64], at, "right" if right else "wrong")
    _read.cache_clear()
    return True
