"""What somebody does in an incident: one transaction, once for each message or form, jobs after the commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.queues import ALERT_CASE, DELIVER, enqueue
from bot.cases import staff_conversation
from bot.content.incident_protocol import Protocol
from bot.runtime import Services
from bot.store.schools import incidents
from bot.store.schools.incidents import Entry, Incident


@dataclass
class Turn:
    """Who does something, by which message (`cause`), when; and the jobs that follow from it."""

    services: Services
    db: Connection
    staff: str
    cause: str
    at: datetime
    to_alert: list[int] = field(default_factory=list)
    to_send: list[str] = field(default_factory=list)
    talks_over: list[int] = field(default_factory=list)
    statuses_changed: bool = False

    @property
    def protocol(self) -> Protocol | None:
        """What the district file holds."""
        return self.services.library.district.protocol

    def write(self, incident: Incident, kind: str, step: int, reply: str, text: str = "") -> str:
        """Keep what was done with the reply that it got; the reply."""
        new = Entry(incident.id, self.cause, self.at, self.staff, kind, step, text, reply)
        incidents.write(self.db, self.services.database.vault, new)
        incidents.touch(self.db, incident.id, self.at)
        return reply


def once(services: Services, staff: str, cause: str, do: Callable[[Turn], str | None]) -> str | None:
    """What `do` answers; for a repeat of the same message the reply that it got before, and nothing changes.

    Raises `SQLAlchemyError` if the database is away.
    """
    with services.database.write() as db:
        incidents.one_at_a_time(db)
        before = incidents.written(db, services.database.vault, cause)
        if before is not None:
            return before.reply
        turn = Turn(services, db, staff, cause, now())
        reply = do(turn)
    after(turn)
    return reply


def after(turn: Turn) -> None:
    """The jobs, once all of it is kept; what Redis does not take is left to the sweep."""
    redis = turn.services.redis
    if turn.statuses_changed:
        turn.services.statuses.forget()
    for case in dict.fromkeys(turn.to_alert):
        enqueue(redis, "urgent", ALERT_CASE, case)
    for delivery in turn.to_send:
        enqueue(redis, "urgent", DELIVER, delivery)
    for contact in turn.talks_over:
        staff_conversation.forget(turn.services, contact)
