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
from bot.announcements.personalization import Messages, Ready
from bot.announcements.provider_requests import Look, Result, hand_over, look_up
from bot.announcements.sender_rate_limit import Bucket
from bot.base.database import now
from bot.base.queues import BROADCAST, enqueue
from bot.content.district import Pace
from bot.runtime import Services
from bot.store.announcements import announcements, recipients
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import Change

IN_FLIGHT = 64
"""Requests at a time in one job."""
WORTH_A_CLAIM = 16
"""So many places must be free before new rows are claimed, or each would cost a transaction of its own."""
WORK_SECONDS = 20
"""So long works one job; then it queues itself again."""
PATIENCE, PATIENCE_URGENT = 12.0, 0.5
"""Seconds for the last answers of a job."""
LOOK_SECONDS = 0.5
"""So often it looks whether it was paused or stopped, and whether something urgent waits."""
WRITE_SECONDS = 0.4
"""So often results are written down, many in one transaction."""
LEASE = timedelta(seconds=30)
"""A claim older than this belongs to a process that is dead (a request takes at most 20 s)."""
OPERATOR = frozenset({20003, 21606, 30032, 30034, 30035, 63007, 63020, 63051, 63042, 63041})
"""Refusals that are nobody's number but the district's own account: after many in a row it is paused."""
IN_A_ROW = 20
SLOT_SECONDS = 10
CHANNELS = ("whatsapp", "sms", "voice")
PACES: Mapping[str, Pace] = {"voice": Pace(per_second=1)}
"""Where the district file says nothing (`Pace`)."""

log = logging.getLogger(__name__)


def broadcast(services: Services, announcement_id: int, slot: int) -> None:
    """Send for some seconds as one of the slots of this announcement; safe to run at any time, any number of times."""
    lease = f"puente:broadcast:{announcement_id}:{slot}"
    services.redis.delete(f"puente:queued:{BROADCAST}:{announcement_id}:{slot}")
    if not services.redis.set(lease, "1", nx=True, ex=SLOT_SECONDS):
        return  # another job is at it
    try:
        again = _Broadcast(services, announcement_id, lease).run()
    finally:
        services.redis.delete(lease)
    if again:
        enqueue(services.redis, "bulk", BROADCAST, announcement_id, slot)


