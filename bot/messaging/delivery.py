"""Send deliveries. Claim the row before calling Twilio, then update it from the result.

After an unknown outcome, read Twilio's list before sending again (twilio.md, section 5). For a family, a message that
arrives twice is as bad as one that never arrives.
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
"""The delays after requests that Twilio certainly did not accept. The last one repeats."""
MAX_DELIVERY_AGE = timedelta(hours=24)
"""Staff handle yesterday's alert in the console. Sending it now would only confuse them."""
CLAIM_LEASE = timedelta(seconds=30)
"""An older claim belongs to a dead process: a request takes at most 20 s (two timeouts)."""
MAX_CLAIM_AGE = timedelta(seconds=8)
"""A process that holds an older claim doesn't send: it was suspended, and another process may have taken over."""
RECONCILE_DELAY = timedelta(seconds=15)
"""The time for a callback to settle an unknown outcome before Puente reads Twilio's list."""
MAX_CLOCK_SKEW = timedelta(minutes=5)
"""The allowed difference between Twilio's clock and ours when Puente reads the list."""
OPTED_OUT_ERROR_CODE = 21610

log = logging.getLogger(__name__)


def deliver(runtime: Runtime, delivery_id: str) -> None:
    """Advance this delivery by one step from any state. Repeating the call is safe."""
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
        # A family gets the transport that works now, whatever was tried before. Staff get the planned one.
        if not delivery.staff:
            delivery = replace(delivery, transport=route.transport)
        claimed_at = now()
        if not deliveries.claim(db, delivery.id, claimed_at, route.template, delivery.transport):
            return  # another process has it
    _send_delivery(runtime, delivery, route, claimed_at)


def _is_over_daily_limit(runtime: Runtime, delivery: Delivery, address: str) -> bool:
    """Say whether this phone got so many texts today that only a mistake or an attack explains it.

    A person decides about a held delivery. Messages to staff, and messages that staff write by hand, are never held,
    because an emergency must get through.
    """
    if delivery.staff is not None or delivery.kind == "talk" or delivery.attempts:
        return False
    try:
        is_within_limit = rate_limits.count_sent(runtime.rate_limit_storage, runtime.compute_lookup_hash(address))
    except RedisError:
        return False
    if not is_within_limit:
        log.error("held, one phone got too many messages today: delivery=%s kind=%s", delivery.id, delivery.kind)
    return not is_within_limit


def _postpone_night_call(runtime: Runtime, delivery: Delivery, route: DeliveryRoute, current_time: datetime) -> bool:
    """Postpone a call to a family until its phone may ring. Return True if it was postponed."""
    if route.transport != "call" or delivery.contact_id is None:
        return False
    call_time = find_call_time(runtime, delivery.contact_id, current_time)
    if call_time > current_time:
        with runtime.database.write() as db:
            deliveries.postpone(db, delivery.id, call_time)
    return call_time > current_time


def _mark_active_case(runtime: Runtime, delivery: Delivery) -> None:
    """Repeat to Redis which case staff are writing about. A mark set right after a commit can get lost."""
    if delivery.kind not in ("talk", "notice") or delivery.contact_id is None:
        return
    with runtime.database.read() as db:
        contact = contacts.get(db, delivery.contact_id)
    try:
        runtime.conversations.set_active_case(runtime.compute_lookup_hash(contact.address), contact.active_case_id)
    except RedisError as error:
        log.warning("active case not set: delivery=%s %s", delivery.id, type(error).__name__)


def _is_taken(runtime: Runtime, db: Transaction, delivery: Delivery) -> bool:
    """Say whether somebody took the case of this alert in the meantime."""
    if delivery.kind != "alert" or delivery.case_id is None:
        return False
    case = cases.find(db, delivery.case_id)
    return case is None or case.claimed_by is not None or not case.is_open


def _withdraw_expired_notice(runtime: Runtime, db: Transaction, delivery: Delivery, current_time: datetime) -> bool:
    """Withdraw a notice about a school status that ended while the provider was away."""
    if delivery.kind != "notice" or delivery.contact_id is None:
        return False
    case_id = school_statuses.find_expired_case(db, delivery.id, current_time)
    if case_id is not None:
        school_statuses.withdraw_unsent_answers(db, delivery.id, current_time)
        text = "Not sent to the family: the statement about the school had already ended."
        note = NewCaseMessage(case_id, f"outlived:{delivery.id}", "note", "en", text)
        case_messages.add(db, note, current_time)
    return case_id is not None


