"""A warm referral: the family gets an organization's name and number in its language, and is asked later if it helped.

The organization gets nothing from us: no family's data leaves.  Staff may call it with the family on the line.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.language_names import english_name, own_name
from bot.base.queues import DELIVER, enqueue
from bot.cases import escalation_policy
from bot.cases.assignment import NEVER_ASKED
from bot.cases.staff_conversation import QUIET
from bot.channels.message_parts import MESSAGE_UNITS, units
from bot.content.facts import Partner
from bot.content.texts import TextId
from bot.flows.effects import Say
from bot.messaging import partner_directory
from bot.messaging.catalog_drafts import library_for
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import case_messages, case_transitions, cases, deliveries, referrals
from bot.store.cases.case_messages import New, Translation
from bot.store.cases.cases import Case
from bot.store.families import contacts, follow_ups
from bot.store.families.contacts import Contact

ASKED_AFTER = timedelta(days=5)
DID_THEY_HELP = "did_partner_help"
NEVER_TEXTED = frozenset({"abuse_violence_home"})
"""Somebody at home may read the phone: the number is given in a call (TOPICS.md)."""


@dataclass(frozen=True)
class Referring:
    """Who sends which family where.  `once` makes a repeated form count once."""

    case_id: int
    partner: str
    by: str
    once: str


def choices(services: Services, language: str, at: datetime) -> dict[str, Partner]:
    """Whom a family may be sent to now, who speaks its language first: checked lately, and not found wrong."""
    today = services.library.district.local(at).date()
    fresh = {name: one for name, one in partner_directory.standing(services, at).items() if one.fresh(today)}
    return dict(sorted(fresh.items(), key=lambda item: (language not in item[1].languages, item[1].name)))


def refer(services: Services, wanted: Referring) -> bool:
    """Send the text and plan the question; False if the case is done or not theirs, or the partner is not to be named.

    Everything is written in one transaction; a repeat of the form finds it done and sends nothing.
    """
    at, vault = now(), services.database.vault
    partner = choices(services, "en", at).get(wanted.partner)
    with services.database.write() as db:
        case = cases.get(db, vault, wanted.case_id)
        contact = contacts.get(db, vault, case.contact_id)
        may = case.open and case.claimed_by == wanted.by and case.topic not in NEVER_TEXTED
        if partner is None or not may or contact.stopped_at:
            return False
        number = referrals.add(db, f"form:{wanted.once}", case.id, wanted.partner, wanted.by, at)
        if number is None:
            return True
        delivery_id = _plan_text(services, db, _Text(number, case, contact, partner, wanted.by, at))
        _plan_question(services, db, number, case, contact, at)
        audit_log.record(db, wanted.by, "referred to a partner", f"case {case.id}", at, wanted.partner)
    enqueue(services.redis, "urgent", DELIVER, delivery_id)
    return True


@dataclass(frozen=True)
class _Text:
    number: int
    case: Case
    contact: Contact
    partner: Partner
    by: str
    at: datetime


def _plan_text(services: Services, db: Connection, text: _Text) -> str:
    """The text as a row, and beside it in the talk, where staff see how far it came."""
    vault, language = services.database.vault, text.contact.language or "en"
    body, english = (words(services, text.partner, text.by, one, text.at) for one in (language, "en"))
    new = New(text.case.id, f"referral:{text.number}", "staff", "en", english, text.by, language, "drafting")
    message_id = case_messages.add(db, vault, new, text.at)
    made = Translation(body if language != "en" else "", "", (), "no")
    case_messages.set_translated(db, vault, message_id, made, "done")
    delivery_id = deliveries.plan_talk(db, vault, text.contact.id, body, text.at)
    case_messages.set_delivery(db, message_id, None, delivery_id)
    later = escalation_policy.chase_after(services.library.district, text.case, text.at + QUIET) or text.at + QUIET
    case_transitions.wait_for_family(db, text.case.id, text.by, later, text.at)
    return delivery_id


def _plan_question(services: Services, db: Connection, number: int, case: Case, contact: Contact, at: datetime) -> None:
    """After five days, once: a newer referral takes the place of one that was not asked about yet."""
    if case.topic in NEVER_ASKED:
        return
    follow_ups.drop(db, contact.id, DID_THEY_HELP)
    due = services.library.district.waking(at + ASKED_AFTER)
    follow_ups.plan(db, (f"referral:{number}", 0), contact.id, follow_ups.Place(DID_THEY_HELP, case=case.id), due)


QUOTED = re.compile('[“”«»„「『"]')
"""Marks that stand around what somebody says."""


def words(services: Services, partner: Partner, by: str, language: str, at: datetime) -> str:
    """What the family reads; what to say is in English where the partner does not speak its language."""
    library = library_for(services, language)
    person = library.district.staff.get(by)
    composer = Composer(library, language, at)
    call_in = language if language in partner.languages else "en"
    values = {
        "staff_name": person.name if person else library.district.name,
        "partner": partner.name,
        "phone": partner.phone,
        "cost": library.catalogs.read(language, library.texts["cost_free" if partner.cost == "free" else "cost_low"]),
        "languages": ", ".join(own_name(code) for code in partner.languages),
        "language": own_name(language) if call_in == language else english_name(language),
    }
    texts: tuple[TextId, ...] = ("referral", "referral_say", "referral_together")
    said = composer.compose([Say(library.texts[one], tuple(values.items())) for one in texts])
    return said if call_in == language else _in_english(said, library.texts["referral_say"].format(**values))


def _in_english(said: str, english: str) -> str:
    """What is to be said on the telephone (between quotation marks, the second paragraph) in English."""
    first, second, *rest = said.split("\n\n")
    intro, quote = QUOTED.split(second, maxsplit=1)[0], QUOTED.split(english, maxsplit=1)[1]
    return "\n\n".join([first, f"{intro}“{quote}", *rest])


def fits(services: Services, case: Case, name: str, by: str) -> bool:
    """Whether the text goes into one message in the family's language."""
    with services.database.read() as db:
        language = contacts.get(db, services.database.vault, case.contact_id).language or "en"
    partner = choices(services, language, now()).get(name)
    return partner is not None and units(words(services, partner, by, language, now())) <= MESSAGE_UNITS
