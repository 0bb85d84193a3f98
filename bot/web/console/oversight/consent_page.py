"""Proof of consent: what is kept about one telephone number, for who answers for the records."""

from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_time
from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.channels.error_messages import ERROR_EXPLANATIONS, UNKNOWN_ERROR_EXPLANATION
from bot.roster.cell_parsing import parse_phone as number_in
from bot.roster.report import BadLineError
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.families import consent_events, contacts, families
from bot.store.families.consent_events import ConsentEvent
from bot.store.families.contacts import Contact
from bot.store.families.families import Family
from bot.web.console.core.console_i18n import N_, _, full_day, page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS_OFFICER, allow_roles
from bot.web.core.current_runtime import get_runtime

MAX_PHONE_INPUT_LENGTH = 40
CONSENT_EVENT_LABELS = {
    "stop": N_("Opted out (STOP)"),
    "start": N_("Opted in again (START)"),
    "joined": N_("Consent by text (JOIN)"),
    "given": N_("Consent in the roster"),
    "denied": N_("No consent in the roster"),
}
"""What each event means."""


@dataclass(frozen=True)
class ConsentAddress:
    """One address of the number: its channel, and since when it wants nothing."""

    channel: str
    opted_out_at: datetime | None


@dataclass(frozen=True)
class ConsentProof:
    """All that is kept of one number."""

    number: str
    family: Family | None
    why_bad: str
    addresses: tuple[ConsentAddress, ...]
    events: tuple[ConsentEvent, ...]

    @property
    def nothing(self) -> bool:
        """Whether nothing at all is kept."""
        return self.family is None and not self.addresses and not self.events


@console.get("/consent", endpoint="consent")
@allow_roles(RECORDS_OFFICER)
def consent_page() -> str:
    """The form; nobody is listed by themselves."""
    return render_template("console/consent.html", proof=None, problem="")


@console.post("/consent")
@allow_roles(RECORDS_OFFICER)
def look_up_consent() -> ResponseReturnValue:
    """What is kept of a number.  It stands in no address and no log; only that somebody looked does."""
    here, number = get_runtime(), normalize_phone_number(request.form.get("number", "")[:MAX_PHONE_INPUT_LENGTH])
    if not number:
        problem = _("This isn't a phone number. Enter it with its area code, for example 217-555-0123.")
        return render_template("console/consent.html", proof=None, problem=problem), 422
    proof = load_consent_proof(here, number)
    about = f"family {proof.family.id}" if proof.family else "family"
    with here.database.write() as db:
        audit_log.record(db, current_user.by, "looked up consent", about, now())
    return render_template(
        "console/consent.html", proof=proof, problem="", events=CONSENT_EVENT_LABELS, when=format_moment_with_year
    )


def normalize_phone_number(typed: str) -> str:
    """The number in the one spelling under which it is kept; "" if it is none."""
    try:
        return number_in(typed)
    except BadLineError:
        digits = "".join(char for char in typed if char.isdecimal())
    if not 8 <= len(digits) <= 15:
        return ""
    return f"+1{digits}" if len(digits) == 10 else f"+{digits}"


def load_consent_proof(runtime: Runtime, number: str) -> ConsentProof:
    """Everything about consent from this number, by whichever way; it outlives the family's other data."""
    with runtime.database.read() as db:
        known = contacts.list_for_number(db, number)
        events = consent_events.list_history(db, contacts.list_possible_addresses(number))
        ids = {one.family_id for one in known if one.family_id is not None}
        family = families.get(db, min(ids)) if ids else None
    bad = family.bad_number if family else None
    why_bad = _(ERROR_EXPLANATIONS.get(bad, UNKNOWN_ERROR_EXPLANATION)) if bad else ""
    return ConsentProof(number, family, why_bad, tuple(_build_consent_address(one) for one in known), tuple(events))


def format_moment_with_year(at: datetime) -> str:
    """A moment with its year, on the district's clocks: what is proved may be old."""
    local = get_runtime().library.district.to_local_time(at)
    return f"{full_day(local.date())}, {format_time(local, 'short', locale=page_language())}"


def _build_consent_address(contact: Contact) -> ConsentAddress:
    return ConsentAddress(contact.channel, contact.opted_out_at)
