"""What a turn asks for becomes rows, all in one transaction, each once however often the message is repeated."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.conversation.effects import (
    Consent,
    Effect,
    Escalation,
    PlanFollowUp,
    PlanOnDay,
    PlanTimeout,
    SetLanguage,
    SetNote,
)
from bot.messaging.inbound import Inbound
from bot.services import Services
from bot.store import cases, consents, contacts, drafts, follow_ups
from bot.store.contacts import Contact
from bot.understanding import mask

LASTING = (Consent, Escalation, PlanFollowUp, PlanOnDay, PlanTimeout, SetLanguage, SetNote)
"""The effects that become rows; the others are only said."""


WROTE_CHARACTERS = 600
"""So much of the message that opened a case is kept with it, masked, for the person who answers."""


@dataclass
class Kept:
    """What comes after the transaction: whose message it was, cases to alert for, the newest case for the reply."""

    contact: int
    to_alert: list[int] = field(default_factory=list)
    case: int | None = None
    role: str = "default"


@dataclass(frozen=True)
class Message:
    """The message that caused the effects: whose it is, in which language it is answered, and when it came."""

    contact: Contact
    inbound: Inbound
    language: str
    at: datetime


def keep(services: Services, db: Connection, message: Message, effects: Iterable[Effect]) -> Kept:
    """Write the lasting effects of one message; `n` counts them, so that a repeat meets the same rows."""
    contact, sid, at = message.contact, message.inbound.sid, message.at
    kept = Kept(message.contact.id)
    lasting = [effect for effect in effects if isinstance(effect, LASTING)]
    for n, effect in enumerate(lasting):
        if isinstance(effect, Escalation):
            _open_case(services, db, message, n, effect, kept)
        elif isinstance(effect, PlanFollowUp):
            due = services.library.district.waking(at + effect.after)
            follow_ups.plan(db, (sid, n), contact.id, follow_ups.Place(effect.flow), due)
        elif isinstance(effect, PlanOnDay):
            due = services.library.district.moment(effect.on, effect.at, at)
            follow_ups.plan(db, (sid, n), contact.id, follow_ups.Place(effect.flow), due)
        elif isinstance(effect, PlanTimeout):
            place = follow_ups.Place(effect.flow, effect.step)
            follow_ups.plan(db, (sid, n), contact.id, place, at + effect.after)
        elif isinstance(effect, SetLanguage):
            contacts.set_language(db, contact.id, effect.language)
            if effect.language in services.library.others:
                drafts.ask_for(db, effect.language, at)
        elif isinstance(effect, SetNote):
            contacts.note(db, contact.id, effect.name, effect.value, at)
        elif isinstance(effect, Consent):
            _consent(services, db, message, effect)
    return kept


def answers_kept(effect: Escalation, text: str) -> dict[str, str]:
    """What a case holds of a family's words: its answers and the message that opened the case, masked."""
    answers = {name: mask(value)[0] for name, value in effect.answers}
    wrote = mask(text)[0].strip()[:WROTE_CHARACTERS]
    return {cases.WROTE: wrote, **answers} if " " in wrote and wrote not in answers.values() else answers


def _open_case(services: Services, db: Connection, message: Message, n: int, effect: Escalation, kept: Kept) -> None:
    answers = answers_kept(effect, message.inbound.text)
    new = cases.NewCase(
        message.contact.id, effect.topic, effect.severity, effect.to, effect.about, message.language, answers
    )
    vault, sid = services.database.vault, message.inbound.sid
    kept.case, opened = cases.open_or_join(db, vault, sid, n, new, message.at)
    kept.role = effect.to
    if opened:
        kept.to_alert.append(kept.case)


def _consent(services: Services, db: Connection, message: Message, effect: Consent) -> None:
    family = services.family(message.contact.address)
    consents.record(db, family, effect.kind, effect.basis, message.inbound.sid, message.at)
    contacts.set_stopped(db, message.contact.id, message.at if effect.kind == "stop" else None)
