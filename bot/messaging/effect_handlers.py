"""What a turn asks for becomes rows, all in one transaction, each once however often the message is repeated."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from redis import RedisError
from sqlalchemy.engine import Connection

from bot.flows.effects import (
    AnswerReferral,
    CloseCase,
    Consent,
    Effect,
    Escalation,
    PassOn,
    PlanFollowUp,
    PlanOnDay,
    PlanTimeout,
    SetLanguage,
    SetNote,
    Suggest,
    VoiceNote,
)
from bot.flows.voice_messages import SPOKE
from bot.messaging import attendance_effects, home_visits, voice_note_effects
from bot.messaging.erasure import Erased
from bot.messaging.inbound_message import Inbound
from bot.nlu import mask
from bot.runtime import Services
from bot.store.announcements import recipients
from bot.store.cases import case_messages, case_transitions, cases, referrals
from bot.store.cases.case_messages import NewCaseMessage
from bot.store.community import partner_suggestions
from bot.store.families import catalog_drafts, consent_events, contacts, families, follow_ups
from bot.store.families.contacts import Contact

log = logging.getLogger(__name__)

LASTING = (
    *(AnswerReferral, CloseCase, Consent, Escalation, PassOn, PlanFollowUp, PlanOnDay, PlanTimeout),
    *(SetLanguage, SetNote, Suggest, VoiceNote),
)
"""The effects that become rows; the others are only said."""


SCHOOL = "school"
"""The note that holds the family's school; whoever names one gets its messages."""
JOINED = "asked for messages by text"
ABOUT_CASE = "about_case"
"""The note that holds the number of the case which a follow-up asks about."""
ANSWERED_WITHIN = timedelta(days=3)
"""So long after an announcement a family's new question is shown beside it."""
STAFF_LANGUAGE = "en"
"""What staff read of a case that nobody has taken yet."""
WROTE_CHARACTERS = 600
"""So much of the message that opened a case is kept with it, masked, for the person who answers."""


@dataclass
class Kept:
    """What comes after the transaction: whose message it was, cases to alert for, the newest case for the reply."""

    contact: int
    to_alert: list[int] = field(default_factory=list)
    to_translate: list[int] = field(default_factory=list)
    to_fetch: list[int] = field(default_factory=list)
    case: int | None = None
    role: str = "default"
    school: str | None = None
    erased: Erased | None = None
    again: bool = False
    """Its STOP or START was obeyed before."""


@dataclass(frozen=True)
class Message:
    """The message that caused the effects: whose it is, in which language it is answered, and when it came.

    `turns` are those before it; `school` the family's own, if it is known; `talking` the case a person talks about.
    """

    contact: Contact
    inbound: Inbound
    language: str
    at: datetime
    turns: tuple[tuple[str, str], ...] = ()
    school: str | None = None
    talking: int | None = None
    about_case: int | None = None
    """The case that the family was asked about ("did a person help you?")."""


def keep(services: Services, db: Connection, message: Message, effects: Iterable[Effect]) -> Kept:
    """Write the lasting effects of one message; `n` counts them, so that a repeat meets the same rows."""
    contact, at = message.contact, message.at
    kept = Kept(message.contact.id)
    lasting = [effect for effect in effects if isinstance(effect, LASTING)]
    for n, effect in enumerate(lasting):
        if isinstance(effect, Escalation):
            _open_case(services, db, message, n, effect, kept)
        elif isinstance(effect, CloseCase) and message.about_case:
            case_transitions.close(db, message.about_case, "family", at, "helped")
        elif isinstance(effect, PassOn):
            _pass_on(services, db, message, kept)
        elif isinstance(effect, (PlanFollowUp, PlanOnDay, PlanTimeout)):
            _plan(services, db, message, n, effect, kept.case)
        elif isinstance(effect, SetLanguage):
            contacts.set_language(db, contact.id, effect.language)
            if effect.language in services.library.machine_languages:
                catalog_drafts.request_language(db, effect.language, at)
        elif isinstance(effect, SetNote):
            contacts.set_attribute(db, contact.id, effect.name, effect.value, at)
            home_visits.noted(services, db, contact.id, effect, at)
            if effect.name == SCHOOL and (family := contacts.find_family_id(db, contact.id)) is not None:
                families.join_school(db, family, effect.value, "self")
        elif isinstance(effect, Consent):
            kept.again = not _consent(services, db, message, effect)
        elif isinstance(effect, (Suggest, AnswerReferral)):
            _of_partners(services, db, message, n, effect)
    if VoiceNote() in lasting:
        kept.to_fetch += voice_note_effects.keep(services, db, message, kept.case)
    return kept


