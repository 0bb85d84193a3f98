"""Erase a family: its key, its rows, and the conversations in Redis. Tell the staff who were helping it.

A family can erase itself by text, after a confirmation. Staff can do it in the console or on the command line. All
three do the same.
"""

import logging
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from redis import RedisError
from sqlalchemy.exc import NoResultFound, SQLAlchemyError

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content.library import Library
from bot.flows.dialog_manager import ERASED_FLOW
from bot.flows.dialog_state import DialogState, FlowContext, start_flow
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.inbound_message import InboundMessage
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from bot.store.families import contacts, families
from bot.store.families.contacts import Contact
from bot.store.lifecycle import erasure, erasure_list, erasure_log

WAIT_SECONDS = 5
"""How long an erasure waits for a message of the family that is being handled."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErasureResult:
    """What remains to do after the transaction, and the reply.

    `locked_hashes` are the lookup hashes of the addresses that the caller has locked, and `other_hashes` those of the
    family's other addresses. `message_sid` is the message that confirmed the erasure.
    """

    locked_hashes: frozenset[str] = frozenset()
    other_hashes: frozenset[str] = frozenset()
    notice_ids: list[str] = field(default_factory=list)
    reply: str = ""
    message_sid: str = ""
    token: str | None = None


def erase_by_address(runtime: Runtime, address: str, actor: str) -> bool:
    """Erase the family with this address or number, on any channel. Return False if there is none.

    If Redis is away, nothing is erased. Run it again later.
    """
    with runtime.database.read() as db:
        family_id = families.find(db, address)
        language = contacts.find_language(db, address) or "en"
    if family_id is None:
        return False
    with suppress(NoResultFound):  # the family erased itself while this waited
        _erase_with_lock(runtime, family_id, language, actor)
    return True


def erase_restored_families(runtime: Runtime, actor: str) -> int:
    """Erase the families that a restored backup brought back, and return how many.

    Redis has the list of erased families. If Redis lost it, the database fills it again.

    Raises:
        RedisError: Redis is away.
    """
    current_time = now()
    with runtime.database.read() as db:
        erasure_list.add(runtime.redis, erasure_log.get_tokens(db, current_time - erasure_list.ERASURE_LIST_RETENTION))
        restored_ids = erasure_log.find_restored_families(db, erasure_list.list_tokens(runtime.redis, current_time))
    for family_id in restored_ids:
        _erase_with_lock(runtime, family_id, "en", actor)
    if restored_ids:
        log.warning("erased again after a restored backup: families=%s", len(restored_ids))
    return len(restored_ids)


def _erase_with_lock(runtime: Runtime, family_id: int, language: str, actor: str) -> None:
    current_time = now()
    with runtime.database.read() as db:
        address_hashes = contacts.list_address_hashes(db, family_id)
    with _lock_family(runtime, address_hashes) as locked_hashes:
        with runtime.database.write() as db:
            result = _erase_family(runtime, db, (family_id, locked_hashes), actor, current_time)
            erasure_log.record(db, secrets.token_hex(16), language, actor, current_time, result.token)
        finish_erasure(runtime, result)


def erase_by_text(
    runtime: Runtime, contact: Contact | None, language: str, inbound: InboundMessage, current_time: datetime
) -> ErasureResult:
    """Erase the family that confirmed it by text.

    Raises:
        RedisError: Redis is away, and nothing is erased.
    """
    locked_hashes = frozenset({runtime.compute_lookup_hash(inbound.address)})
    result = ErasureResult(locked_hashes)
    with runtime.database.write() as db:
        family_id = contacts.find_family_id(db, contact.id) if contact else None
        if family_id is not None:
            result = _erase_family(runtime, db, (family_id, locked_hashes), erasure_log.FAMILY_ACTOR, current_time)
        erasure_log.record(db, inbound.sid, language, erasure_log.FAMILY_ACTOR, current_time, result.token)
    return replace(result, reply=build_confirmation(runtime, language, current_time), message_sid=inbound.sid)


def find_confirmation(runtime: Runtime, message_sid: str, current_time: datetime) -> str:
    """Return the confirmation if this very message erased its sender before, else ""."""
    with runtime.database.read() as db:
        language = erasure_log.find_language(db, message_sid)
    return build_confirmation(runtime, language, current_time) if language else ""


def build_confirmation(runtime: Runtime, language: str, current_time: datetime) -> str:
    """Return the text in this language that says that everything is deleted."""
    library = get_localized_library(runtime, language)
    _, effects = start_flow(_build_empty_context(library), DialogState(language=language), ERASED_FLOW)
    return ReplyComposer(library, language, current_time).compose(effects)


def _build_empty_context(library: Library) -> FlowContext:
    def raise_if_called(_text: str, _language: str) -> None:
        raise AssertionError("the confirmation flow understands no text")

    return FlowContext(library.flows, library.district.languages, raise_if_called)  # type: ignore[arg-type]


def _erase_family(
    runtime: Runtime, db: Transaction, target: tuple[int, frozenset[str]], actor: str, current_time: datetime
) -> ErasureResult:
    """Erase the family in this transaction. After the commit, the caller runs `finish_erasure`.

    `target` is the family, and the lookup hashes of the addresses that the caller has locked. A process that handles a
    message from another address must not store a contact that is gone, so those locks are broken.
    """
    family_id, locked_hashes = target
    notice_ids = _plan_staff_notices(runtime, db, family_id, current_time)
    token = erasure_log.compute_token(db, family_id)
    address_hashes = frozenset(erasure.erase_family(db, family_id, current_time))
    audit_log.record(db, actor, "erased a family", "families", current_time)
    for address_hash in address_hashes:
        if address_hash in locked_hashes:
            runtime.conversations.discard(address_hash)
        else:
            runtime.conversations.discard_and_unlock(address_hash)
    return ErasureResult(locked_hashes, address_hashes - locked_hashes, notice_ids, token=token)


def finish_erasure(runtime: Runtime, result: ErasureResult) -> None:
    """Remove the last traces from Redis and SQLite's log, and tell staff.

    This may be cut short: what remains in Redis names nobody and expires within a day, and the sweep sends planned
    notices.
    """
    try:
        # Again: a process that started before the commit has read old rows.
        for address_hash in result.other_hashes:
            runtime.conversations.discard_and_unlock(address_hash)
        for address_hash in result.locked_hashes | result.other_hashes:
            runtime.conversations.erase(address_hash, result.message_sid)
        erasure_list.add(runtime.redis, {result.token: now()} if result.token else {})
    except RedisError as error:
        log.warning("erased conversation left to expire in Redis: %s", type(error).__name__)
    truncate_wal(runtime)
    for delivery_id in result.notice_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    log.info("erased: addresses=%s", len(result.locked_hashes | result.other_hashes))


def _plan_staff_notices(runtime: Runtime, db: Transaction, family_id: int, current_time: datetime) -> list[str]:
    """Tell the assignee and the alerted staff of each open case that it is gone, but not what it was about."""
    district, delivery_ids = runtime.library.district, []
    for case in _list_open_cases(runtime, db, family_id):
        body = (
            f"{district.name}: case {case.id}: the family deleted its data. Everything it wrote is gone, and nobody can"
            " write to it from here. If you are helping this family now, please continue by other means."
        )
        people = {case.claimed_by or ""} | {
            delivery.staff or ""
            for delivery in deliveries.list_for_case(db, case.id)
            if delivery.kind == "alert" and delivery.state not in ("waiting", "canceled")
        }
        for staff in sorted(people & district.staff.keys()):
            delivery_ids.append(deliveries.plan_notice(db, {"staff": staff}, body, current_time))
        audit_log.record(db, "helper", "deleted with its family", f"case {case.id}", current_time)
    return delivery_ids


def _list_open_cases(runtime: Runtime, db: Transaction, family_id: int) -> list[cases.Case]:
    contact_ids = contacts.list_family_contact_ids(db, family_id)
    return [case for contact_id in contact_ids for case in cases.list_for_contact(db, contact_id) if case.is_open]


def truncate_wal(runtime: Runtime) -> None:
    """Empty SQLite's log after an erasure. An hourly job repeats this for logs that a reader kept busy."""
    try:
        if not runtime.database.checkpoint_wal():
            log.info("SQLite's log is emptied later: a reader is active")
    except SQLAlchemyError as error:
        log.warning("SQLite's log is emptied later: %s", type(error).__name__)


@contextmanager
def _lock_family(runtime: Runtime, address_hashes: Iterable[str]) -> Iterator[frozenset[str]]:
    """Lock the family's addresses so that none of its messages is handled meanwhile.

    Yield the hashes that were locked in time. Locks of the other addresses are broken later.
    """
    owner, deadline = secrets.token_hex(8), time.monotonic() + WAIT_SECONDS
    locked_hashes = frozenset(
        address_hash for address_hash in address_hashes if _wait_for_lock(runtime, address_hash, owner, deadline)
    )
    try:
        yield locked_hashes
    finally:
        for address_hash in locked_hashes:
            runtime.conversations.release(address_hash, owner)


def _wait_for_lock(runtime: Runtime, address_hash: str, owner: str, deadline: float) -> bool:
    while runtime.conversations.lock_for_outgoing(address_hash, owner) is None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
