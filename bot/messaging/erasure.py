"""A family is erased: its key, its rows, the conversations that Redis keeps; staff who were helping it are told.

By text after its own confirmation, by staff in the console, or from the command line: the same in each case.
"""

import logging
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from redis import RedisError
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoResultFound, SQLAlchemyError

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content.library import Library
from bot.flows.dialog_manager import ERASED
from bot.flows.dialog_state import Talk, World, start_flow
from bot.messaging.catalog_drafts import library_for
from bot.messaging.inbound_message import Inbound
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from bot.store.families import contacts, families
from bot.store.families.contacts import Contact
from bot.store.lifecycle import erasure, erasure_list, erasure_log

WAIT_SECONDS = 5
"""So long a family's own message that is being handled is waited for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Erased:
    """What is left to do after the transaction: conversations to drop, texts to staff to send; and what is said.

    `own`: the addresses (as indexes) that the caller has locked, `others` the family's other ones; `message`: the one
    that was answered with it.
    """

    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    notices: list[str] = field(default_factory=list)
    reply: str = ""
    message: str = ""
    token: str | None = None


def erase(services: Services, address: str, by: str) -> bool:
    """Erase whoever has this address or number, by whichever channel it writes; False if nobody does.

    In one go: if Redis is away nothing is erased, and it is to be run again.
    """
    vault = services.database.vault
    with services.database.read() as db:
        family = families.find(db, vault, address)
        language = contacts.find_language(db, vault, address) or "en"
    if family is None:
        return False
    with suppress(NoResultFound):  # it erased itself while it was waited for
        _erase_whole(services, family, language, by)
    return True


def erase_again(services: Services, by: str) -> int:
    """Erase whom a restored backup has brought back; how many.  Redis knows who was erased, and learns it from the
    database where it has lost it.  Raises `RedisError`."""
    at = now()
    with services.database.read() as db:
        erasure_list.add(services.redis, erasure_log.get_tokens(db, at - erasure_list.ERASURE_LIST_RETENTION))
        back = erasure_log.find_restored_families(db, erasure_list.list_tokens(services.redis, at))
    for family in back:
        _erase_whole(services, family, "en", by)
    if back:
        log.warning("erased again, a backup had brought them back: families=%s", len(back))
    return len(back)


def _erase_whole(services: Services, family: int, language: str, by: str) -> None:
    at = now()
    with services.database.read() as db:
        indexes = contacts.list_address_hashes(db, family)
    with _alone(services, indexes) as own:
        with services.database.write() as db:
            done = _erase_family(services, db, (family, own), by, at)
            erasure_log.record(db, secrets.token_hex(16), language, by, at, done.token)
        finish(services, done)


def by_text(services: Services, contact: Contact | None, language: str, inbound: Inbound, at: datetime) -> Erased:
    """The family has confirmed it.  Raises `RedisError`, and nothing is erased, while Redis is away."""
    own = frozenset({services.family(inbound.address)})
    done = Erased(own)
    with services.database.write() as db:
        family = contacts.find_family_id(db, contact.id) if contact else None
        if family is not None:
            done = _erase_family(services, db, (family, own), erasure_log.FAMILY_ACTOR, at)
        erasure_log.record(db, inbound.sid, language, erasure_log.FAMILY_ACTOR, at, done.token)
    return replace(done, reply=confirmation(services, language, at), message=inbound.sid)


def answered(services: Services, message_sid: str, at: datetime) -> str:
    """What was said to this very message when it erased its sender; empty if it did not."""
    with services.database.read() as db:
        language = erasure_log.find_language(db, message_sid)
    return confirmation(services, language, at) if language else ""


def confirmation(services: Services, language: str, at: datetime) -> str:
    """That everything is deleted, in this language."""
    library = library_for(services, language)
    _, effects = start_flow(_world(library), Talk(language=language), ERASED)
    return Composer(library, language, at).compose(effects)


def _world(library: Library) -> World:
    def nothing(_text: str, _language: str) -> None:
        raise AssertionError("nothing is understood here")

    return World(library.flows, library.district.languages, nothing)  # type: ignore[arg-type]


def _erase_family(
    services: Services, db: Connection, which: tuple[int, frozenset[str]], by: str, at: datetime
) -> Erased:
    """Erase it in this transaction; the caller keeps the transaction, then calls `finish`.

    `which`: the family, and the addresses whose lock the caller holds; who handles another address's message just now
    must not remember a contact that is gone.
    """
    family_id, own = which
    notices, token = _tell_staff(services, db, family_id, at), erasure_log.compute_token(db, family_id)
    indexes = frozenset(erasure.erase_family(db, services.database.vault, family_id, at))
    audit_log.record(db, by, "erased a family", "families", at)
    for index in indexes:
        drop = services.conversations.discard if index in own else services.conversations.discard_and_unlock
        drop(index)
    return Erased(own, indexes - own, notices, token=token)


def finish(services: Services, done: Erased) -> None:
    """After the transaction: no trace in Redis and in SQLite's log, and staff are told.  Safe to be cut short: what
    Redis keeps yet names nobody and runs out within a day, and the sweep sends what was planned."""
    try:
        for index in done.others:  # again: who began between that and the end of the transaction has read old rows
            services.conversations.discard_and_unlock(index)
        for index in done.own | done.others:
            services.conversations.erase(index, done.message)
        erasure_list.add(services.redis, {done.token: now()} if done.token else {})
    except RedisError as error:
        log.warning("an erased conversation runs out by itself: %s", type(error).__name__)
    empty_log(services)
    for delivery_id in done.notices:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)
    log.info("erased: addresses=%s", len(done.own | done.others))


def _tell_staff(services: Services, db: Connection, family_id: int, at: datetime) -> list[str]:
    """Whoever has an open case of it, or was alerted for one, hears that it is gone; never what it was about."""
    district, planned = services.library.district, []
    for case in _open_cases(services, db, family_id):
        pages = deliveries.list_for_case(db, services.database.vault, case.id)
        people = {one.staff for one in pages if one.kind == "alert" and one.state not in ("waiting", "canceled")}
        body = (
            f"{district.name}: case {case.id}: the family has had its data deleted. What it wrote is gone, and nobody"
            " can write to it from here. If you are helping it now, please go on by the ways that you have."
        )
        for person in sorted(one for one in {case.claimed_by or "", *people} if one in district.staff):
            planned.append(deliveries.plan_notice(db, services.database.vault, {"staff": person}, body, at))
        audit_log.record(db, "helper", "deleted with its family", f"case {case.id}", at)
    return planned


def _open_cases(services: Services, db: Connection, family_id: int) -> list[cases.Case]:
    ids = contacts.list_family_contact_ids(db, family_id)
    return [case for one in ids for case in cases.list_for_contact(db, services.database.vault, one) if case.is_open]


def empty_log(services: Services) -> None:
    """After an erasing, and each hour for those where somebody was reading just then."""
    try:
        if not services.database.checkpoint_wal():
            log.info("SQLite's log is emptied later: somebody reads")
    except SQLAlchemyError as error:
        log.warning("SQLite's log is emptied later: %s", type(error).__name__)


@contextmanager
def _alone(services: Services, indexes: Iterable[str]) -> Iterator[frozenset[str]]:
    """No message of this family is handled meanwhile; after some seconds it is done in any case: the addresses that
    are ours are given, and whoever still handles a message of another one is cast out."""
    owner, until = secrets.token_hex(8), time.monotonic() + WAIT_SECONDS
    own = frozenset(index for index in indexes if _taken(services, index, owner, until))
    try:
        yield own
    finally:
        for index in own:
            services.conversations.release(index, owner)


def _taken(services: Services, index: str, owner: str, until: float) -> bool:
    while services.conversations.lock_for_outgoing(index, owner) is None:
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True
