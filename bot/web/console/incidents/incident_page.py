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
from bot.incidents.retention_policy import find_deletion_time
from bot.incidents.staff_texts import FRONT_OFFICE_ROLE, choose_language
from bot.incidents.web_commands import INCIDENT_ACTIONS, IncidentAction, run_action
from bot.store import audit_log
from bot.store.cases import cases, deliveries
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident
from bot.web.console.core.audit_page import audit_view
from bot.web.console.core.case_view import describe_delivery, get_staff_name
from bot.web.console.core.console_i18n import N_, _, format_short_moment, full_day, page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import LEAD_ROLES, RECORDS_OFFICER, STAFF, allow_roles, find_on_call_roles
from bot.web.console.incidents.start_page import INCIDENT_ENDING_LABELS, can_see_incident, get_protocol_status
from bot.web.core.current_runtime import get_runtime

ENDING_WORDS = frozenset({"over", "mistake"})
INCIDENT_ENTRY_LABELS = {
    "start": N_("began it"),
    "join": N_("joined"),
    "step": N_("went to a step"),
    "answer": N_("wrote"),
    "school": N_("named the school"),
    "end": N_("ended it"),
}


@console.get("/agents/<int:incident_id>", endpoint="incident")
@allow_roles(STAFF, RECORDS_OFFICER)
def incident(incident_id: int) -> str:
    """The record."""
    one = _get_incident(incident_id)
    with get_runtime().database.write() as db:  # who read it stands in the audit log
        audit_log.record(db, current_user.by, "read an incident", f"incident {one.id}", now())
    return render_template(
        "console/agents_record.html", **_build_page(one), **_build_own_step(one), **get_protocol_status()
    )


@console.get("/agents/<int:incident_id>/part")
@allow_roles(STAFF, RECORDS_OFFICER)
def incident_part(incident_id: int) -> ResponseReturnValue:
    """Only the lines, for the page that asks every few seconds; the whole page anew once it is over."""
    one = _get_incident(incident_id)
    if one.ended_at is not None:
        return "", 200, {"HX-Refresh": "true"}
    audit_view("read an incident", f"incident {one.id}")
    return render_template("console/agents_lines.html", **_build_page(one))


def _get_incident(incident_id: int) -> Incident:
    with get_runtime().database.read() as db:
        one = incidents.find(db, incident_id)
    if one is None or not can_see_incident(one):
        abort(404, _("There is no incident {number}.", number=incident_id))
    return one


def _build_page(incident_row: Incident) -> dict[str, Any]:
    runtime = get_runtime()
    schools = runtime.library.district.schools
    with runtime.database.read() as db:
        entries = incidents.list_entries(db, incident_row.id)
        people = incidents.list_participants(db, incident_row.id)
        case = cases.find(db, incident_row.case_id or 0)
        pages = deliveries.list_for_case(db, incident_row.case_id or 0)
    school = schools.get(incident_row.school or "")
    shown = {
        "one": incident_row,
        "entries": entries,
        "people": people,
        "case": case,
        "school": school,
        "kinds": INCIDENT_ENTRY_LABELS,
    }
    until = find_deletion_time(runtime.library.district.records, incident_row.drill, incident_row.ended_at)
    shown["kept_until"] = runtime.library.district.to_local_time(until).date() if until else None
    shown["pages"] = [page for page in pages if page.kind == "alert" and page.due_at >= incident_row.started_at]
    return shown | {
        "name": partial(get_staff_name, runtime),
        "time": format_short_moment,
        "full": _format_with_year,
        "arrived": describe_delivery,
        "endings": INCIDENT_ENDING_LABELS,
    }


def _format_with_year(at: datetime) -> str:
    """A record is read years later: its day has a year."""
    local = get_runtime().library.district.to_local_time(at)
    return f"{full_day(local.date())}, {dates.format_clock_time(local.time(), page_language())}"


def _build_own_step(incident_row: Incident) -> dict[str, Any]:
    """The step before whoever is logged in, and what they may do."""
    protocol, by = get_runtime().library.district.protocol, current_user.by
    with get_runtime().database.read() as db:
        person = incidents.find_participant(db, incident_row.id, by)
    number = person.step if person else 0
    language = person.language if person else choose_language(page_language(), protocol)
    may_act = current_user.role != RECORDS_OFFICER and incident_row.ended_at is None
    step = (
        protocol.steps[number - 1].get_in_language(language) if protocol and 0 < number <= len(protocol.steps) else None
    )
    may_say = may_act and can_end(incident_row, is_participant=person is not None)
    own = {"may_end": may_say, "step": step if incident_row.steps else None, "number": number, "language": language}
    return own | {"may_act": may_act, "once": secrets.token_hex(12)}


def can_end(incident_row: Incident, is_participant: bool) -> bool:
    """Who says that it is over, or that nobody came: who is in it or at the school, who was alerted, who leads.

    Somebody of another office who reads along could call off the alarm with one wrong click.
    """
    district = get_runtime().library.district
    person = district.staff.get(current_user.staff or "")
    here = person is not None and incident_row.school in person.schools
    alerted = FRONT_OFFICE_ROLE in find_on_call_roles(district, current_user.staff, incident_row.school)
    return is_participant or here or alerted or current_user.role in LEAD_ROLES


@console.post("/agents/<int:incident_id>/do")
@allow_roles(STAFF)
def do_in_incident(incident_id: int) -> ResponseReturnValue:
    """The next step, a line to keep, the end."""
    one, word = _get_incident(incident_id), request.form.get("word", "")
    if word not in INCIDENT_ACTIONS:
        abort(400, _("There is no such action."))
    if word in ENDING_WORDS and not can_end(one, _is_participant(one)):
        abort(403, _("Only participants, staff at the school, and people who got the alert can end the incident."))
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    language = choose_language(page_language(), get_runtime().library.district.protocol)
    pressed = IncidentAction(one.id, current_user.by, word, request.form.get("text", ""), language)
    if run_action(get_runtime(), pressed, cause) is None:
        flash(_("Nothing was saved because the incident ended or the note was empty."))
    return redirect(url_for("console.incident", incident_id=one.id))


def _is_participant(incident_row: Incident) -> bool:
    with get_runtime().database.read() as db:
        return incidents.find_participant(db, incident_row.id, current_user.by) is not None
