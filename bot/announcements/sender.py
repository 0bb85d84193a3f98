"""Send an announcement with many requests at a time, within the rate limits. Each row is claimed before its request.

A job works for some seconds and queues itself again, so that little work is lost with it. It stops early if urgent
jobs wait, and checks every half second whether it may continue. Each row records how far its message came. After a
crash, rows with an unknown result are looked up in Twilio's list before they are sent again.
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
"""Parallel requests in one job."""
MIN_CLAIM_SIZE = 16
"""The free request slots needed before new rows are claimed, so that not every row costs a transaction."""
SEND_JOB_SECONDS = 20
"""How long one job works before it queues itself again."""
DRAIN_SECONDS, URGENT_DRAIN_SECONDS = 12.0, 0.5
"""How long a job waits for its last responses."""
CHECK_INTERVAL_SECONDS = 0.5
"""How often a job checks whether it was paused or stopped, and whether urgent jobs wait."""
WRITE_INTERVAL_SECONDS = 0.4
"""How often results are saved, many in one transaction."""
CLAIM_LEASE = timedelta(seconds=30)
"""An older claim belongs to a dead process, because a request takes at most 20 s."""
ACCOUNT_ERROR_CODES = frozenset({20003, 21606, 30032, 30034, 30035, 63007, 63020, 63051, 63042, 63041})
"""Errors of the district's account, not of a family's number. After many in a row, the announcement is paused."""
MAX_CONSECUTIVE_REFUSALS = 20
SLOT_LEASE_SECONDS = 10
SENDING_CHANNELS = ("whatsapp", "sms", "voice")
DEFAULT_SENDING_RATES: Mapping[str, SendingRate] = {"voice": SendingRate(per_second=1)}
"""The rates to use if the district file sets none (`SendingRate`)."""

log = logging.getLogger(__name__)


def broadcast(runtime: Runtime, announcement_id: int, slot: int) -> None:
    """Send for some seconds as one slot of this announcement. Safe to repeat at any time."""
    lease = f"puente:broadcast:{announcement_id}:{slot}"
    runtime.redis.delete(f"puente:queued:{SEND_ANNOUNCEMENT_JOB}:{announcement_id}:{slot}")
    if not runtime.redis.set(lease, "1", nx=True, ex=SLOT_LEASE_SECONDS):
        return  # another job has this slot
    try:
        has_more = _BroadcastJob(runtime, announcement_id, lease).run()
    finally:
        runtime.redis.delete(lease)
    if has_more:
        enqueue(runtime.redis, "bulk", SEND_ANNOUNCEMENT_JOB, announcement_id, slot)


@dataclass
class _BroadcastJob:
    """The work of one job."""

    runtime: Runtime
    announcement_id: int
    lease: str
    pending_requests: dict[Future[RequestResult], str] = field(default_factory=dict)
    results: list[RequestResult] = field(default_factory=list)
    consecutive_refusals: int = 0
    last_checked_at: float = 0.0
    last_written_at: float = 0.0

    def run(self) -> bool:
        """Send, and return whether another job must continue."""
        with self.runtime.database.read() as db:
            announcement = announcements.find(db, self.announcement_id)
        if announcement is None or announcement.state != "sending":
            return False
        self.messages = AnnouncementMessageBuilder(self.runtime, announcement)
        self.channel = self.runtime.open_bulk_channel(MAX_REQUESTS_IN_FLIGHT)
        pool = ThreadPoolExecutor(MAX_REQUESTS_IN_FLIGHT)
        may_continue = self._run_send_loop(announcement, pool, time.monotonic() + SEND_JOB_SECONDS)
        self._drain(pool)
        return may_continue and not self._finish_if_done()

    def _drain(self, pool: ThreadPoolExecutor) -> None:
        """Wait for pending responses, but only briefly if urgent jobs wait. Later, a lookup finds missed results."""
        end = time.monotonic() + (URGENT_DRAIN_SECONDS if self._has_urgent_work() else DRAIN_SECONDS)
        while self.pending_requests and time.monotonic() < end:
            self._collect_results(0.1)
        pool.shutdown(wait=False, cancel_futures=True)
        self._write_results()

    def _run_send_loop(self, announcement: Announcement, pool: ThreadPoolExecutor, end: float) -> bool:
        """Send until nothing is left. Return False if the announcement was paused or stopped."""
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
        """Outside the waking hours, postpone the waiting rows to the morning, except for emergencies."""
        current_time = now()
        morning = self.runtime.library.district.find_next_waking_time(current_time)
        if announcement.kind == "emergency" or morning <= current_time:
            return False
        with self.runtime.database.write() as db:
            recipients.postpone_waiting(db, self.announcement_id, morning)
        return True

    def _has_urgent_work(self) -> bool:
        """Return whether urgent jobs wait, because alerts and replies go first."""
        queues = (
            Queue(name, connection=self.runtime.redis, serializer=JSONSerializer) for name in ("urgent", "default")
        )
        return any(queue.count for queue in queues)

    def _is_idle(self) -> bool:
        """Return whether nothing can be sent now. If something is due soon, wait briefly and return False."""
        with self.runtime.database.read() as db:
            due_at = recipients.find_next_due_at(db, self.announcement_id)
        is_due_soon = due_at is not None and due_at <= now() + timedelta(seconds=2)
        if is_due_soon:
            time.sleep(0.05)
        return not is_due_soon

    def _start_requests(self, announcement: Announcement, channel: str, pool: ThreadPoolExecutor) -> int:
        """Claim as many rows as this channel's rate allows, start their requests, and return how many."""
        free_count = MAX_REQUESTS_IN_FLIGHT - len(self.pending_requests)
        if free_count < MIN_CLAIM_SIZE or channel not in announcement.channels:
            return 0
        bucket = self._get_bucket(channel)
        granted = bucket.take_permits(free_count)
        if not granted:
            return 0
        current_time = now()
        with self.runtime.database.write() as db:
            rows = recipients.claim(db, self.announcement_id, channel, granted, current_time)
        with self.runtime.database.read() as db:
            ready, not_ready = self.messages.prepare(db, rows, bucket, current_time)
        self._record_prepared(ready, not_ready, current_time)
        bucket.return_permits(granted - len(ready))
        for message in ready:
            future = pool.submit(copy_context().run, send_request, self.channel, message, current_time)
            self.pending_requests[future] = message.recipient.id
        return len(rows)

    def _record_prepared(
        self, ready: list[PreparedMessage], not_ready: list[RecipientChange], current_time: datetime
    ) -> None:
        """Before sending, save which rows use a template (Twilio lists its text) and which cannot be sent."""
        templates = {message.recipient.id: message.outgoing.template for message in ready if message.outgoing.template}
        if templates or not_ready:
            with self.runtime.database.write() as db:
                recipients.set_templates(db, templates)
                recipients.apply_changes(db, not_ready, current_time)

    def _get_bucket(self, channel: str) -> SenderTokenBucket:
        rates = self.runtime.library.district.announcements.pace
        rate = rates.get(channel) or DEFAULT_SENDING_RATES.get(channel, SendingRate())  # type: ignore[call-overload]
        settings = self.runtime.settings
        sender = settings.twilio_whatsapp_from if channel == "whatsapp" else settings.twilio_sms_from
        sender_hash = self.runtime.compute_lookup_hash(sender or channel)[:16]
        return SenderTokenBucket(self.runtime.redis, f"{channel}:{sender_hash}", rate)

    def _collect_results(self, seconds: float) -> None:
        """Collect finished requests, and wait at most `seconds` for the first one."""
        if not self.pending_requests:
            time.sleep(seconds)
            return
        done, _ = wait(self.pending_requests, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            del self.pending_requests[future]
            self.results.append(future.result())

    def _write_results(self) -> None:
        """Save the collected results and their consequences."""
        self.last_written_at = time.monotonic()
        results, self.results = self.results, []
        if not results:
            return
        current_time = now()
        failed_ids = [result.recipient.id for result in results if result.change.state == "failed"]
        with self.runtime.database.write() as db:
            recipients.apply_changes(db, [result.change for result in results], current_time)
            failed = recipients.get_many(db, failed_ids)
            delivery_results.apply_failures(self.runtime, db, failed, current_time)
        if failed_ids:
            delivery_results.plan_retries(self.runtime, self.announcement_id, current_time)
        for channel in {result.recipient.channel for result in results if result.is_rate_limited}:
            self._get_bucket(channel).start_cooldown()
        self._pause_if_all_fail(results)

    def _pause_if_all_fail(self, results: Iterable[RequestResult]) -> None:
        """Pause after many refusals in a row: then the district's account or number may not send."""
        for result in results:
            code = result.change.error_code
            if result.change.state == "failed" and code in ACCOUNT_ERROR_CODES:
                self.consecutive_refusals += 1
            elif result.change.state != "waiting":
                self.consecutive_refusals = 0
            if self.consecutive_refusals >= MAX_CONSECUTIVE_REFUSALS:
                reason = f"Twilio refused {MAX_CONSECUTIVE_REFUSALS} messages in a row with code {code}"
                with self.runtime.database.write() as db:
                    announcements.change_state(db, self.announcement_id, ["sending"], "paused", why_paused=reason)
                log.error("paused: announcement=%s code=%s", self.announcement_id, code)
                self.consecutive_refusals = 0

    def _look_up_lost(self, pool: ThreadPoolExecutor) -> None:
        current_time = now()
        free_count = MAX_REQUESTS_IN_FLIGHT - len(self.pending_requests)
        with self.runtime.database.read() as db:
            if free_count <= 0 or not recipients.has_lost(
                db, self.announcement_id, current_time, current_time - CLAIM_LEASE
            ):
                return
        with self.runtime.database.write() as db:
            lost = recipients.claim_lost(
                db, self.announcement_id, current_time, current_time - CLAIM_LEASE, min(free_count, 20)
            )
            addresses = self.messages.load_addresses(db, lost)
        for row in lost:
            query = LookupQuery(addresses[row.id], self.messages.code)
            future = pool.submit(copy_context().run, look_up_request, self.runtime, self.channel, row, query)
            self.pending_requests[future] = row.id

    def _finish_if_done(self) -> bool:
        """Mark the announcement as done if nothing is left. Late reports may bring more to do."""
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
        """Return whether the rest is due much later, such as in the morning. Then the sweep queues a job in time."""
        with self.runtime.database.read() as db:
            due_at = recipients.find_next_due_at(db, self.announcement_id)
        return due_at is None or due_at > now() + timedelta(seconds=15)
