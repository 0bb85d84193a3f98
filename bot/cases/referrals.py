"""A warm referral: the family gets an organization's name and number in its language, and is asked later if it helped.

The organization gets nothing from us: no family's data leaves.  Staff may call it with the family on the line.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.language_names import get_english_name, get_own_name
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.cases import escalation_policy
from bot.cases.assignment import TOPICS_WITHOUT_HELP_QUESTION
from bot.cases.staff_conversation import FAMILY_REPLY_PERIOD
from bot.channels.message_parts import MAX_MESSAGE_UNITS, count_utf16_units
from bot.content.facts import Partner
from bot.content.texts import TextId
from bot.flows.effects import SayText
from bot.messaging import partner_directory
from bot.messaging.catalog_drafts import get_localized_library
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_messages, case_transitions, cases, deliveries, referrals
from bot.store.cases.case_messages import MessageTranslation, NewCaseMessage
from bot.store.cases.cases import Case
from bot.store.families import contacts, follow_ups
from bot.store.families.contacts import Contact

REFERRAL_QUESTION_DELAY = timedelta(days=5)
REFERRAL_QUESTION_FLOW = "did_partner_help"
TOPICS_WITHOUT_REFERRAL_TEXT = frozenset({"abuse_violence_home"})
"""Somebody at home may read the phone: the number is given in a call (TOPICS.md)."""


@dataclass(frozen=True)
class ReferralRequest:
    """Who sends which family where.  `once` makes a repeated form count once."""

    case_id: int
    partner_id: str
    staff: str
    form_id: str


def list_available_partners(runtime: Runtime, language: str, at: datetime) -> dict[str, Partner]:
    """Whom a family may be sent to now, who speaks its language first: checked lately, and not found wrong."""
    today = runtime.library.district.to_local_time(at).date()
    fresh = {
        name: one
        for name, one in partner_directory.get_current_partners(runtime, at).items()
        if one.is_recently_checked(today)
    }
    return dict(sorted(fresh.items(), key=lambda item: (language not in item[1].languages, item[1].name)))


def refer_family(runtime: Runtime, request: ReferralRequest) -> bool:
    """Send the text and plan the question; False if the case is done or not theirs, or the partner is not to be named.

    Everything is written in one transaction; a repeat of the form finds it done and sends nothing.
    """
    at = now()
    partner = list_available_partners(runtime, "en", at).get(request.partner_id)
    with runtime.database.write() as db:
        case = cases.get(db, request.case_id)
        contact = contacts.get(db, case.contact_id)
        may = case.is_open and case.claimed_by == request.staff and case.topic not in TOPICS_WITHOUT_REFERRAL_TEXT
        if partner is None or not may or contact.stopped_at:
            return False
        number = referrals.add(db, f"form:{request.form_id}", case.id, request.partner_id, request.staff, at)
        if number is None:
            return True
        delivery_id = _plan_text(runtime, db, _ReferralText(number, case, contact, partner, request.staff, at))
        _plan_question(runtime, db, number, case, contact, at)
        audit_log.record(db, request.staff, "referred to a partner", f"case {case.id}", at, request.partner_id)
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


@dataclass(frozen=True)
class _ReferralText:
    referral_id: int
    case: Case
    contact: Contact
    partner: Partner
    staff: str
    at: datetime


def _plan_text(runtime: Runtime, db: Transaction, text: _ReferralText) -> str:
    """The text as a row, and beside it in the talk, where staff see how far it came."""
    language = text.contact.language or "en"
    body, english = (build_referral_text(runtime, text.partner, text.staff, one, text.at) for one in (language, "en"))
    new = NewCaseMessage(
        text.case.id, f"referral:{text.referral_id}", "staff", "en", english, text.staff, language, "drafting"
    )
    message_id = case_messages.add(db, new, text.at)
    made = MessageTranslation(body if language != "en" else "", "", (), "no")
    case_messages.save_translation(db, message_id, made, "done")
    delivery_id = deliveries.plan_staff_message(db, text.contact.id, body, text.at)
    case_messages.set_delivery(db, message_id, None, delivery_id)
    later = (
        escalation_policy.find_assignee_reminder_time(
            runtime.library.district, text.case, text.at + FAMILY_REPLY_PERIOD
        )
        or text.at + FAMILY_REPLY_PERIOD
    )
    case_transitions.wait_for_family(db, text.case.id, text.staff, later, text.at)
    return delivery_id


def _plan_question(
    runtime: Runtime, db: Transaction, referral_id: int, case: Case, contact: Contact, at: datetime
) -> None:
    """After five days, once: a newer referral takes the place of one that was not asked about yet."""
    if case.topic in TOPICS_WITHOUT_HELP_QUESTION:
        return
    follow_ups.drop(db, contact.id, REFERRAL_QUESTION_FLOW)
    due = runtime.library.district.find_next_waking_time(at + REFERRAL_QUESTION_DELAY)
    follow_ups.plan(
        db,
        (f"referral:{referral_id}", 0),
        contact.id,
        follow_ups.FollowUpTarget(REFERRAL_QUESTION_FLOW, case_id=case.id),
        due,
    )


QUOTATION_MARK_PATTERN = re.compile('[“”«»„「『"]')
"""Marks that stand around what somebody says."""


def build_referral_text(runtime: Runtime, partner: Partner, staff: str, language: str, at: datetime) -> str:
    """What the family reads; what to say is in English where the partner does not speak its language."""
    library = get_localized_library(runtime, language)
    person = library.district.staff.get(staff)
    composer = ReplyComposer(library, language, at)
    call_in = language if language in partner.languages else "en"
    values = {
        "staff_name": person.name if person else library.district.name,
        "partner": partner.name,
        "phone": partner.phone,
        "cost": library.catalogs.translate(
            language, library.texts["cost_free" if partner.cost == "free" else "cost_low"]
        ),
        "languages": ", ".join(get_own_name(code) for code in partner.languages),
        "language": get_own_name(language) if call_in == language else get_english_name(language),
    }
    texts: tuple[TextId, ...] = ("referral", "referral_say", "referral_together")
    said = composer.compose([SayText(library.texts[one], tuple(values.items())) for one in texts])
    return (
        said
        if call_in == language
        else _replace_quote_with_english(said, library.texts["referral_say"].format(**values))
    )


def _replace_quote_with_english(text: str, english: str) -> str:
    """What is to be said on the telephone (between quotation marks, the second paragraph) in English."""
    first, second, *rest = text.split("\n\n")
    intro, quote = (
        QUOTATION_MARK_PATTERN.split(second, maxsplit=1)[0],
        QUOTATION_MARK_PATTERN.split(english, maxsplit=1)[1],
    )
    return "\n\n".join([first, f"{intro}“{quote}", *rest])


def can_send_as_one_message(runtime: Runtime, case: Case, partner_id: str, staff: str) -> bool:
    """Whether the text goes into one message in the family's language."""
    with runtime.database.read() as db:
        language = contacts.get(db, case.contact_id).language or "en"
    partner = list_available_partners(runtime, language, now()).get(partner_id)
    return (
        partner is not None
        and count_utf16_units(build_referral_text(runtime, partner, staff, language, now())) <= MAX_MESSAGE_UNITS
    )