@dataclass
class _Broadcast:
    """One job's work."""

    services: Services
    announcement_id: int
    lease: str
    running: dict[Future[Result], str] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    in_a_row: int = 0
    looked: float = 0.0
    wrote: float = 0.0

    def run(self) -> bool:
        """Send; True if it is to go on in another job."""
        with self.services.database.read() as db:
            announcement = announcements.find(db, self.announcement_id)
        if announcement is None or announcement.state != "sending":
            return False
        self.messages = Messages(self.services, announcement)
        self.channel = self.services.channel_for_many(IN_FLIGHT)
        pool = ThreadPoolExecutor(IN_FLIGHT)
        going = self._go_on(announcement, pool, time.monotonic() + WORK_SECONDS)
        self._leave(pool)
        return going and not self._finished()

    def _leave(self, pool: ThreadPoolExecutor) -> None:
        """Wait for the answers that are on their way; not long if somebody urgent waits: a row whose answer nobody
        heard is looked up later."""
        last = time.monotonic() + (PATIENCE_URGENT if self._urgent() else PATIENCE)
        while self.running and time.monotonic() < last:
            self._collect(0.1)
        pool.shutdown(wait=False, cancel_futures=True)
        self._write()

    def _go_on(self, announcement: Announcement, pool: ThreadPoolExecutor, end: float) -> bool:
        """Until nothing is left (False: it was paused or stopped; True: there may be more)."""
        while time.monotonic() < end:
            if time.monotonic() - self.looked > LOOK_SECONDS:
                self.looked = time.monotonic()
                if not self._may_go_on():
                    return False
                if self._urgent() or self._asleep(announcement):
                    return True
                delivery_results.write_down(self.services)
                self._look_up_lost(pool)
            started = sum(self._start(announcement, channel, pool) for channel in CHANNELS)
            if not started and not self.running and self._idle():
                return True
            self._collect(0.0 if started else 0.05)
            if time.monotonic() - self.wrote > WRITE_SECONDS:
                self._write()
        return True

    def _may_go_on(self) -> bool:
        self.services.redis.expire(self.lease, SLOT_SECONDS)
        with self.services.database.read() as db:
            return announcements.state_of(db, self.announcement_id) == "sending"

    def _asleep(self, announcement: Announcement) -> bool:
        """Families are not written to at this hour, but in an emergency: what waits leaves in the morning."""
        at = now()
        morning = self.services.library.district.waking(at)
        if announcement.kind == "emergency" or morning <= at:
            return False
        with self.services.database.write() as db:
            recipients.postpone(db, self.announcement_id, morning)
        return True

    def _urgent(self) -> bool:
        """Whether a worker is wanted elsewhere: alerts and replies go first."""
        queues = (
            Queue(name, connection=self.services.redis, serializer=JSONSerializer) for name in ("urgent", "default")
        )
        return any(queue.count for queue in queues)

    def _idle(self) -> bool:
        """Nothing to send at this moment; False after a short wait if something is due soon."""
        with self.services.database.read() as db:
            due = recipients.next_due(db, self.announcement_id)
        soon = due is not None and due <= now() + timedelta(seconds=2)
        if soon:
            time.sleep(0.05)
        return not soon

    def _start(self, announcement: Announcement, channel: str, pool: ThreadPoolExecutor) -> int:
        """Claim as many rows as may leave on this channel now, and hand them to the pool; how many."""
        free = IN_FLIGHT - len(self.running)
        if free < WORTH_A_CLAIM or channel not in announcement.channels:
            return 0
        bucket = self._bucket(channel)
        granted = bucket.take(free)
        if not granted:
            return 0
        at = now()
        with self.services.database.write() as db:
            rows = recipients.claim(db, self.announcement_id, channel, granted, at)
        with self.services.database.read() as db:
            ready, aside = self.messages.ready(db, rows, bucket, at)
        self._note(ready, aside, at)
        bucket.give_back(granted - len(ready))
        for one in ready:
            self.running[pool.submit(copy_context().run, hand_over, self.channel, one, at)] = one.recipient.id
        return len(rows)

    def _note(self, ready: list[Ready], aside: list[Change], at: datetime) -> None:
        """Before anything leaves: which go as a template (Twilio lists another text of it), and which not at all."""
        templates = {one.recipient.id: one.outgoing.template for one in ready if one.outgoing.template}
        if templates or aside:
            with self.services.database.write() as db:
                recipients.note_templates(db, templates)
                recipients.apply(db, aside, at)

    def _bucket(self, channel: str) -> Bucket:
        pace = self.services.library.district.announcements.pace.get(channel) or PACES.get(channel, Pace())  # type: ignore[call-overload]
        settings = self.services.settings
        sender = settings.twilio_whatsapp_from if channel == "whatsapp" else settings.twilio_sms_from
        return Bucket(self.services.redis, f"{channel}:{self.services.family(sender or channel)[:16]}", pace)

    def _collect(self, seconds: float) -> None:
        """Take what came back; wait at most so long for the first."""
        if not self.running:
            time.sleep(seconds)
            return
        done, _ = wait(self.running, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in done:
            del self.running[future]
            self.results.append(future.result())

    def _write(self) -> None:
        """Write down what came back."""
        self.wrote = time.monotonic()
        results, self.results = self.results, []
        if not results:
            return
        at = now()
        failed = [one.recipient.id for one in results if one.change.state == "failed"]
        with self.services.database.write() as db:
            recipients.apply(db, [one.change for one in results], at)
            delivery_results.after_failures(self.services, db, recipients.get_many(db, failed), at)
        if failed:
            delivery_results.carry_on(self.services, self.announcement_id, at)
        for channel in {one.recipient.channel for one in results if one.busy}:
            self._bucket(channel).rest()
        self._pause_if_all_fail(results)

    def _pause_if_all_fail(self, results: Iterable[Result]) -> None:
        """The district's account or number is not allowed to send: stop asking, and tell a person."""
        for one in results:
            operator = one.change.state == "failed" and one.change.error_code in OPERATOR
            self.in_a_row = self.in_a_row + 1 if operator else 0 if one.change.state != "waiting" else self.in_a_row
            if self.in_a_row >= IN_A_ROW:
                why = f"{IN_A_ROW} messages in a row were refused with code {one.change.error_code}"
                with self.services.database.write() as db:
                    announcements.move(db, self.announcement_id, ["sending"], "paused", why_paused=why)
                log.error("paused: announcement=%s code=%s", self.announcement_id, one.change.error_code)
                self.in_a_row = 0

    def _look_up_lost(self, pool: ThreadPoolExecutor) -> None:
        at = now()
        free = IN_FLIGHT - len(self.running)
        with self.services.database.read() as db:
            if free <= 0 or not recipients.any_lost(db, self.announcement_id, at, at - LEASE):
                return
        with self.services.database.write() as db:
            lost = recipients.claim_lost(db, self.announcement_id, at, at - LEASE, min(free, 20))
            addresses = self.messages.addresses_of(db, lost)
        for one in lost:
            look = Look(addresses[one.id], self.messages.code)
            self.running[pool.submit(copy_context().run, look_up, self.services, self.channel, one, look)] = one.id

    def _finished(self) -> bool:
        """Whether all is done: then it says so, unless a report has brought more to do."""
        with self.services.database.read() as db:
            if recipients.any_open(db, self.announcement_id):
                return self._rests()
        delivery_results.write_down(self.services)
        delivery_results.carry_on(self.services, self.announcement_id, now())
        with self.services.database.write() as db:
            if recipients.any_open(db, self.announcement_id):
                return False
            announcements.move(db, self.announcement_id, ["sending"], "done", ended_at=now())
        log.info("done: announcement=%s", self.announcement_id)
        return True

    def _rests(self) -> bool:
        """What is left is due much later (the morning): no job has to wait for it, the sweep queues one in time."""
        with self.services.database.read() as db:
            due = recipients.next_due(db, self.announcement_id)
        return due is None or due > now() + timedelta(seconds=15)