def _plan(
    services: Services,
    db: Connection,
    message: Message,
    n: int,
    effect: PlanFollowUp | PlanOnDay | PlanTimeout,
    case: int | None,
) -> None:
    """What happens by itself later: families are written to when they are awake; a question's time is short."""
    district, at = services.library.district, message.at
    if isinstance(effect, PlanTimeout):
        place, due = follow_ups.FollowUpTarget(effect.flow, effect.step), at + effect.after
    elif isinstance(effect, PlanOnDay):
        place, due = follow_ups.FollowUpTarget(effect.flow), district.resolve_send_time(effect.on, effect.at, at)
    else:
        place, due = (
            follow_ups.FollowUpTarget(effect.flow, case_id=case),
            district.find_next_waking_time(at + effect.after),
        )
    follow_ups.plan(db, (message.inbound.sid, n), message.contact.id, place, due)


def _of_partners(
    services: Services, db: Connection, message: Message, n: int, effect: Suggest | AnswerReferral
) -> None:
    """An organization that a family suggests, or what it says of one that it was told of."""
    if isinstance(effect, AnswerReferral):
        if message.about_case:
            referrals.record_outcome(db, message.about_case, effect.outcome, message.at)
        return
    told = mask(effect.text)[0].strip()
    cause = f"{message.inbound.sid}:{n}"
    new = partner_suggestions.NewPartnerSuggestion(
        cause, partner_suggestions.FAMILY_SUGGESTER, message.language, told, message.contact.id
    )
    partner_suggestions.add(db, services.database.vault, new, message.at)


def answers_kept(effect: Escalation, text: str) -> dict[str, str]:
    """What a case holds of a family's words: its answers and the message that opened the case, masked."""
    answers = {name: mask(value)[0] for name, value in effect.answers}
    wrote = mask(text)[0].strip()[:WROTE_CHARACTERS]
    return {cases.OPENING_MESSAGE_KEY: wrote, **answers} if " " in wrote and wrote not in answers.values() else answers


def _open_case(services: Services, db: Connection, message: Message, n: int, effect: Escalation, kept: Kept) -> None:
    vault, sid = services.database.vault, message.inbound.sid
    effect = voice_note_effects.joined(services, db, message.contact.id, effect) if effect.joins else effect
    answers = answers_kept(effect, message.inbound.text)
    if effect.again and message.about_case and _reopen(services, db, message, effect, kept):
        return
    said = [text for who, text in message.turns if who == "family"]
    told = [message.inbound.text, *(value for _, value in effect.answers), *reversed(said)]
    named = (services.library.district.find_school_in_text(text) for text in told)
    school = message.school or next((one for one in named if one), None)
    contact, language = message.contact.id, message.language
    new = cases.NewCase(contact, effect.topic, effect.severity, effect.to, effect.about, language, answers, school)
    opened = cases.open_or_join(db, vault, sid, n, new, message.at)
    kept.case, kept.role, kept.school = opened.id, effect.to, school
    cause = f"{sid}:{n}"
    attendance_effects.keep(
        services, db, effect, attendance_effects.Said(cause, opened.id, contact, school, language, message.at)
    )
    if opened.is_new:
        _note_announcement(db, message, opened.id)
    if opened.should_page:
        kept.to_alert.append(opened.id)
    kept.to_translate += _keep_turns(services, db, message, opened)


