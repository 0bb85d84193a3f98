"""What must hold after the faults: read from the stand-in's ledger, the database, Redis, and the logs."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from redis import RedisError
from rq import Queue
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from bot.base.database import now
from bot.base.queues import QUEUE_NAMES
from bot.runtime import Runtime
from bot.store.announcements.announcements import announcements
from bot.store.announcements.recipients import recipients
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import deliveries
from bot.store.families import contacts
from tests.faults.line import CASE, Line
from tests.faults.schedule import AUDIENCE, EMERGENCY, QUESTIONS, audience
from tests.faults.traffic import Answered, get_shown_text

ON_CALL = ("+12175550143", "+12175550144")
"""The two people who are alerted of every emergency."""
IN_FLIGHT_SECONDS = 15
"""Seconds in which a request sent before an acknowledged STOP may still arrive."""
LOCKS = ("puente:lock:*", "puente:reports*", "puente:broadcast:*")
NEVER_LOGGED = ("2175556", "1721720", "ICE agents", "enroll my child", "[parameters", "School is closed today")
"""Families' numbers and words, and SQL parameters, which may contain anything."""

REDIS_DOWN_LINE = re.compile(r"redis away, answering from the database.*?message=(\w+)")
ALARM = "alarm"
"""Texts to the technical contact while the database is down: they have no row."""
REMINDER = "reminder"
"""The kind of a row with an unprompted text to staff, such as the end of an alarm."""


