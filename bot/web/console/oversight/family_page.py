"""One family's data, for the records officer: what is held, a copy for a records request, and erasing it for good.

The number stands in no address and no log; that somebody looked, took a copy or erased does.
"""

import json
from dataclasses import dataclass
from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from redis import RedisError

from bot.base.database import now
from bot.messaging import erasure
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.families import contacts, families
from bot.store.families.contacts import Contact
from bot.store.lifecycle import data_summary, subject_access_export
from bot.store.lifecycle.data_summary import DataSummary
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS_OFFICER, allow_roles
from bot.web.console.oversight.consent_page import MAX_PHONE_INPUT_LENGTH, normalize_phone_number
from bot.web.core.current_runtime import get_runtime

HASH_ONLY_TABLES = frozenset({"sent_texts"})
"""Nothing that a person could read; the JSON copy has it."""
TODAY_SECTION = "conversation_of_today"
ERASE_CONFIRMATION = "ERASE"
"""What must be typed: nobody erases by a click."""


@dataclass(frozen=True)
class FamilyLookup:
    """Whose number it is.  A community leader who was never written to has no contact, and a line in the register."""

    contact: Contact | None
    family_id: int | None

    @property
    def audit_subject(self) -> str:
        """How the audit log names it."""
        return f"family {self.family_id}" if self.family_id is not None else "family"


@console.get("/family", endpoint="family")
@allow_roles(RECORDS_OFFICER)
def family_page() -> str:
    """The form; nobody is listed by themselves."""
    return render_template("console/family.html", held=None, problem="")


@console.post("/family")
@allow_roles(RECORDS_OFFICER)
def look_up_family() -> ResponseReturnValue:
    """How much is held of a number, and what can be done with it."""
    here, number = get_runtime(), normalize_phone_number(request.form.get("number", "")[:MAX_PHONE_INPUT_LENGTH])
    known = _look_up(here, number)
    if known is None:
        return _render_not_found(number)
    with here.database.write() as db:
        audit_log.record(db, current_user.by, "looked up a family", known.audit_subject, now())
    return _render_summary(number, _summarize_data(here, known))


@console.post("/family/copy")
@allow_roles(RECORDS_OFFICER)
def copy_of_family() -> ResponseReturnValue:
    """Everything that is held, opened: as JSON for a machine, as text for people."""
    here, number = get_runtime(), normalize_phone_number(request.form.get("number", "")[:MAX_PHONE_INPUT_LENGTH])
    known = _look_up(here, number)
    if known is None or known.family_id is None:
        return _render_not_found(number)
    at, kind = now(), "json" if request.form.get("as") == "json" else "txt"
    with here.database.write() as db:
        found = subject_access_export.export_family(db, known.family_id)
        found |= _export_conversation_today(here, contacts.list_address_hashes(db, known.family_id))
        audit_log.record(db, current_user.by, "took a copy of a family's data", known.audit_subject, at, kind)
    whole = {"district": here.library.district.name, "made_at": at.isoformat(), "records": found}
    body = json.dumps(whole, ensure_ascii=False, indent=1) if kind == "json" else format_readable_copy(whole)
    name = f"records-{at:%Y-%m-%d}.{kind}"
    mime = "application/json" if kind == "json" else "text/plain"
    return Response(
        body,
        mimetype=mime,
        headers={"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"},
    )


@console.post("/family/erase")
@allow_roles(RECORDS_OFFICER)
def erase_family() -> ResponseReturnValue:
    """First the question, with what would be gone; then, once the word is typed, it is done."""
    here, number = get_runtime(), normalize_phone_number(request.form.get("number", "")[:MAX_PHONE_INPUT_LENGTH])
    known = _look_up(here, number)
    if known is None:
        return _render_not_found(number)
    if request.form.get("word", "").strip().upper() != ERASE_CONFIRMATION:
        return _render_summary(number, _summarize_data(here, known), is_confirming=True)
    try:
        erasure.erase_by_address(here, known.contact.address if known.contact else number, current_user.by)
    except RedisError:
        problem = _("Nothing was erased because Redis isn't available. Try again in a few minutes.")
        return render_template("console/family.html", held=None, problem=problem), 503
    return render_template("console/family.html", held=None, problem="", done=True)


def _export_conversation_today(runtime: Runtime, indexes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The conversation of the last 24 hours, which is not in the database."""
    try:
        talks = [talk for index in indexes if (talk := runtime.conversations.find(index))]
    except RedisError:
        return {TODAY_SECTION: [{"missing": "Redis is away: take the copy again for the conversation of today"}]}
    said = [{"who": who, "text": text} for talk in talks for who, text in talk.turns]
    return {TODAY_SECTION: said} if said else {}


def format_readable_copy(export: dict[str, Any]) -> str:
    """The same for people: a heading for each kind of record, a line for each value."""
    lines = [f"{export['district']}", f"Copy of what is held about one family, made at {export['made_at']}", ""]
    for table, rows in export["records"].items():
        if table in HASH_ONLY_TABLES:
            continue
        lines += [table.replace("_", " ").upper(), ""]
        for row in rows:
            lines += [f"  {name.replace('_', ' ')}: {_shorten_value(name, value)}" for name, value in row.items()] + [
                ""
            ]
    return "\n".join(lines)


def _shorten_value(name: str, value: object) -> object:
    return "(a sound; it is in the JSON copy)" if name == "audio" else value


def _look_up(runtime: Runtime, number: str) -> FamilyLookup | None:
    with runtime.database.read() as db:
        found = (contacts.find(db, address) for address in (number, f"whatsapp:{number}", f"voice:{number}"))
        contact = next((one for one in found if one), None)
        family = contact.family_id if contact else families.find(db, number)
    return None if contact is None and family is None else FamilyLookup(contact, family)


def _summarize_data(runtime: Runtime, known: FamilyLookup) -> DataSummary:
    if known.contact is None:
        return DataSummary()
    with runtime.database.read() as db:
        return data_summary.summary_for_contact(db, known.contact.id)


def _render_not_found(number: str) -> ResponseReturnValue:
    if number:
        return render_template("console/family.html", held=None, problem=_("No data is stored for this number.")), 404
    problem = _("This isn't a phone number. Enter it with its area code, for example 217-555-0123.")
    return render_template("console/family.html", held=None, problem=problem), 422


def _render_summary(number: str, summary: DataSummary, is_confirming: bool = False) -> str:
    return render_template(
        "console/family.html", held=summary, number=number, problem="", asked=is_confirming, word=ERASE_CONFIRMATION
    )
