"""A family is erased, from the database and from the conversations that Redis keeps."""

import logging

from bot.services import Services
from bot.store import audit, contacts, erasing
from bot.store.db import now

log = logging.getLogger(__name__)


def erase(services: Services, address: str, by: str) -> bool:
    """Erase whoever writes from this address, with all its addresses; False if nobody does.

    In one go: if Redis is away nothing is erased, and it is to be run again.
    """
    at, vault = now(), services.database.vault
    with services.database.write() as db:
        contact = contacts.find(db, vault, address)
        if contact is None or contact.family_id is None:
            return False
        indexes = erasing.erase(db, vault, contact.family_id, at)
        audit.record(db, by, "erased a family", "families", at)
        for index in indexes:
            services.conversations.erase(index)
    log.info("erased: addresses=%s", len(indexes))
    return True