def _note_announcement(db: Connection, message: Message, case_id: int) -> None:
    """Which announcement this answers: the one that was replied to by name, else the last one of these days."""
    named = recipients.find_by_sid(db, message.inbound.answers) if message.inbound.answers else None
    last = named or recipients.find_newest_for_contact(db, message.contact.id, message.at - ANSWERED_WITHIN)
    if last is not None:
        cases.link_announcement(db, case_id, last.announcement_id)


def _reopen(services: Services, db: Connection, message: Message, effect: Escalation, kept: Kept) -> bool:
    """The family says that nobody helped: its case again, not a new one that knows nothing."""
    case = cases.find(db, services.database.vault, message.about_case or 0)
    if case is None:
        return False
    number = case_transitions.reopen(db, case, message.inbound.sid, message.at, effect.severity)
    kept.case, kept.role, kept.school = number, case.role, case.school
    kept.to_alert.append(number)
    return True


def _keep_turns(services: Services, db: Connection, message: Message, opened: cases.OpenedCase) -> Iterator[int]:
    """What led to a new case, and this message: masked, sealed, in the family's words.  The numbers to translate."""
    sid = message.inbound.sid
    turns = [(f"{sid}:turn {number}", *turn) for number, turn in enumerate(message.turns if opened.is_new else ())]
    wrote = mask(message.inbound.text)[0].strip() or (SPOKE if message.inbound.sounds else "")
    news = opened.is_claimed and not opened.should_page  # who has the case is told
    for cause, author, text in [*turns, *([(f"{sid}:{opened.id}", "family", wrote)] if wrote else [])]:
        language = STAFF_LANGUAGE if text == SPOKE else message.language
        foreign = author == "family" and language != STAFF_LANGUAGE
        new = NewCaseMessage(
            opened.id,
            f"{opened.id}:{cause}",
            "family" if author == "family" else "helper",
            language,
            text[:WROTE_CHARACTERS],
            to_language=STAFF_LANGUAGE if foreign or news else None,
            state="waiting" if news else "before" if foreign else "kept",
        )
        number = case_messages.add(db, services.database.vault, new, message.at)
        if foreign or news:
            yield number


def _pass_on(services: Services, db: Connection, message: Message, kept: Kept) -> None:
    """The family's turn in a talk: kept with the case, translated by a job; a case that was done is open again."""
    vault, at = services.database.vault, message.at
    case = cases.find(db, vault, message.talking or 0)
    if case is None:
        return
    staff = services.library.district.staff.get(case.claimed_by or "")
    to = staff.languages[0] if staff else STAFF_LANGUAGE
    wrote = mask(message.inbound.text)[0].strip() or voice_note_effects.mark(message.inbound)
    language = STAFF_LANGUAGE if wrote == SPOKE else message.language
    new = NewCaseMessage(case.id, message.inbound.sid, "family", language, wrote, to_language=to, state="waiting")
    kept.to_translate.append(case_messages.add(db, vault, new, at))
    chase = at + timedelta(minutes=services.library.district.paging.chase_minutes)
    if not case_transitions.record_family_reply(db, case.id, chase, at) and not case.is_open:
        kept.to_alert.append(case_transitions.reopen(db, case, message.inbound.sid, at))


def _forget(services: Services, families: Iterable[str]) -> None:
    """What other addresses of this number remember of a STOP is not true any more."""
    try:
        for family in families:
            services.conversations.discard(family)
    except RedisError as error:
        log.warning("conversation not forgotten: %s", type(error).__name__)


def _consent(services: Services, db: Connection, message: Message, effect: Consent) -> bool:
    """Stop or start; False for a message that did so before."""
    family = services.family(message.contact.address)
    if not consent_events.record(db, family, effect.kind, effect.basis, message.inbound.sid, message.at):
        return False  # sent again long after: what the family has said since then counts
    if effect.kind == "stop":
        contacts.set_opted_out(db, message.contact.id, message.at)
    else:
        _forget(services, contacts.opt_in_family(db, message.contact.id))
    family_id = contacts.find_family_id(db, message.contact.id)
    if effect.kind == "joined" and family_id is not None:
        families.set_consent(db, family_id, JOINED, message.at)
    return True
