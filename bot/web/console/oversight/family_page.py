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
from bot.runtime import Services
from bot.store import audit_log
from bot.store.families import contacts, families
from bot.store.families.contacts import Contact
from bot.store.lifecycle import data_summary, subject_access_export
from bot.store.lifecycle.data_summary import Held
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS, allowed
from bot.web.console.oversight.consent_page import LONGEST, number_of
from bot.web.core.current_runtime import services

ONLY_HASHES = frozenset({"told"})
"""Nothing that a person could read; the JSON copy has it."""
TODAY = "conversation_of_today"
ERASE = "ERASE"
"""What must be typed: nobody erases by a click."""


@dataclass(frozen=True)
class Known:
    """Whose number it is.  A community leader who was never written to has no contact, and a line in the register."""

    contact: Contact | None
    family: int | None

    @property
    def subject(self) -> str:
        """How the audit log names it."""
        return f"family {self.family}" if self.family is not None else "family"


@console.get("/family", endpoint="family")
@allowed(RECORDS)
def family_page() -> str:
    """The form; nobody is listed by themselves."""
    return render_template("console/family.html", held=None, problem="")


@console.post("/family")
@allowed(RECORDS)
def look_up_family() -> ResponseReturnValue:
    """How much is held of a number, and what can be done with it."""
    here, number = services(), number_of(request.form.get("number", "")[:LONGEST])
    known = _known(here, number)
    if known is None:
        return _nobody(number)
    with here.database.write() as db:
        audit_log.record(db, current_user.by, "looked up a family", known.subject, now())
    return _page(number, _held(here, known))


@console.post("/family/copy")
@allowed(RECORDS)
def copy_of_family() -> ResponseReturnValue:
    """Everything that is held, opened: as JSON for a machine, as text for people."""
    here, number = services(), number_of(request.form.get("number", "")[:LONGEST])
    known = _known(here, number)
    if known is None or known.family is None:
        return _nobody(number)
    at, kind = now(), "json" if request.form.get("as") == "json" else "txt"
    with here.database.write() as db:
        found = subject_access_export.everything(db, here.database.vault, known.family)
        found |= _of_today(here, contacts.indexes_of(db, known.family))
        audit_log.record(db, current_user.by, "took a copy of a family's data", known.subject, at, kind)
    whole = {"district": here.library.district.name, "made_at": at.isoformat(), "records": found}
    body = json.dumps(whole, ensure_ascii=False, indent=1) if kind == "json" else readable(whole)
    name = f"records-{at:%Y-%m-%d}.{kind}"
    mime = "application/json" if kind == "json" else "text/plain"
    return Response(
        body,
        mimetype=mime,
        headers={"Content-Disposition": f"attachment; filename={name}", "Cache-Control": "no-store"},
    )


@console.post("/family/erase")
@allowed(RECORDS)
def erase_family() -> ResponseReturnValue:
    """First the question, with what would be gone; then, once the word is typed, it is done."""
    here, number = services(), number_of(request.form.get("number", "")[:LONGEST])
    known = _known(here, number)
    if known is None:
        return _nobody(number)
    if request.form.get("word", "").strip().upper() != ERASE:
        return _page(number, _held(here, known), asked=True)
    try:
        erasure.erase(here, known.contact.address if known.contact else number, current_user.by)
    except RedisError:
        problem = _("Nothing was erased: Redis is away. Please try again in a few minutes.")
        return render_template("console/family.html", held=None, problem=problem), 503
    return render_template("console/family.html", held=None, problem="", done=True)


def _of_today(here: Services, indexes: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The conversation of the last 24 hours, which is not in the database."""
    try:
        talks = [talk for index in indexes if (talk := here.conversations.kept(index))]
    except RedisError:
        return {TODAY: [{"missing": "Redis is away: take the copy again for the conversation of today"}]}
    said = [{"who": who, "text": text} for talk in talks for who, text in talk.turns]
    return {TODAY: said} if said else {}


def readable(whole: dict[str, Any]) -> str:
    """The same for people: a heading for each kind of record, a line for each value."""
    lines = [f"{whole['district']}", f"Copy of what is held about one family, made at {whole['made_at']}", ""]
    for table, rows in whole["records"].items():
        if table in ONLY_HASHES:
            continue
        lines += [table.replace("_", " ").upper(), ""]
        for row in rows:
            lines += [f"  {name.replace('_', ' ')}: {_short(name, value)}" for name, value in row.items()] + [""]
    return "\n".join(lines)


def _short(name: str, value: object) -> object:
    return "(a sound; it is in the JSON copy)" if name == "audio" else value


def _known(here: Services, number: str) -> Known | None:
    vault = here.database.vault
    with here.database.read() as db:
        found = (contacts.find(db, vault, address) for address in (number, f"whatsapp:{number}", f"voice:{number}"))
        contact = next((one for one in found if one), None)
        family = contact.family_id if contact else families.find(db, vault, number)
    return None if contact is None and family is None else Known(contact, family)


def _held(here: Services, known: Known) -> Held:
    if known.contact is None:
        return Held()
    with here.database.read() as db:
        return data_summary.of_contact(db, known.contact.id)


def _nobody(number: str) -> ResponseReturnValue:
    if number:
        return render_template("console/family.html", held=None, problem=_("Nothing is kept of this number.")), 404
    problem = _("This is not a phone number. Write it with its area code, for example 217-555-0123.")
    return render_template("console/family.html", held=None, problem=problem), 422


def _page(number: str, found: Held, asked: bool = False) -> str:
    return render_template("console/family.html", held=found, number=number, problem="", asked=asked, word=ERASE)
