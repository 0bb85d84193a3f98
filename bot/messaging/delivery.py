"""The one place that sends.  A row is claimed before the call; what became of the call decides what follows.

After an unknown outcome nothing is sent again before Twilio's own list was read (twilio.md, section 5): a message
that two people sent is as bad for a family as one that nobody sent.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from redis import RedisError

from bot.base.database import Transaction, now
from bot.base.logs import trace_context
from bot.base.queues import HANDLE_UNDELIVERED_MESSAGE_JOB, enqueue
from bot.channels.base import ListedMessage, OutgoingMessage, SendError
from bot.messaging.contact_policy import DeliveryRoute, find_delivery_route
from bot.messaging.quiet_hours import find_call_time
from bot.runtime import Runtime
from bot.store.cases import case_messages, cases, deliveries
from bot.store.cases.case_messages import NewCaseMessage
from bot.store.cases.deliveries import Delivery, DeliveryState
from bot.store.families import consent_events, contacts, rate_limits
from bot.store.schools import school_statuses

RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 60, 120, 300, 600))
"""How long to wait after a request that was certainly not accepted; the last one again and again."""
MAX_DELIVERY_AGE = timedelta(hours=24)
"""An alert of yesterday is seen to in the console; sending it then would only confuse."""
CLAIM_LEASE = timedelta(seconds=30)
"""A claim older than this belongs to a process that is dead: a request takes at most 20 s (two time-outs)."""
MAX_CLAIM_AGE = timedelta(seconds=8)
"""A claim older than this is not sent any more by whoever holds it: it was asleep, and another may look into it."""
RECONCILE_DELAY = timedelta(seconds=15)
"""How long a callback may take to settle an unknown outcome before Twilio's list is read."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""Twilio's clock and ours may differ by so much when the list is compared."""
OPTED_OUT_ERROR_CODE = 21610

log = logging.getLogger(__name__)


def deliver(runtime: Runtime, delivery_id: str) -> None:
    """Carry this delivery one step on, whatever state it is in; safe to call at any time, any number of times."""
    current_time = now()
    with runtime.database.read() as db:
        delivery = deliveries.find(db, delivery_id)
    if delivery is None:
        return
    with trace_context(delivery.trace):
        if delivery.state == "waiting":
            _send_waiting(runtime, delivery, current_time)
        elif delivery.state == "unknown" or (delivery.state == "claimed" and _is_lease_expired(delivery, current_time)):
            _reconcile(runtime, delivery, current_time)


def _is_lease_expired(delivery: Delivery, current_time: datetime) -> bool:
    return delivery.claimed_at is not None and delivery.claimed_at <= current_time - CLAIM_LEASE


def _send_waiting(runtime: Runtime, delivery: Delivery, current_time: datetime) -> None:
    if current_time - delivery.created_at > MAX_DELIVERY_AGE:
        _claim_and_settle(runtime, delivery, "held", current_time)
        return
    _mark_active_case(runtime, delivery)
    route = _find_route(runtime, delivery)
    if route.address is None or _is_over_daily_limit(runtime, delivery, route.address):
        _claim_and_settle(runtime, delivery, "held", current_time)
        return
    if _postpone_night_call(runtime, delivery, route, current_time):
        return
    with runtime.database.write() as db:
        if _is_taken(runtime, db, delivery) or _withdraw_expired_notice(runtime, db, delivery, current_time):
            deliveries.advance(db, delivery.id, "canceled")
            return
        # A family's way is that of this moment, whatever was tried before; staff are paged as was planned.
        delivery = replace(delivery, means=delivery.means if delivery.staff else route.transport)
        claimed_at = now()
        if not deliveries.claim(db, delivery.id, claimed_at, route.template, delivery.means):
            return  # another process has it
    _send_delivery(runtime, delivery, route, claimed_at)


def _is_over_daily_limit(runtime: Runtime, delivery: Delivery, address: str) -> bool:
    """Whether this phone was sent so much today that only a mistake or an attack can be behind it: a person decides.

    What staff get, and what they write by hand, is never held: an emergency must get through.
    """
    if delivery.staff is not None or delivery.kind == "talk" or delivery.attempts:
        return False
    try:
        is_within_limit = rate_limits.count_sent(runtime.rate_limit_storage, runtime.compute_lookup_hash(address))
    except RedisError:
        return False
    if not is_within_limit:
        log.error("held, too much was sent to one phone today: delivery=%s kind=%s", delivery.id, delivery.kind)
    return not is_within_limit


def _postpone_night_call(runtime: Runtime, delivery: Delivery, route: DeliveryRoute, current_time: datetime) -> bool:
    """A call to a family is put off to when its phone may ring."""
    if route.transport != "call" or delivery.contact_id is None:
        return False
    call_time = find_call_time(runtime, delivery.contact_id, current_time)
    if call_time > current_time:
        with runtime.database.write() as db:
            deliveries.postpone(db, delivery.id, call_time)
    return call_time > current_time


def _mark_active_case(runtime: Runtime, delivery: Delivery) -> None:
    """What the database says of a talk is said to Redis again: a note made right after a commit may have been lost."""
    if delivery.kind not in ("talk", "notice") or delivery.contact_id is None:
        return
    with runtime.database.read() as db:
        contact = contacts.get(db, delivery.contact_id)
    try:
        runtime.conversations.set_active_case(runtime.compute_lookup_hash(contact.address), contact.talking_case)
    except RedisError as error:
        log.warning("talk not marked: delivery=%s %s", delivery.id, type(error).__name__)


def _is_taken(runtime: Runtime, db: Transaction, delivery: Delivery) -> bool:
    """A page whose case somebody has taken meanwhile is not sent any more."""
    if delivery.kind != "alert" or delivery.case_id is None:
        return False
    case = cases.find(db, delivery.case_id)
    return case is None or case.claimed_by is not None or not case.is_open


def _withdraw_expired_notice(runtime: Runtime, db: Transaction, delivery: Delivery, current_time: datetime) -> bool:
    """After hours without a provider nobody is told how a school was then; the case can be told what holds next."""
    if delivery.kind != "notice" or delivery.contact_id is None:
        return False
    case_id = school_statuses.find_expired_case(db, delivery.id, current_time)
    if case_id is not None:
        school_statuses.withdraw_unsent_answers(db, delivery.id, current_time)
        text = "Not sent to the family: the statement about the school had ended before."
        note = NewCaseMessage(case_id, f"outlived:{delivery.id}", "note", "en", text)
        case_messages.add(db, note, current_time)
    return case_id is not None


def _send_delivery(runtime: Runtime, delivery: Delivery, route: DeliveryRoute, claimed_at: datetime) -> None:
    """The call itself.  No transaction is open while it waits for Twilio."""
    if abs(now() - claimed_at) > MAX_CLAIM_AGE:  # either way: a clock that jumps must not double a text either
        return
    template_values = (runtime.library.district.name,)
    is_for_family = delivery.contact_id is not None  # what is for one family is nothing for its voicemail
    outgoing = OutgoingMessage(
        delivery.id,
        route.address or "",
        delivery.body,
        route.template,
        template_values,
        should_detect_machine=is_for_family,
    )
    try:
        submit = runtime.channel.call if delivery.means == "call" else runtime.channel.send
        accepted_message = submit(outgoing)
    except SendError as error:
        _handle_send_error(runtime, delivery, error)
        return
    with runtime.database.write() as db:
        deliveries.advance(db, delivery.id, accepted_message.status, accepted_message.sid)
    log.info("sent: delivery=%s kind=%s sid=%s", delivery.id, delivery.kind, accepted_message.sid)


def _handle_send_error(runtime: Runtime, delivery: Delivery, error: SendError) -> None:
    log.warning("not sent: delivery=%s outcome=%s code=%s", delivery.id, error.outcome, error.code)
    current_time = now()
    with runtime.database.write() as db:
        if error.outcome == "refused":
            deliveries.advance(db, delivery.id, "failed", error_code=error.code)
        elif error.outcome == "unknown":
            state: DeliveryState = "failed" if delivery.means == "call" and delivery.staff else "unknown"
            deliveries.release_claim(db, delivery.id, state, current_time + RECONCILE_DELAY, error.code)
        else:
            wait = RETRY_DELAYS[min(delivery.attempts, len(RETRY_DELAYS) - 1)]
            deliveries.release_claim(db, delivery.id, "waiting", current_time + wait, error.code)
    if error.outcome == "refused":
        handle_failure(runtime, delivery, error.code)


def handle_failure(runtime: Runtime, delivery: Delivery, code: int | None) -> None:
    """What a message that will never arrive means: staff must know; an opt-out that Twilio knew of before us."""
    if delivery.kind == "talk":
        enqueue(runtime.redis, "urgent", HANDLE_UNDELIVERED_MESSAGE_JOB, delivery.id)
    if code == OPTED_OUT_ERROR_CODE and delivery.contact_id is not None:
        with runtime.database.write() as db:
            contact = contacts.get(db, delivery.contact_id)
            contacts.set_opted_out(db, contact.id, now())
            consent_events.record(
                db, runtime.compute_lookup_hash(contact.address), "stop", "twilio 21610", delivery.id, now()
            )
        _discard_conversation(runtime, runtime.compute_lookup_hash(contact.address))


def _discard_conversation(runtime: Runtime, family_hash: str) -> None:
    try:
        runtime.conversations.discard(family_hash)
    except RedisError as error:
        log.warning("conversation not forgotten: %s", type(error).__name__)


def _reconcile(runtime: Runtime, delivery: Delivery, current_time: datetime) -> None:
    """Find out whether Twilio took it; only if its list says no is it sent again."""
    address = _find_route(runtime, delivery).address
    with runtime.database.write() as db:
        if not deliveries.claim_unknown(db, delivery, current_time):
            return  # another process looks, or a callback has settled it
    if delivery.means == "call":
        # There is no list to look in.  Staff are called again in the next round; about a family a person decides.
        _settle(runtime, delivery, "failed" if delivery.staff else "held", current_time)
        return
    if address is None:
        _settle(runtime, delivery, "held", current_time)
        return
    try:
        listed_messages = runtime.channel.list_messages(address, delivery.created_at - MAX_CLOCK_SKEW)
    except SendError as error:
        log.warning("list not read: delivery=%s code=%s", delivery.id, error.code)
        _settle(runtime, delivery, "unknown", current_time + RECONCILE_DELAY)
        return
    _settle_from_list(runtime, delivery, listed_messages, current_time)


def _settle_from_list(
    runtime: Runtime, delivery: Delivery, listed_messages: list[ListedMessage], current_time: datetime
) -> None:
    with runtime.database.write() as db:
        matching_messages = [
            message for message in listed_messages if message.body == delivery.body or delivery.template
        ]
        unclaimed_messages = [
            message
            for message in matching_messages
            if deliveries.find_id_by_sid(db, message.sid) in (None, delivery.id)
        ]
        if unclaimed_messages:
            deliveries.advance(db, delivery.id, unclaimed_messages[0].status, unclaimed_messages[0].sid)
            log.info("found at Twilio: delivery=%s sid=%s", delivery.id, unclaimed_messages[0].sid)
            return
    # Alerts are sent again at once.  A family's follow-up is not worth the risk of a second text: a person decides.
    _settle(runtime, delivery, "waiting" if delivery.kind == "alert" else "held", current_time)
    if delivery.kind == "alert":
        deliver(runtime, delivery.id)


def _claim_and_settle(runtime: Runtime, delivery: Delivery, state: DeliveryState, current_time: datetime) -> None:
    with runtime.database.write() as db:
        if not deliveries.claim(db, delivery.id, current_time):
            return
        deliveries.release_claim(db, delivery.id, state, current_time)
    if delivery.kind == "talk":
        enqueue(runtime.redis, "urgent", HANDLE_UNDELIVERED_MESSAGE_JOB, delivery.id)


def _settle(runtime: Runtime, delivery: Delivery, state: DeliveryState, due_at: datetime) -> None:
    with runtime.database.write() as db:
        deliveries.release_claim(db, delivery.id, state, due_at)
    if state == "held" and delivery.kind == "talk":  # who wrote it is that person
        enqueue(runtime.redis, "urgent", HANDLE_UNDELIVERED_MESSAGE_JOB, delivery.id)


def _find_route(runtime: Runtime, delivery: Delivery) -> DeliveryRoute:
    """Where it goes now: staff by the district file, a contact by the one gate."""
    if delivery.staff is not None:
        staff = runtime.library.district.staff.get(delivery.staff)
        return DeliveryRoute(runtime.library.district.get_alert_address(staff) if staff else None)
    if delivery.contact_id is None:
        return DeliveryRoute(None)
    with runtime.database.read() as db:
        contact = contacts.get(db, delivery.contact_id)
    route = find_delivery_route(runtime, contact, delivery.kind)
    if route.address is None:
        log.info("not to be sent: delivery=%s reason=%s", delivery.id, route.reason.replace(" ", "_"))
    return route
