"""The one place that sends.  A row is claimed before the call; what became of the call decides what follows.

After an unknown outcome nothing is sent again before Twilio's own list was read (twilio.md, section 5): a message
that two people sent is as bad for a family as one that nobody sent.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from redis import RedisError
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.logs import traced
from bot.base.queues import TALK_LOST, enqueue
from bot.channels.base import ListedMessage, OutgoingMessage, SendError
from bot.messaging.contact_policy import Way, way_to
from bot.messaging.quiet_hours import may_ring
from bot.runtime import Services
from bot.store.cases import case_messages, cases, deliveries
from bot.store.cases.case_messages import NewCaseMessage
from bot.store.cases.deliveries import Delivery
from bot.store.families import consent_events, contacts, rate_counters
from bot.store.schools import school_statuses

BACKOFF = tuple(timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 60, 120, 300, 600))
"""How long to wait after a request that was certainly not accepted; the last one again and again."""
GIVE_UP = timedelta(hours=24)
"""An alert of yesterday is seen to in the console; sending it then would only confuse."""
LEASE = timedelta(seconds=30)
"""A claim older than this belongs to a process that is dead: a request takes at most 20 s (two time-outs)."""
FRESH = timedelta(seconds=8)
"""A claim older than this is not sent any more by whoever holds it: it was asleep, and another may look into it."""
LOOK_AFTER = timedelta(seconds=15)
"""How long a callback may take to settle an unknown outcome before Twilio's list is read."""
CLOCK_SKEW = timedelta(minutes=5)
"""Twilio's clock and ours may differ by so much when the list is compared."""
OPTED_OUT = 21610

log = logging.getLogger(__name__)


def deliver(services: Services, delivery_id: str) -> None:
    """Carry this delivery one step on, whatever state it is in; safe to call at any time, any number of times."""
    at = now()
    with services.database.read() as db:
        delivery = deliveries.find(db, services.database.vault, delivery_id)
    if delivery is None:
        return
    with traced(delivery.trace):
        if delivery.state == "waiting":
            _send_waiting(services, delivery, at)
        elif delivery.state == "unknown" or (delivery.state == "claimed" and _lease_ended(delivery, at)):
            _reconcile(services, delivery, at)


def _lease_ended(delivery: Delivery, at: datetime) -> bool:
    return delivery.claimed_at is not None and delivery.claimed_at <= at - LEASE


def _send_waiting(services: Services, delivery: Delivery, at: datetime) -> None:
    if at - delivery.created_at > GIVE_UP:
        _claim_and_settle(services, delivery, "held", at)
        return
    _mark_talk(services, delivery)
    way = _way(services, delivery)
    if way.address is None or _over_the_measure(services, delivery, way.address):
        _claim_and_settle(services, delivery, "held", at)
        return
    if _waits_for_morning(services, delivery, way, at):
        return
    with services.database.write() as db:
        if _is_taken(services, db, delivery) or _outlived(services, db, delivery, at):
            deliveries.advance(db, delivery.id, "canceled")
            return
        # A family's way is that of this moment, whatever was tried before; staff are paged as was planned.
        delivery = replace(delivery, means=delivery.means if delivery.staff else way.means)
        claimed = now()
        if not deliveries.claim(db, delivery.id, claimed, way.template, delivery.means):
            return  # another process has it
    _send(services, delivery, way, claimed)


def _over_the_measure(services: Services, delivery: Delivery, address: str) -> bool:
    """Whether this phone was sent so much today that only a mistake or an attack can be behind it: a person decides.

    What staff get, and what they write by hand, is never held: an emergency must get through.
    """
    if delivery.staff is not None or delivery.kind == "talk" or delivery.attempts:
        return False
    try:
        within = rate_counters.count_within_daily_limit(
            services.redis, "sent", services.family(address), rate_counters.MAX_SENT_PER_DAY
        )
    except RedisError:
        return False
    if not within:
        log.error("held, too much was sent to one phone today: delivery=%s kind=%s", delivery.id, delivery.kind)
    return not within


def _waits_for_morning(services: Services, delivery: Delivery, way: Way, at: datetime) -> bool:
    """A call to a family is put off to when its phone may ring."""
    if way.means != "call" or delivery.contact_id is None:
        return False
    rings = may_ring(services, delivery.contact_id, at)
    if rings > at:
        with services.database.write() as db:
            deliveries.postpone(db, delivery.id, rings)
    return rings > at


def _mark_talk(services: Services, delivery: Delivery) -> None:
    """What the database says of a talk is said to Redis again: a note made right after a commit may have been lost."""
    if delivery.kind not in ("talk", "notice") or delivery.contact_id is None:
        return
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, delivery.contact_id)
    try:
        services.conversations.set_active_case(services.family(contact.address), contact.talking_case)
    except RedisError as error:
        log.warning("talk not marked: delivery=%s %s", delivery.id, type(error).__name__)


def _is_taken(services: Services, db: Connection, delivery: Delivery) -> bool:
    """A page whose case somebody has taken meanwhile is not sent any more."""
    if delivery.kind != "alert" or delivery.case_id is None:
        return False
    case = cases.find(db, services.database.vault, delivery.case_id)
    return case is None or case.claimed_by is not None or not case.is_open


def _outlived(services: Services, db: Connection, delivery: Delivery, at: datetime) -> bool:
    """After hours without a provider nobody is told how a school was then; the case can be told what holds next."""
    if delivery.kind != "notice" or delivery.contact_id is None:
        return False
    case_id = school_statuses.find_expired_case(db, delivery.id, at)
    if case_id is not None:
        school_statuses.withdraw_unsent_answers(db, delivery.id, at)
        said = "Not sent to the family: the statement about the school had ended before."
        note = NewCaseMessage(case_id, f"outlived:{delivery.id}", "note", "en", said)
        case_messages.add(db, services.database.vault, note, at)
    return case_id is not None


