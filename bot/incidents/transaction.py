"""Run one action in an incident: one transaction, once for each message or form, with the jobs after the commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.base.database import Transaction, now
from bot.base.queues import ALERT_CASE_JOB, DELIVER_MESSAGE_JOB, enqueue
from bot.cases import staff_conversation
from bot.content.incident_protocol import IncidentProtocol
from bot.runtime import Runtime
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, IncidentEntry


@dataclass
class IncidentTurn:
    """The action of one staff member, with its message (`cause`) and the jobs that follow from it."""

    runtime: Runtime
    db: Transaction
    staff: str
    cause: str
    at: datetime
    case_ids_to_page: list[int] = field(default_factory=list)
    delivery_ids: list[str] = field(default_factory=list)
    ended_contact_ids: list[int] = field(default_factory=list)
    has_status_changes: bool = False

    @property
    def protocol(self) -> IncidentProtocol | None:
        """Return the protocol in the district file."""
        return self.runtime.library.district.protocol

    def record_entry(self, incident: Incident, kind: str, step: int, reply: str, text: str = "") -> str:
        """Record the action with its reply, and return the reply."""
        entry = IncidentEntry(incident.id, self.cause, self.at, self.staff, kind, step, text, reply)
        incidents.add_entry(self.db, entry)
        incidents.touch(self.db, incident.id, self.at)
        return reply


def run_once(runtime: Runtime, staff: str, cause: str, run_command: Callable[[IncidentTurn], str | None]) -> str | None:
    """Run a command and return its reply. A repeated message changes nothing and gets its earlier reply.

    Raises:
        SQLAlchemyError: The database is away.
    """
    with runtime.database.write() as db:
        incidents.acquire_lock(db)
        earlier_entry = incidents.find_entry_by_cause(db, cause)
        if earlier_entry is not None:
            return earlier_entry.reply
        turn = IncidentTurn(runtime, db, staff, cause, now())
        reply = run_command(turn)
    enqueue_jobs(turn)
    return reply


def enqueue_jobs(turn: IncidentTurn) -> None:
    """Queue the jobs after the commit. If Redis rejects one, the sweep does its work."""
    redis = turn.runtime.redis
    if turn.has_status_changes:
        turn.runtime.statuses.invalidate()
    for case_id in dict.fromkeys(turn.case_ids_to_page):
        enqueue(redis, "urgent", ALERT_CASE_JOB, case_id)
    for delivery_id in turn.delivery_ids:
        enqueue(redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    for contact_id in turn.ended_contact_ids:
        staff_conversation.clear_active_case(turn.runtime, contact_id)
