"""Who needs a person, one case."""

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import NoResultFound

from bot.content.languages import english_name
from bot.store import cases, contacts, corrections, deliveries
from bot.store.db import now
from bot.understanding import SEVERITY
from bot.web.console.access import RECORDS, ROLES, STAFF, allowed
from bot.web.here import services

SHOWN = 100

console = Blueprint("console", __name__, url_prefix="/console", template_folder="templates", static_folder="static")


@console.get("/")
@allowed(*ROLES)
def inbox() -> ResponseReturnValue:
    """Who needs a person: what nobody has handled first."""
    here = services()
    with here.database.read() as db:
        found = cases.newest(db, here.database.vault, SHOWN)
    return render_template("console/inbox.html", cases=found, title=title, language=english_name)


@console.get("/cases/<int:case_id>")
@allowed(STAFF, RECORDS)
def case(case_id: int) -> ResponseReturnValue:
    """One case: what the family told, how to call back, who was alerted."""
    here = services()
    with here.database.read() as db:
        try:
            found = cases.get(db, here.database.vault, case_id)
        except NoResultFound:
            abort(404, f"There is no case {case_id}.")
        contact = contacts.get(db, here.database.vault, found.contact_id)
        alerts = deliveries.of_case(db, here.database.vault, case_id)
        notes = contacts.notes_of(db, contact.id)
        corrected = corrections.of_case(db, here.database.vault, case_id)
    staff = {person: member.name for person, member in here.library.district.staff.items()}
    page = {"case": found, "contact": contact, "alerts": alerts, "notes": notes, "staff": staff}
    page |= {"corrected": corrected, "topics": sorted(SEVERITY, key=title)}
    return render_template("console/case.html", **page, title=title, language=english_name)


@console.post("/cases/<int:case_id>/done")
@allowed(STAFF)
def done(case_id: int) -> ResponseReturnValue:
    """Mark a case as handled."""
    with services().database.write() as db:
        cases.set_handled(db, case_id, current_user.name, now())
    return redirect(url_for("console.case", case_id=case_id))


def title(topic: str) -> str:
    """A topic in the words of its flow's title."""
    flows = services().library.flows
    name = flows.for_intent(topic) or topic
    return flows.flows[name].title if name in flows.flows else topic