def _send(services: Services, delivery: Delivery, way: Way, claimed: datetime) -> None:
    """The call itself.  No transaction is open while it waits for Twilio."""
    if abs(now() - claimed) > FRESH:  # either way: a clock that jumps must not double a text either
        return
    named = (services.library.district.name,)
    machines = delivery.contact_id is not None  # what is for one family is nothing for its voicemail
    outgoing = OutgoingMessage(
        delivery.id, way.address or "", delivery.body, way.template, named, should_detect_machine=machines
    )
    try:
        hand_over = services.channel.call if delivery.means == "call" else services.channel.send
        accepted = hand_over(outgoing)
    except SendError as error:
        _after_error(services, delivery, error)
        return
    with services.database.write() as db:
        deliveries.advance(db, delivery.id, accepted.status, accepted.sid)
    log.info("sent: delivery=%s kind=%s sid=%s", delivery.id, delivery.kind, accepted.sid)


def _after_error(services: Services, delivery: Delivery, error: SendError) -> None:
    log.warning("not sent: delivery=%s outcome=%s code=%s", delivery.id, error.outcome, error.code)
    at = now()
    with services.database.write() as db:
        if error.outcome == "refused":
            deliveries.advance(db, delivery.id, "failed", error_code=error.code)
        elif error.outcome == "unknown":
            state = "failed" if delivery.means == "call" and delivery.staff else "unknown"
            deliveries.release_claim(db, delivery.id, state, at + LOOK_AFTER, error.code)
        else:
            wait = BACKOFF[min(delivery.attempts, len(BACKOFF) - 1)]
            deliveries.release_claim(db, delivery.id, "waiting", at + wait, error.code)
    if error.outcome == "refused":
        after_failure(services, delivery, error.code)


def after_failure(services: Services, delivery: Delivery, code: int | None) -> None:
    """What a message that will never arrive means: staff must know; an opt-out that Twilio knew of before us."""
    if delivery.kind == "talk":
        enqueue(services.redis, "urgent", TALK_LOST, delivery.id)
    if code == OPTED_OUT and delivery.contact_id is not None:
        with services.database.write() as db:
            contact = contacts.get(db, services.database.vault, delivery.contact_id)
            contacts.set_opted_out(db, contact.id, now())
            consent_events.record(db, services.family(contact.address), "stop", "twilio 21610", delivery.id, now())
        _forget(services, services.family(contact.address))


def _forget(services: Services, family: str) -> None:
    try:
        services.conversations.discard(family)
    except RedisError as error:
        log.warning("conversation not forgotten: %s", type(error).__name__)


def _reconcile(services: Services, delivery: Delivery, at: datetime) -> None:
    """Find out whether Twilio took it; only if its list says no is it sent again."""
    address = _way(services, delivery).address
    with services.database.write() as db:
        if not deliveries.claim_unknown(db, delivery, at):
            return  # another process looks, or a callback has settled it
    if delivery.means == "call":
        # There is no list to look in.  Staff are called again in the next round; about a family a person decides.
        _settle(services, delivery, "failed" if delivery.staff else "held", at)
        return
    if address is None:
        _settle(services, delivery, "held", at)
        return
    try:
        listed = services.channel.list_messages(address, delivery.created_at - CLOCK_SKEW)
    except SendError as error:
        log.warning("list not read: delivery=%s code=%s", delivery.id, error.code)
        _settle(services, delivery, "unknown", at + LOOK_AFTER)
        return
    _settle_by_list(services, delivery, listed, at)


def _settle_by_list(services: Services, delivery: Delivery, listed: list[ListedMessage], at: datetime) -> None:
    with services.database.write() as db:
        mine = [one for one in listed if one.body == delivery.body or delivery.template]
        free = [one for one in mine if deliveries.find_id_by_sid(db, one.sid) in (None, delivery.id)]
        if free:
            deliveries.advance(db, delivery.id, free[0].status, free[0].sid)
            log.info("found at Twilio: delivery=%s sid=%s", delivery.id, free[0].sid)
            return
    # Alerts are sent again at once.  A family's follow-up is not worth the risk of a second text: a person decides.
    _settle(services, delivery, "waiting" if delivery.kind == "alert" else "held", at)
    if delivery.kind == "alert":
        deliver(services, delivery.id)


def _claim_and_settle(services: Services, delivery: Delivery, state: str, at: datetime) -> None:
    with services.database.write() as db:
        if not deliveries.claim(db, delivery.id, at):
            return
        deliveries.release_claim(db, delivery.id, state, at)
    if delivery.kind == "talk":
        enqueue(services.redis, "urgent", TALK_LOST, delivery.id)


def _settle(services: Services, delivery: Delivery, state: str, due_at: datetime) -> None:
    with services.database.write() as db:
        deliveries.release_claim(db, delivery.id, state, due_at)
    if state == "held" and delivery.kind == "talk":  # who wrote it is that person
        enqueue(services.redis, "urgent", TALK_LOST, delivery.id)


def _way(services: Services, delivery: Delivery) -> Way:
    """Where it goes now: staff by the district file, a contact by the one gate."""
    if delivery.staff is not None:
        staff = services.library.district.staff.get(delivery.staff)
        return Way(services.library.district.get_alert_address(staff) if staff else None)
    if delivery.contact_id is None:
        return Way(None)
    with services.database.read() as db:
        contact = contacts.get(db, services.database.vault, delivery.contact_id)
    way = way_to(services, contact, delivery.kind)
    if way.address is None:
        log.info("not to be sent: delivery=%s reason=%s", delivery.id, way.reason.replace(" ", "_"))
    return way
