"""Serve the page where a records officer sees, copies, or erases the data of one family.

The audit log records each lookup, copy, and erasure. The number appears in no URL and in no log.
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
"""Tables without readable text. Only the JSON copy contains them."""
TODAY_SECTION = "conversation_of_today"
ERASE_CONFIRMATION = "ERASE"
"""The text that the records officer must type, so that one click can't erase a family."""


@dataclass(frozen=True)
class FamilyLookup:
    """The contact and the family of a number. A community leader without messages has no contact."""

    contact: Contact | None
    family_id: int | None

    @property
    def audit_subject(self) -> str:
        """Return the subject of an audit log entry."""
        if self.family_id is None:
            return "family"
        return f"family {self.family_id}"


@console.get("/family", endpoint="family")
@allow_roles(RECORDS_OFFICER)
def family_page() -> str:
    """Show the search form. The page lists no families."""
    return render_template("console/family.html", held=None, problem="")


@console.post("/family")
@allow_roles(RECORDS_OFFICER)
def look_up_family() -> ResponseReturnValue:
    """Show how much data the database holds about a number, with the forms to copy or erase it."""
    runtime, number = get_runtime(), _read_number()
    lookup = _look_up(runtime, number)
    if lookup is None:
        return _render_not_found(number)
    with runtime.database.write() as db:
        audit_log.record(db, current_user.by, "looked up a family", lookup.audit_subject, now())
    return _render_summary(number, _summarize_data(runtime, lookup))


@console.post("/family/copy")
@allow_roles(RECORDS_OFFICER)
def copy_of_family() -> ResponseReturnValue:
    """Return everything that the database holds about a family, decrypted, as JSON or as readable text."""
    runtime, number = get_runtime(), _read_number()
    lookup = _look_up(runtime, number)
    if lookup is None or lookup.family_id is None:
        return _render_not_found(number)
    current_time, kind = now(), "json" if request.form.get("as") == "json" else "txt"
    with runtime.database.write() as db:
        records = subject_access_export.export_family(db, lookup.family_id)
        records |= _export_conversation_today(runtime, contacts.list_address_hashes(db, lookup.family_id))
        audit_log.record(
            db, current_user.by, "took a copy of a family's data", lookup.audit_subject, current_time, kind
        )
    export = {"district": runtime.library.district.name, "made_at": current_time.isoformat(), "records": records}
    if kind == "json":
        body, mime_type = json.dumps(export, ensure_ascii=False, indent=1), "application/json"
    else:
        body, mime_type = format_readable_copy(export), "text/plain"
    disposition = f"attachment; filename=records-{current_time:%Y-%m-%d}.{kind}"
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store"}
    return Response(body, mimetype=mime_type, headers=headers)


@console.post("/family/erase")
@allow_roles(RECORDS_OFFICER)
def erase_family() -> ResponseReturnValue:
    """Ask for confirmation, and show what will be erased. After the officer types the text, erase the family."""
    runtime, number = get_runtime(), _read_number()
    lookup = _look_up(runtime, number)
    if lookup is None:
        return _render_not_found(number)
    if request.form.get("word", "").strip().upper() != ERASE_CONFIRMATION:
        return _render_summary(number, _summarize_data(runtime, lookup), is_confirming=True)
    address = number
    if lookup.contact:
        address = lookup.contact.address
    try:
        erasure.erase_by_address(runtime, address, current_user.by)
    except RedisError:
        problem = _("Nothing was erased because Redis isn't available. Try again in a few minutes.")
        return render_template("console/family.html", held=None, problem=problem), 503
    return render_template("console/family.html", held=None, problem="", done=True)


def _read_number() -> str:
    return normalize_phone_number(request.form.get("number", "")[:MAX_PHONE_INPUT_LENGTH])


def _export_conversation_today(runtime: Runtime, address_hashes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the conversation of the last 24 hours. Only Redis has it."""
    try:
        conversations = [runtime.conversations.find(address_hash) for address_hash in address_hashes]
    except RedisError:
        problem = "Redis isn't available. To get today's conversation, make the copy again later."
        return {TODAY_SECTION: [{"missing": problem}]}
    turns = [
        {"who": speaker, "text": text}
        for conversation in conversations
        if conversation
        for speaker, text in conversation.turns
    ]
    if not turns:
        return {}
    return {TODAY_SECTION: turns}


def format_readable_copy(export: dict[str, Any]) -> str:
    """Return the export as text for people, with a heading for each table and a line for each value."""
    lines = [f"{export['district']}", f"Copy of the data about one family, made at {export['made_at']}", ""]
    for table, rows in export["records"].items():
        if table in HASH_ONLY_TABLES:
            continue
        lines += [table.replace("_", " ").upper(), ""]
        for row in rows:
            for name, value in row.items():
                text = "(a sound file, only in the JSON copy)" if name == "audio" else value
                lines.append(f"  {name.replace('_', ' ')}: {text}")
            lines.append("")
    return "\n".join(lines)


def _look_up(runtime: Runtime, number: str) -> FamilyLookup | None:
    with runtime.database.read() as db:
        candidates = (contacts.find(db, address) for address in (number, f"whatsapp:{number}", f"voice:{number}"))
        contact = next((candidate for candidate in candidates if candidate), None)
        if contact:
            return FamilyLookup(contact, contact.family_id)
        family_id = families.find(db, number)
    if family_id is None:
        return None
    return FamilyLookup(None, family_id)


def _summarize_data(runtime: Runtime, lookup: FamilyLookup) -> DataSummary:
    if lookup.contact is None:
        return DataSummary()
    with runtime.database.read() as db:
        return data_summary.summary_for_contact(db, lookup.contact.id)


def _render_not_found(number: str) -> ResponseReturnValue:
    if number:
        return render_template("console/family.html", held=None, problem=_("No data is stored for this number.")), 404
    problem = _("This isn't a phone number. Enter it with its area code, for example 217-555-0123.")
    return render_template("console/family.html", held=None, problem=problem), 422


def _render_summary(number: str, summary: DataSummary, is_confirming: bool = False) -> str:
    return render_template(
        "console/family.html", held=summary, number=number, problem="", asked=is_confirming, word=ERASE_CONFIRMATION
    )
