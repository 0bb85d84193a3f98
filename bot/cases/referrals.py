"""Refer a family to a partner: text it the partner's name and number, and later ask whether it helped.

The partner gets no data about the family. Staff may call the partner together with the family.
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
"""Somebody at home may read the phone, so staff give the number in a call (TOPICS.md)."""


@dataclass(frozen=True)
class ReferralRequest:
    """The referral of a family to a partner by a staff member. `form_id` makes a repeated form count once."""

    case_id: int
    partner_id: str
    staff: str
    form_id: str


def list_available_partners(runtime: Runtime, language: str, current_time: datetime) -> dict[str, Partner]:
    """Return the recently checked partners. Those that speak the language come first."""
    today = runtime.library.district.to_local_time(current_time).date()
    partners = partner_directory.get_current_partners(runtime, current_time)
    checked = [(name, partner) for name, partner in partners.items() if partner.is_recently_checked(today)]
    return dict(sorted(checked, key=lambda item: (language not in item[1].languages, item[1].name)))


def refer_family(runtime: Runtime, request: ReferralRequest) -> bool:
    """Send the text and plan the question. A repeated form sends nothing more.

    Return False if the case is resolved or belongs to another assignee, or the partner is not available.
    """
    current_time = now()
    partner = list_available_partners(runtime, "en", current_time).get(request.partner_id)
    with runtime.database.write() as db:
        case = cases.get(db, request.case_id)
        contact = contacts.get(db, case.contact_id)
        is_allowed = (
            case.is_open and case.claimed_by == request.staff and case.topic not in TOPICS_WITHOUT_REFERRAL_TEXT
        )
        if partner is None or not is_allowed or contact.opted_out_at:
            return False
        referral_id = referrals.add(
            db, f"form:{request.form_id}", case.id, request.partner_id, request.staff, current_time
        )
        if referral_id is None:
            return True
        text = _ReferralText(referral_id, case, contact, partner, request.staff, current_time)
        delivery_id = _plan_text(runtime, db, text)
        _plan_question(runtime, db, referral_id, case, contact, current_time)
        audit_log.record(
            db, request.staff, "referred to a partner", f"case {case.id}", current_time, request.partner_id
        )
    enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return True


@dataclass(frozen=True)
class _ReferralText:
    referral_id: int
    case: Case
    contact: Contact
    partner: Partner
    staff: str
    now: datetime


def _plan_text(runtime: Runtime, db: Transaction, text: _ReferralText) -> str:
    """Plan the text, and add it to the conversation, where staff see its delivery status."""
    language, now = text.contact.language or "en", text.now
    body = build_referral_text(runtime, text.partner, text.staff, language, now)
    english = build_referral_text(runtime, text.partner, text.staff, "en", now)
    message = NewCaseMessage(
        text.case.id, f"referral:{text.referral_id}", "staff", "en", english, text.staff, language, "drafting"
    )
    message_id = case_messages.add(db, message, now)
    translation = MessageTranslation(body if language != "en" else "", "", (), "no")
    case_messages.save_translation(db, message_id, translation, "done")
    delivery_id = deliveries.plan_staff_message(db, text.contact.id, body, now)
    case_messages.set_delivery(db, message_id, None, delivery_id)
    reply_due = now + FAMILY_REPLY_PERIOD
    reminder_at = escalation_policy.find_assignee_reminder_time(runtime.library.district, text.case, reply_due)
    case_transitions.wait_for_family(db, text.case.id, text.staff, reminder_at or reply_due, now)
    return delivery_id


def _plan_question(
    runtime: Runtime, db: Transaction, referral_id: int, case: Case, contact: Contact, current_time: datetime
) -> None:
    """Plan the question after five days. A newer referral replaces the question about an older one."""
    if case.topic in TOPICS_WITHOUT_HELP_QUESTION:
        return
    follow_ups.drop(db, contact.id, REFERRAL_QUESTION_FLOW)
    due = runtime.library.district.find_next_waking_time(current_time + REFERRAL_QUESTION_DELAY)
    target = follow_ups.FollowUpTarget(REFERRAL_QUESTION_FLOW, case_id=case.id)
    follow_ups.plan(db, (f"referral:{referral_id}", 0), contact.id, target, due)


QUOTATION_MARK_PATTERN = re.compile('[“”«»„「『"]')
"""Quotation marks of all languages that Puente writes."""


def build_referral_text(runtime: Runtime, partner: Partner, staff: str, language: str, current_time: datetime) -> str:
    """Return the text for the family. The words to say are in English if the partner doesn't speak its language."""
    library = get_localized_library(runtime, language)
    member = library.district.staff.get(staff)
    cost_text = library.texts["cost_free" if partner.cost == "free" else "cost_low"]
    speaks_language = language in partner.languages or language == "en"
    values = {
        "staff_name": member.name if member else library.district.name,
        "partner": partner.name,
        "phone": partner.phone,
        "cost": library.catalogs.translate(language, cost_text),
        "languages": ", ".join(get_own_name(code) for code in partner.languages),
        "language": get_own_name(language) if speaks_language else get_english_name(language),
    }
    text_ids: tuple[TextId, ...] = ("referral", "referral_say", "referral_together")
    effects = [SayText(library.texts[text_id], tuple(values.items())) for text_id in text_ids]
    text = ReplyComposer(library, language, current_time).compose(effects)
    if speaks_language:
        return text
    return _replace_quote_with_english(text, library.texts["referral_say"].format(**values))


def _replace_quote_with_english(text: str, english: str) -> str:
    """Replace the words to say on the phone (the quote in the second paragraph) with English."""
    first, second, *rest = text.split("\n\n")
    introduction = QUOTATION_MARK_PATTERN.split(second, maxsplit=1)[0]
    quote = QUOTATION_MARK_PATTERN.split(english, maxsplit=1)[1]
    return "\n\n".join([first, f"{introduction}“{quote}", *rest])


def can_send_as_one_message(runtime: Runtime, case: Case, partner_id: str, staff: str) -> bool:
    """Say whether the text fits into one message in the family's language."""
    current_time = now()
    with runtime.database.read() as db:
        language = contacts.get(db, case.contact_id).language or "en"
    partner = list_available_partners(runtime, language, current_time).get(partner_id)
    if partner is None:
        return False
    text = build_referral_text(runtime, partner, staff, language, current_time)
    return count_utf16_units(text) <= MAX_MESSAGE_UNITS