@dataclass(frozen=True)
class Run:
    """The data to check: the service, its runtime, all acts with their results, the announcement, the log."""

    line: Line
    runtime: Runtime
    answered: Sequence[Answered]
    announcement: int
    log: Path

    def problems(self) -> list[str]:
        """Return every violation; empty if all invariants hold."""
        try:
            return [*self._unanswered(), *self._cases(), *self._sent(), *self._opted_out(), *self._announced(),
                    *self._middle(), *self._locks(), *self._logged()]  # fmt: skip
        except (RedisError, SQLAlchemyError) as error:
            return [f"not looked at: {type(error).__name__}"]

    def counts(self) -> dict[str, int]:
        """Return counts that must not change when messages are repeated.

        This excludes unprompted texts: those to the technical contact, and delayed ones that already had a row.
        """
        with self.runtime.database.read() as db:
            found = {
                one.name: db.execute(select(func.count()).select_from(one).where(one.c.kind != REMINDER)).scalar_one()
                for one in (deliveries, recipients)
            }
            found["cases"] = db.execute(select(func.count()).select_from(cases)).scalar_one()
            known = {row.id for one in (deliveries, recipients) for row in db.execute(select(one.c.id))}
        own = (_own_id(one.status_callback) for one in self.line.twilio.messages)
        return {**found, "texts": sum(one not in known and one != ALARM for one in own)}

    def in_vain(self) -> frozenset[str]:
        """Return messages that may have effects when repeated: a question during a Redis outage, a case claimed early."""
        away = set(REDIS_DOWN_LINE.findall(self.log.read_text(errors="replace")))
        asked = {one.act.sid for one in self.answered if one.text in QUESTIONS}
        return frozenset(asked & away | {one.act.sid for one in self.answered if one.early})

    def _unanswered(self) -> Iterator[str]:
        for one in self.answered:
            if not one.at:
                yield f"never answered: {one.act.sid}, last status {one.status}"
            elif not get_shown_text(one.reply):
                yield f"answered with nothing: {one.act.sid}"

    def _cases(self) -> Iterator[str]:
        told = {phone: Counter(self.line.alerts(phone)) for phone in ON_CALL}
        with self.runtime.database.read() as db:
            for one in self.answered:
                if one.text != EMERGENCY or not one.at:
                    continue
                contact = contacts.find(db, one.act.sender)
                row = (
                    contact
                    and db.execute(
                        select(cases).where((cases.c.contact_id == contact.id) & (cases.c.severity == "escalate_now"))
                    ).first()
                )
                if not row:
                    yield f"case lost: {one.act.sid}"
                    continue
                if row.state == "new":
                    yield f"nobody paged: case {row.id}"
                for phone, numbers in told.items():
                    if not numbers[row.id] and row.claimed_by is None:
                        yield f"not alerted: case {row.id}, {phone}"

    def _sent(self) -> Iterator[str]:
        for what, found in (("text", self.line.twilio.messages), ("call", self.line.twilio.calls)):
            ids = Counter(own for one in found if (own := _own_id(one.status_callback)) not in ("", None, ALARM))
            yield from (f"{what} sent {number} times: {own}" for own, number in ids.items() if number > 1)
        alerts = Counter((one.to, one.body) for one in self.line.twilio.messages if CASE.search(one.body))
        with self.runtime.database.read() as db:
            rounds = {row.id: max(1, row.rounds) for row in db.execute(select(cases.c.id, cases.c.rounds))}
        for (to, body), number in alerts.items():
            case = int(CASE.search(body)[1])  # type: ignore[index]
            if "To take it" in body and number > rounds.get(case, 1):
                yield f"case {case} alerted {number} times to {to} in {rounds.get(case)} rounds"

    def _opted_out(self) -> Iterator[str]:
        messages = self.line.twilio.messages
        with self.runtime.database.read() as db:
            for one in self.answered:
                if one.text != "STOP" or not one.at:
                    continue
                contact = contacts.find(db, one.act.sender)
                if contact is None or contact.opted_out_at is None:
                    yield f"opt-out lost: {one.act.sid}"
                late = [text for text in messages if text.to == one.act.sender and text.at > one.at + IN_FLIGHT_SECONDS]
                if late:
                    yield f"written to {late[0].at - one.at:.0f} s after its STOP: {one.act.sid}"

    def _announced(self) -> Iterator[str]:
        got = Counter(one.to for one in self.line.twilio.messages)
        stopped = {one.act.sender for one in self.answered if one.text == "STOP"}
        for number in range(1, AUDIENCE + 1):
            times = got[audience(number)]
            if times > 1 or (times == 0 and audience(number) not in stopped):
                yield f"announced {times} times: family {number}"
        with self.runtime.database.read() as db:
            state = db.execute(
                select(announcements.c.state).where(announcements.c.id == self.announcement)
            ).scalar_one()
        if state != "done":
            yield f"the announcement is {state}"

    def _middle(self) -> Iterator[str]:
        at = now()
        with self.runtime.database.read() as db:
            for table in (deliveries, recipients):
                key = table.c.state.in_(("claimed", "unknown")) | (
                    (table.c.state == "waiting") & (table.c.due_at <= at)
                )
                for row in db.execute(select(table.c.id, table.c.state, table.c.kind).where(key)):
                    yield f"stuck: {table.name} {row.id} {row.kind} is {row.state}"

    def _locks(self) -> Iterator[str]:
        redis = self.runtime.redis
        for pattern in LOCKS:
            yield from (f"left in Redis: {key.decode()}" for key in redis.scan_iter(pattern))
        for name in QUEUE_NAMES:
            queue = Queue(name, connection=redis, serializer=JSONSerializer)
            running = StartedJobRegistry(queue=queue)
            if queue.count or running.count:
                yield f"queue {name}: {queue.count} wait, {running.count} run"

    def _logged(self) -> Iterator[str]:
        places = {"log": self.log.read_bytes()}
        for path in (self.line.var / "redis").rglob("*"):
            if path.is_file() and "aof" in path.name:
                places[path.name] = path.read_bytes()
        for place, text in places.items():
            yield from (f"in clear in {place}: {word}" for word in NEVER_LOGGED if word.encode() in text)


def _own_id(callback: str) -> str:
    return parse_qs(urlsplit(callback).query).get("m", [""])[0]


def format_problems(problems: Iterable[str]) -> str:
    """Return it as JSON, one item a line."""
    return "\n".join(json.dumps(one) for one in problems)
