"""One incident: the step that this person is at, what was written when and by whom, who has taken it; to print too."""

import secrets
from datetime import datetime
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content import dates
from bot.incidents.retention_policy import kept_until
from bot.incidents.staff_texts import ROLE, language_for
from bot.incidents.web_commands import WORDS, Pressed, do
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident
from bot.web.console.core.audit_page import looked
from bot.web.console.core.case_view import how_far, name_of
from bot.web.console.core.console_i18n import N_, _, full_day, page_language, short_moment
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import LEADS, RECORDS, STAFF, allowed, roles_of
from bot.web.console.incidents.start_page import ENDINGS, may_see, standing
from bot.web.core.current_runtime import services

ENDS = frozenset({"over", "mistake"})
KINDS = {
    "start": N_("began it"),
    "join": N_("joined"),
    "step": N_("went to a step"),
    "answer": N_("wrote"),
    "school": N_("named the school"),
    "end": N_("ended it"),
}


@console.get("/agents/<int:incident_id>", endpoint="incident")
@allowed(STAFF, RECORDS)
def incident(incident_id: int) -> str:
    """The record."""
    one = _of_id(incident_id)
    with services().database.write() as db:  # who read it stands in the audit log
        audit_log.record(db, current_user.by, "read an incident", f"incident {one.id}", now())
    return render_template("console/agents_record.html", **_page(one), **_own(one), **standing())


@console.get("/agents/<int:incident_id>/part")
@allowed(STAFF, RECORDS)
def incident_part(incident_id: int) -> ResponseReturnValue:
    """Only the lines, for the page that asks every few seconds; the whole page anew once it is over."""
    one = _of_id(incident_id)
    if one.ended_at is not None:
        return "", 200, {"HX-Refresh": "true"}
    looked("read an incident", f"incident {one.id}")
    return render_template("console/agents_lines.html", **_page(one))


def _of_id(incident_id: int) -> Incident:
    with services().database.read() as db:
        one = incidents.find(db, incident_id)
    if one is None or not may_see(one):
        abort(404, _("There is no incident {number}.", number=incident_id))
    return one


def _page(one: Incident) -> dict[str, Any]:
    here = services()
    vault, schools = here.database.vault, here.library.district.schools
    with here.database.read() as db:
        entries = incidents.entries_of(db, vault, one.id)
        people = incidents.people_of(db, one.id)
        case = cases.find(db, vault, one.case_id or 0)
        pages = deliveries.of_case(db, vault, one.case_id or 0)
    school = schools.get(one.school or "")
    shown = {"one": one, "entries": entries, "people": people, "case": case, "school": school, "kinds": KINDS}
    until = kept_until(here.library.district.records, one.drill, one.ended_at)
    shown["kept_until"] = here.library.district.local(until).date() if until else None
    shown["pages"] = [page for page in pages if page.kind == "alert" and page.due_at >= one.started_at]
    return shown | {
        "name": partial(name_of, here),
        "time": short_moment,
        "full": _with_year,
        "arrived": how_far,
        "endings": ENDINGS,
    }


def _with_year(at: datetime) -> str:
    """A record is read years later: its day has a year."""
    local = services().library.district.local(at)
    return f"{full_day(local.date())}, {dates.clock(local.time(), page_language())}"


def _own(one: Incident) -> dict[str, Any]:
    """The step before whoever is logged in, and what they may do."""
    protocol, by = services().library.district.protocol, current_user.by
    with services().database.read() as db:
        person = incidents.person(db, one.id, by)
    number = person.step if person else 0
    language = person.language if person else language_for(page_language(), protocol)
    may_act = current_user.role != RECORDS and one.ended_at is None
    step = protocol.steps[number - 1].in_language(language) if protocol and 0 < number <= len(protocol.steps) else None
    may_say = may_act and may_end(one, inside=person is not None)
    own = {"may_end": may_say, "step": step if one.steps else None, "number": number, "language": language}
    return own | {"may_act": may_act, "once": secrets.token_hex(12)}


def may_end(one: Incident, inside: bool) -> bool:
    """Who says that it is over, or that nobody came: who is in it or at the school, who was alerted, who leads.

    Somebody of another office who reads along could call off the alarm with one wrong click.
    """
    district = services().library.district
    person = district.staff.get(current_user.staff or "")
    here = person is not None and one.school in person.schools
    alerted = ROLE in roles_of(district, current_user.staff, one.school)
    return inside or here or alerted or current_user.role in LEADS


@console.post("/agents/<int:incident_id>/do")
@allowed(STAFF)
def do_in_incident(incident_id: int) -> ResponseReturnValue:
    """The next step, a line to keep, the end."""
    one, word = _of_id(incident_id), request.form.get("word", "")
    if word not in WORDS:
        abort(400, _("There is no such action."))
    if word in ENDS and not may_end(one, _inside(one)):
        abort(403, _("Only who is in it, at the school or alerted says that it is over."))
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    language = language_for(page_language(), services().library.district.protocol)
    pressed = Pressed(one.id, current_user.by, word, request.form.get("text", ""), language)
    if do(services(), pressed, cause) is None:
        flash(_("Nothing was written down: it is over already, or the line was empty."))
    return redirect(url_for("console.incident", incident_id=one.id))


def _inside(one: Incident) -> bool:
    with services().database.read() as db:
        return incidents.person(db, one.id, current_user.by) is not None
