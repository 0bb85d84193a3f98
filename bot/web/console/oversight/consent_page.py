"""Serve the page that shows a records officer the proof of consent for one phone number."""

from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_time
from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.channels.error_messages import ERROR_EXPLANATIONS, UNKNOWN_ERROR_EXPLANATION
from bot.roster.cell_parsing import parse_phone
from bot.roster.report import BadLineError
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.families import consent_events, contacts, families
from bot.store.families.consent_events import ConsentEvent
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
    """One address of the number: its channel, and when it opted out."""

    channel: str
    opted_out_at: datetime | None


@dataclass(frozen=True)
class ConsentProof:
    """Everything that the database holds about the consent of one number."""

    number: str
    family: Family | None
    why_bad: str
    addresses: tuple[ConsentAddress, ...]
    events: tuple[ConsentEvent, ...]

    @property
    def nothing(self) -> bool:
        """Say whether the database holds nothing about this number."""
        return self.family is None and not self.addresses and not self.events


@console.get("/consent", endpoint="consent")
@allow_roles(RECORDS_OFFICER)
def consent_page() -> str:
    """Show the search form. The page lists no families."""
    return render_template("console/consent.html", proof=None, problem="")


@console.post("/consent")
@allow_roles(RECORDS_OFFICER)
def look_up_consent() -> ResponseReturnValue:
    """Show the consent data of a number.

    The audit log records the lookup. The number appears in no URL and in no log.
    """
    runtime = get_runtime()
    number = normalize_phone_number(request.form.get("number", "")[:MAX_PHONE_INPUT_LENGTH])
    if not number:
        problem = _("This isn't a phone number. Enter it with its area code, for example 217-555-0123.")
        return render_template("console/consent.html", proof=None, problem=problem), 422
    proof = load_consent_proof(runtime, number)
    subject = f"family {proof.family.id}" if proof.family else "family"
    with runtime.database.write() as db:
        audit_log.record(db, current_user.by, "looked up consent", subject, now())
    return render_template(
        "console/consent.html", proof=proof, problem="", events=CONSENT_EVENT_LABELS, when=format_moment_with_year
    )


def normalize_phone_number(typed: str) -> str:
    """Return the number in E.164 form, as the database has it. Return "" if the text is not a phone number."""
    try:
        return parse_phone(typed)
    except BadLineError:
        digits = "".join(char for char in typed if char.isdecimal())
    if not 8 <= len(digits) <= 15:
        return ""
    if len(digits) == 10:
        return f"+1{digits}"
    return f"+{digits}"


def load_consent_proof(runtime: Runtime, number: str) -> ConsentProof:
    """Return the consent data of this number on all channels. These rows outlive the family's other data."""
    with runtime.database.read() as db:
        number_contacts = contacts.list_for_number(db, number)
        events = consent_events.list_history(db, contacts.list_possible_addresses(number))
        family_ids = {contact.family_id for contact in number_contacts if contact.family_id is not None}
        family = families.get(db, min(family_ids)) if family_ids else None
    why_bad = ""
    if family and family.bad_number:
        why_bad = _(ERROR_EXPLANATIONS.get(family.bad_number, UNKNOWN_ERROR_EXPLANATION))
    addresses = tuple(ConsentAddress(contact.channel, contact.opted_out_at) for contact in number_contacts)
    return ConsentProof(number, family, why_bad, addresses, tuple(events))


def format_moment_with_year(moment: datetime) -> str:
    """Format a moment in local time, with its year, because a proof of consent can be years old."""
    local = get_runtime().library.district.to_local_time(moment)
    return f"{full_day(local.date())}, {format_time(local, 'short', locale=page_language())}"
