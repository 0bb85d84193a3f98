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
"""So long a family's own message that is being handled is waited for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ErasureResult:
    """What is left to do after the transaction: conversations to drop, texts to staff to send; and what is said.

    `own`: the addresses (as indexes) that the caller has locked, `others` the family's other ones; `message`: the one
    that was answered with it.
    """

    locked_hashes: frozenset[str] = frozenset()
    other_hashes: frozenset[str] = frozenset()
    notice_ids: list[str] = field(default_factory=list)
    reply: str = ""
    message_sid: str = ""
    token: str | None = None


def erase_by_address(runtime: Runtime, address: str, actor: str) -> bool:
    """Erase whoever has this address or number, by whichever channel it writes; False if nobody does.

    In one go: if Redis is away nothing is erased, and it is to be run again.
    """
    with runtime.database.read() as db:
        family_id = families.find(db, address)
        language = contacts.find_language(db, address) or "en"
    if family_id is None:
        return False
    with suppress(NoResultFound):  # it erased itself while it was waited for
        _erase_with_lock(runtime, family_id, language, actor)
    return True


def erase_restored_families(runtime: Runtime, actor: str) -> int:
    """Erase whom a restored backup has brought back; how many.  Redis knows who was erased, and learns it from the
    database where it has lost it.  Raises `RedisError`."""
    current_time = now()
    with runtime.database.read() as db:
        erasure_list.add(runtime.redis, erasure_log.get_tokens(db, current_time - erasure_list.ERASURE_LIST_RETENTION))
        restored_ids = erasure_log.find_restored_families(db, erasure_list.list_tokens(runtime.redis, current_time))
    for family_id in restored_ids:
        _erase_with_lock(runtime, family_id, "en", actor)
    if restored_ids:
        log.warning("erased again, a backup had brought them back: families=%s", len(restored_ids))
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
    """The family has confirmed it.  Raises `RedisError`, and nothing is erased, while Redis is away."""
    locked_hashes = frozenset({runtime.compute_lookup_hash(inbound.address)})
    result = ErasureResult(locked_hashes)
    with runtime.database.write() as db:
        family_id = contacts.find_family_id(db, contact.id) if contact else None
        if family_id is not None:
            result = _erase_family(runtime, db, (family_id, locked_hashes), erasure_log.FAMILY_ACTOR, current_time)
        erasure_log.record(db, inbound.sid, language, erasure_log.FAMILY_ACTOR, current_time, result.token)
    return replace(result, reply=build_confirmation(runtime, language, current_time), message_sid=inbound.sid)


def find_confirmation(runtime: Runtime, message_sid: str, current_time: datetime) -> str:
    """What was said to this very message when it erased its sender; empty if it did not."""
    with runtime.database.read() as db:
        language = erasure_log.find_language(db, message_sid)
    return build_confirmation(runtime, language, current_time) if language else ""


def build_confirmation(runtime: Runtime, language: str, current_time: datetime) -> str:
    """That everything is deleted, in this language."""
    library = get_localized_library(runtime, language)
    _, effects = start_flow(_build_empty_context(library), DialogState(language=language), ERASED_FLOW)
    return ReplyComposer(library, language, current_time).compose(effects)


def _build_empty_context(library: Library) -> FlowContext:
    def raise_if_called(_text: str, _language: str) -> None:
        raise AssertionError("nothing is understood here")

    return FlowContext(library.flows, library.district.languages, raise_if_called)  # type: ignore[arg-type]


def _erase_family(
    runtime: Runtime, db: Transaction, target: tuple[int, frozenset[str]], actor: str, current_time: datetime
) -> ErasureResult:
    """Erase it in this transaction; the caller keeps the transaction, then calls `finish`.

    `which`: the family, and the addresses whose lock the caller holds; who handles another address's message just now
    must not remember a contact that is gone.
    """
    family_id, locked_hashes = target
    notice_ids, token = (
        _plan_staff_notices(runtime, db, family_id, current_time),
        erasure_log.compute_token(db, family_id),
    )
    address_hashes = frozenset(erasure.erase_family(db, family_id, current_time))
    audit_log.record(db, actor, "erased a family", "families", current_time)
    for address_hash in address_hashes:
        discard = (
            runtime.conversations.discard if address_hash in locked_hashes else runtime.conversations.discard_and_unlock
        )
        discard(address_hash)
    return ErasureResult(locked_hashes, address_hashes - locked_hashes, notice_ids, token=token)


def finish_erasure(runtime: Runtime, result: ErasureResult) -> None:
    """After the transaction: no trace in Redis and in SQLite's log, and staff are told.  Safe to be cut short: what
    Redis keeps yet names nobody and runs out within a day, and the sweep sends what was planned."""
    try:
        for (
            address_hash
        ) in result.other_hashes:  # again: who began between that and the end of the transaction has read old rows
            runtime.conversations.discard_and_unlock(address_hash)
        for address_hash in result.locked_hashes | result.other_hashes:
            runtime.conversations.erase(address_hash, result.message_sid)
        erasure_list.add(runtime.redis, {result.token: now()} if result.token else {})
    except RedisError as error:
        log.warning("an erased conversation runs out by itself: %s", type(error).__name__)
    truncate_wal(runtime)
    for delivery_id in result.notice_ids:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    log.info("erased: addresses=%s", len(result.locked_hashes | result.other_hashes))


def _plan_staff_notices(runtime: Runtime, db: Transaction, family_id: int, current_time: datetime) -> list[str]:
    """Whoever has an open case of it, or was alerted for one, hears that it is gone; never what it was about."""
    district, delivery_ids = runtime.library.district, []
    for case in _list_open_cases(runtime, db, family_id):
        pages = deliveries.list_for_case(db, case.id)
        alerted_staff = {
            recipient.staff
            for recipient in pages
            if recipient.kind == "alert" and recipient.state not in ("waiting", "canceled")
        }
        body = (
            f"{district.name}: case {case.id}: the family has had its data deleted. What it wrote is gone, and nobody"
            " can write to it from here. If you are helping it now, please go on by the ways that you have."
        )
        for person in sorted(
            recipient for recipient in {case.claimed_by or "", *alerted_staff} if recipient in district.staff
        ):
            delivery_ids.append(deliveries.plan_notice(db, {"staff": person}, body, current_time))
        audit_log.record(db, "helper", "deleted with its family", f"case {case.id}", current_time)
    return delivery_ids


def _list_open_cases(runtime: Runtime, db: Transaction, family_id: int) -> list[cases.Case]:
    contact_ids = contacts.list_family_contact_ids(db, family_id)
    return [case for contact_id in contact_ids for case in cases.list_for_contact(db, contact_id) if case.is_open]


def truncate_wal(runtime: Runtime) -> None:
    """After an erasing, and each hour for those where somebody was reading just then."""
    try:
        if not runtime.database.checkpoint_wal():
            log.info("SQLite's log is emptied later: somebody reads")
    except SQLAlchemyError as error:
        log.warning("SQLite's log is emptied later: %s", type(error).__name__)


@contextmanager
def _lock_family(runtime: Runtime, address_hashes: Iterable[str]) -> Iterator[frozenset[str]]:
    """No message of this family is handled meanwhile; after some seconds it is done in any case: the addresses that
    are ours are given, and whoever still handles a message of another one is cast out."""
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
