"""Sending an announcement: many requests at a time, each row claimed before its request, never faster than allowed.

A job works some seconds and queues itself again, so that nothing long is lost with it.  It makes way as soon as
something urgent waits, and looks every half second whether it may still go on.  Whatever dies, a row says how far its
family's message came; what nobody knows is looked up in Twilio's list before it is sent again.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rq import Queue
from rq.serializers import JSONSerializer

from bot.announcements import delivery_results
from bot.announcements.personalization import AnnouncementMessageBuilder, PreparedMessage
from bot.announcements.provider_requests import LookupQuery, RequestResult, look_up_request, send_request
from bot.announcements.sender_rate_limit import SenderTokenBucket
from bot.base.database import now
from bot.base.queues import SEND_ANNOUNCEMENT_JOB, enqueue
from bot.content.district import SendingRate
from bot.runtime import Runtime
from bot.store.announcements import announcements, recipients
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import RecipientChange

MAX_REQUESTS_IN_FLIGHT = 64
"""Requests at a time in one job."""
MIN_CLAIM_SIZE = 16
"""So many places must be free before new rows are claimed, or each would cost a transaction of its own."""
SEND_JOB_SECONDS = 20
"""So long works one job; then it queues itself again."""
DRAIN_SECONDS, URGENT_DRAIN_SECONDS = 12.0, 0.5
"""Seconds for the last answers of a job."""
CHECK_INTERVAL_SECONDS = 0.5
"""So often it looks whether it was paused or stopped, and whether something urgent waits."""
WRITE_INTERVAL_SECONDS = 0.4
"""So often results are written down, many in one transaction."""
CLAIM_LEASE = timedelta(seconds=30)
"""A claim older than this belongs to a process that is dead (a request takes at most 20 s)."""
ACCOUNT_ERROR_CODES = frozenset({20003, 21606, 30032, 30034, 30035, 63007, 63020, 63051, 63042, 63041})
"""Refusals that are nobody's number but the district's own account: after many in a row it is paused."""
MAX_CONSECUTIVE_REFUSALS = 20
SLOT_LEASE_SECONDS = 10
SENDING_CHANNELS = ("whatsapp", "sms", "voice")
DEFAULT_SENDING_RATES: Mapping[str, SendingRate] = {"voice": SendingRate(per_second=1)}
"""Where the district file says nothing (`Pace`)."""

log = logging.getLogger(__name__)


def broadcast(runtime: Runtime, announcement_id: int, slot: int) -> None:
    """Send for some seconds as one of the slots of this announcement; safe to run at any time, any number of times."""
    lease = f"puente:broadcast:{announcement_id}:{slot}"
    runtime.redis.delete(f"puente:queued:{SEND_ANNOUNCEMENT_JOB}:{announcement_id}:{slot}")
    if not runtime.redis.set(lease, "1", nx=True, ex=SLOT_LEASE_SECONDS):
        return  # another job is at it
    try:
        again = _BroadcastJob(runtime, announcement_id, lease).run()
    finally:
        runtime.redis.delete(lease)
    if again:
        enqueue(runtime.redis, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, slot)


@dataclass
class _BroadcastJob:
    """One job's work."""

    runtime: Runtime
    announcement_id: int
    lease: str
    pending_requests: dict[Future[RequestResult], str] = field(default_factory=dict)
    results: list[RequestResult] = field(default_factory=list)
    consecutive_refusals: int = 0
    last_checked_at: float = 0.0
    last_written_at: float = 0.0

    def run(self) -> bool:
        """Send; True if it is to go on in another job."""
        with self.runtime.database.read() as db:
            announcement = announcements.find(db, self.announcement_id)
        if announcement is None or announcement.state != "sending":
            return False
        self.messages = AnnouncementMessageBuilder(self.runtime, announcement)
        self.channel = self.runtime.open_bulk_channel(MAX_REQUESTS_IN_FLIGHT)
        pool = ThreadPoolExecutor(MAX_REQUESTS_IN_FLIGHT)
        going = self._run_send_loop(announcement, pool, time.monotonic() + SEND_JOB_SECONDS)
        self._drain(pool)
        return going and not self._finish_if_done()

    def _drain(self, pool: ThreadPoolExecutor) -> None:
        """Wait for the answers that are on their way; not long if somebody urgent waits: a row whose answer nobody
        heard is looked up later."""
        last = time.monotonic() + (URGENT_DRAIN_SECONDS if self._has_urgent_work() else DRAIN_SECONDS)
        while self.pending_requests and time.monotonic() < last:
            self._collect_results(0.1)
        pool.shutdown(wait=False, cancel_futures=True)
        self._write_results()

    def _run_send_loop(self, announcement: Announcement, pool: ThreadPoolExecutor, end: float) -> bool:
        """Until nothing is left (False: it was paused or stopped; True: there may be more)."""
        while time.monotonic() < end:
            if time.monotonic() - self.last_checked_at > CHECK_INTERVAL_SECONDS:
                self.last_checked_at = time.monotonic()
                if not self._should_continue():
                    return False
                if self._has_urgent_work() or self._postpone_if_quiet_hours(announcement):
                    return True
                delivery_results.record_pending_reports(self.runtime)
                self._look_up_lost(pool)
            started = sum(self._start_requests(announcement, channel, pool) for channel in SENDING_CHANNELS)
            if not started and not self.pending_requests and self._is_idle():
                return True
            self._collect_results(0.0 if started else 0.05)
            if time.monotonic() - self.last_written_at > WRITE_INTERVAL_SECONDS:
                self._write_results()
        return True

    def _should_continue(self) -> bool:
        self.runtime.redis.expire(self.lease, SLOT_LEASE_SECONDS)
        with self.runtime.database.read() as db:
            return announcements.get_state(db, self.announcement_id) == "sending"

    def _postpone_if_quiet_hours(self, announcement: Announcement) -> bool:
        """Families are not written to at this hour, but in an emergency: what waits leaves in the morning."""
        at = now()
        morning = self.runtime.library.district.find_next_waking_time(at)
        if announcement.kind == "emergency" or morning <= at:
            return False
        with self.runtime.database.write() as db:
            recipients.postpone_waiting(db, self.announcement_id, morning)
        return True

    def _has_urgent_work(self) -> bool:
        """Whether a worker is wanted elsewhere: alerts and replies go first."""
        queues = (
            Queue(name, connection=self.runtime.redis, serializer=JSONSerializer) for name in ("urgent", "default")
        )
        return any(queue.count for queue in queues)

    def _is_idle(self) -> bool:
        """Nothing to send at this moment; False after a short wait if something is due soon."""
        with self.runtime.database.read() as db:
            due = recipients.find_next_due_at(db, self.announcement_id)
        soon = due is not None and due <= now() + timedelta(seconds=2)
        if soon:
            time.sleep(0.05)
        return not soon

    def _start_requests(self, announcement: Announcement, channel: str, pool: ThreadPoolExecutor) -> int:
        """Claim as many rows as may leave on this channel now, and hand them to the pool; how many."""
        free = MAX_REQUESTS_IN_FLIGHT - len(self.pending_requests)
        if free < MIN_CLAIM_SIZE or channel not in announcement.channels:
            return 0
        bucket = self._get_bucket(channel)
        granted = bucket.take_permits(free)
        if not granted:
            return 0
        at = now()
        with self.runtime.database.write() as db:
            rows = recipients.claim(db, self.announcement_id, channel, granted, at)
        with self.runtime.database.read() as db:
            ready, aside = self.messages.prepare(db, rows, bucket, at)
        self._record_prepared(ready, aside, at)
        bucket.return_permits(granted - len(ready))
        for one in ready:
            self.pending_requests[pool.submit(copy_context().run, send_request, self.channel, one, at)] = (
                one.recipient.id
            )
        return len(rows)

    def _record_prepared(self, ready: list[PreparedMessage], aside: list[RecipientChange], at: datetime) -> None:
        """Before anything leaves: which go as a template (Twilio lists another text of it), and which not at all."""
        templates = {one.recipient.id: one.outgoing.template for one in ready if one.outgoing.template}
        if templates or aside:
            with self.runtime.database.write() as db:
                recipients.set_templates(db, templates)
                recipients.apply_changes(db, aside, at)

    def _get_bucket(self, channel: str) -> SenderTokenBucket:
        rates = self.runtime.library.district.announcements.pace
        pace = rates.get(channel) or DEFAULT_SENDING_RATES.get(channel, SendingRate())  # type: ignore[call-overload]
        settings = self.runtime.settings
        sender = settings.twilio_whatsapp_from if channel == "whatsapp" else settings.twilio_sms_from
        return SenderTokenBucket(
            self.runtime.redis, f"{channel}:{self.runtime.compute_lookup_hash(sender or channel)[:16]}", pace
        )

    def _collect_results(self, seconds: float) -> None:
        """Take what came back; wait at most so long for the first."""
        if not self.pending_requests:
            time.sleep(seconds)
            return
        done, _ = wait(self.pending_requests, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            del self.pending_requests[future]
            self.results.append(future.result())

    def _write_results(self) -> None:
        """Write down what came back."""
        self.last_written_at = time.monotonic()
        results, self.results = self.results, []
        if not results:
            return
        at = now()
        failed = [one.recipient.id for one in results if one.change.state == "failed"]
        with self.runtime.database.write() as db:
            recipients.apply_changes(db, [one.change for one in results], at)
            delivery_results.apply_failures(self.runtime, db, recipients.get_many(db, failed), at)
        if failed:
            delivery_results.plan_retries(self.runtime, self.announcement_id, at)
        for channel in {one.recipient.channel for one in results if one.is_rate_limited}:
            self._get_bucket(channel).start_cooldown()
        self._pause_if_all_fail(results)

    def _pause_if_all_fail(self, results: Iterable[RequestResult]) -> None:
        """The district's account or number is not allowed to send: stop asking, and tell a person."""
        for one in results:
            operator = one.change.state == "failed" and one.change.error_code in ACCOUNT_ERROR_CODES
            self.consecutive_refusals = (
                self.consecutive_refusals + 1
                if operator
                else 0
                if one.change.state != "waiting"
                else self.consecutive_refusals
            )
            if self.consecutive_refusals >= MAX_CONSECUTIVE_REFUSALS:
                why = f"{MAX_CONSECUTIVE_REFUSALS} messages in a row were refused with code {one.change.error_code}"
                with self.runtime.database.write() as db:
                    announcements.change_state(db, self.announcement_id, ["sending"], "paused", why_paused=why)
                log.error("paused: announcement=%s code=%s", self.announcement_id, one.change.error_code)
                self.consecutive_refusals = 0

    def _look_up_lost(self, pool: ThreadPoolExecutor) -> None:
        at = now()
        free = MAX_REQUESTS_IN_FLIGHT - len(self.pending_requests)
        with self.runtime.database.read() as db:
            if free <= 0 or not recipients.has_lost(db, self.announcement_id, at, at - CLAIM_LEASE):
                return
        with self.runtime.database.write() as db:
            lost = recipients.claim_lost(db, self.announcement_id, at, at - CLAIM_LEASE, min(free, 20))
            addresses = self.messages.load_addresses(db, lost)
        for one in lost:
            look = LookupQuery(addresses[one.id], self.messages.code)
            self.pending_requests[
                pool.submit(copy_context().run, look_up_request, self.runtime, self.channel, one, look)
            ] = one.id

    def _finish_if_done(self) -> bool:
        """Whether all is done: then it says so, unless a report has brought more to do."""
        with self.runtime.database.read() as db:
            if recipients.has_open(db, self.announcement_id):
                return self._can_wait_for_sweep()
        delivery_results.record_pending_reports(self.runtime)
        delivery_results.plan_retries(self.runtime, self.announcement_id, now())
        with self.runtime.database.write() as db:
            if recipients.has_open(db, self.announcement_id):
                return False
            announcements.change_state(db, self.announcement_id, ["sending"], "done", ended_at=now())
        log.info("done: announcement=%s", self.announcement_id)
        return True

    def _can_wait_for_sweep(self) -> bool:
        """What is left is due much later (the morning): no job has to wait for it, the sweep queues one in time."""
        with self.runtime.database.read() as db:
            due = recipients.find_next_due_at(db, self.announcement_id)
        return due is None or due > now() + timedelta(seconds=15)