def _send_delivery(runtime: Runtime, delivery: Delivery, route: DeliveryRoute, claimed_at: datetime) -> None:
    """Send the message. No transaction is open while this waits for Twilio."""
    if abs(now() - claimed_at) > MAX_CLAIM_AGE:  # abs(): a clock that jumps back must not send a text twice
        return
    outgoing = OutgoingMessage(
        delivery.id,
        route.address or "",
        delivery.body,
        route.template,
        (runtime.library.district.name,),
        should_detect_machine=delivery.contact_id is not None,  # a family's message is not for its voicemail
    )
    submit = runtime.channel.call if delivery.transport == "call" else runtime.channel.send
    try:
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
            state: DeliveryState = "unknown"
            if delivery.transport == "call" and delivery.staff:
                state = "failed"
            deliveries.release_claim(db, delivery.id, state, current_time + RECONCILE_DELAY, error.code)
        else:
            wait = RETRY_DELAYS[min(delivery.attempts, len(RETRY_DELAYS) - 1)]
            deliveries.release_claim(db, delivery.id, "waiting", current_time + wait, error.code)
    if error.outcome == "refused":
        handle_failure(runtime, delivery, error.code)


def handle_failure(runtime: Runtime, delivery: Delivery, code: int | None) -> None:
    """Handle a message that will never arrive: tell staff, and record an opt-out that only Twilio knew about."""
    if delivery.kind == "talk":
        enqueue(runtime.redis, "urgent", HANDLE_UNDELIVERED_MESSAGE_JOB, delivery.id)
    if code == OPTED_OUT_ERROR_CODE and delivery.contact_id is not None:
        with runtime.database.write() as db:
            contact = contacts.get(db, delivery.contact_id)
            family_hash = runtime.compute_lookup_hash(contact.address)
            contacts.set_opted_out(db, contact.id, now())
            consent_events.record(db, family_hash, "stop", "twilio 21610", delivery.id, now())
        _discard_conversation(runtime, family_hash)


def _discard_conversation(runtime: Runtime, family_hash: str) -> None:
    try:
        runtime.conversations.discard(family_hash)
    except RedisError as error:
        log.warning("conversation not discarded: %s", type(error).__name__)


def _reconcile(runtime: Runtime, delivery: Delivery, current_time: datetime) -> None:
    """Find out whether Twilio accepted the message. Send it again only if Twilio's list says no."""
    address = _find_route(runtime, delivery).address
    with runtime.database.write() as db:
        if not deliveries.claim_unknown(db, delivery, current_time):
            return  # another process checks it, or a callback settled it
    if delivery.transport == "call":
        # Calls have no list. The next round calls staff again; for a family, a person decides.
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
        for message in listed_messages:
            is_match = message.body == delivery.body or bool(delivery.template)
            if is_match and deliveries.find_id_by_sid(db, message.sid) in (None, delivery.id):
                deliveries.advance(db, delivery.id, message.status, message.sid)
                log.info("found at Twilio: delivery=%s sid=%s", delivery.id, message.sid)
                return
    if delivery.kind == "alert":
        _settle(runtime, delivery, "waiting", current_time)
        deliver(runtime, delivery.id)
    else:  # a second text costs a family more than a late one, so a person decides
        _settle(runtime, delivery, "held", current_time)


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
    if state == "held" and delivery.kind == "talk":  # the author decides
        enqueue(runtime.redis, "urgent", HANDLE_UNDELIVERED_MESSAGE_JOB, delivery.id)


def _find_route(runtime: Runtime, delivery: Delivery) -> DeliveryRoute:
    """Return the current address: of staff from the district file, of a contact from the contact policy."""
    if delivery.staff is not None:
        staff = runtime.library.district.staff.get(delivery.staff)
        if staff is None:
            return DeliveryRoute(None)
        return DeliveryRoute(runtime.library.district.get_alert_address(staff))
    if delivery.contact_id is None:
        return DeliveryRoute(None)
    with runtime.database.read() as db:
        contact = contacts.get(db, delivery.contact_id)
    route = find_delivery_route(runtime, contact, delivery.kind)
    if route.address is None:
        log.info("no delivery route: delivery=%s reason=%s", delivery.id, route.reason.replace(" ", "_"))
    return route
