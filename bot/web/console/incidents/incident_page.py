"""Serve the page of one incident: the next step for this person, the record of entries, and the alerts."""

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
    """Show the incident. The audit log records who read it."""
    incident_row = _get_incident(incident_id)
    with get_runtime().database.write() as db:
        audit_log.record(db, current_user.by, "read an incident", f"incident {incident_row.id}", now())
    return render_template(
        "console/agents_record.html",
        **_build_page(incident_row),
        **_build_own_step(incident_row),
        **get_protocol_status(),
    )


@console.get("/agents/<int:incident_id>/part")
@allow_roles(STAFF, RECORDS_OFFICER)
def incident_part(incident_id: int) -> ResponseReturnValue:
    """Return only the entries, because the page polls every few seconds. After the end, reload the whole page."""
    incident_row = _get_incident(incident_id)
    if incident_row.ended_at is not None:
        return "", 200, {"HX-Refresh": "true"}
    audit_view("read an incident", f"incident {incident_row.id}")
    return render_template("console/agents_lines.html", **_build_page(incident_row))


def _get_incident(incident_id: int) -> Incident:
    with get_runtime().database.read() as db:
        incident_row = incidents.find(db, incident_id)
    if incident_row is None or not can_see_incident(incident_row):
        abort(404, _("There is no incident {number}.", number=incident_id))
    return incident_row


def _build_page(incident_row: Incident) -> dict[str, Any]:
    """Return the template values for the incident, its entries, and its alerts."""
    runtime = get_runtime()
    district = runtime.library.district
    with runtime.database.read() as db:
        entries = incidents.list_entries(db, incident_row.id)
        participants = incidents.list_participants(db, incident_row.id)
        case = cases.find(db, incident_row.case_id or 0)
        case_deliveries = deliveries.list_for_case(db, incident_row.case_id or 0)
    deletion_time = find_deletion_time(district.records, incident_row.drill, incident_row.ended_at)
    return {
        "one": incident_row,
        "entries": entries,
        "people": participants,
        "case": case,
        "school": district.schools.get(incident_row.school or ""),
        "kinds": INCIDENT_ENTRY_LABELS,
        "kept_until": district.to_local_time(deletion_time).date() if deletion_time else None,
        "pages": [
            delivery
            for delivery in case_deliveries
            if delivery.kind == "alert" and delivery.due_at >= incident_row.started_at
        ],
        "name": partial(get_staff_name, runtime),
        "time": format_short_moment,
        "full": _format_with_year,
        "arrived": describe_delivery,
        "endings": INCIDENT_ENDING_LABELS,
    }


def _format_with_year(moment: datetime) -> str:
    """Format a moment in local time, with its year, because staff read the record years later."""
    local = get_runtime().library.district.to_local_time(moment)
    return f"{full_day(local.date())}, {dates.format_clock_time(local.time(), page_language())}"


def _build_own_step(incident_row: Incident) -> dict[str, Any]:
    """Return the template values for the current step of this person, and what this person may do."""
    protocol, by = get_runtime().library.district.protocol, current_user.by
    with get_runtime().database.read() as db:
        participant = incidents.find_participant(db, incident_row.id, by)
    if participant:
        number, language = participant.step, participant.language
    else:
        number, language = 0, choose_language(page_language(), protocol)
    step = None
    if incident_row.steps and protocol and 0 < number <= len(protocol.steps):
        step = protocol.steps[number - 1].get_in_language(language)
    may_act = current_user.role != RECORDS_OFFICER and incident_row.ended_at is None
    return {
        "may_act": may_act,
        "may_end": may_act and can_end(incident_row, is_participant=participant is not None),
        "step": step,
        "number": number,
        "language": language,
        "once": secrets.token_hex(12),
    }


def can_end(incident_row: Incident, is_participant: bool) -> bool:
    """Say whether this person may end the incident or report a false alarm.

    Participants, staff at the school, staff who got the alert, and leads may. Otherwise, one wrong click of a reader
    in another office could cancel the alarm.
    """
    if is_participant or current_user.role in LEAD_ROLES:
        return True
    district = get_runtime().library.district
    person = district.staff.get(current_user.staff or "")
    if person is not None and incident_row.school in person.schools:
        return True
    return FRONT_OFFICE_ROLE in find_on_call_roles(district, current_user.staff, incident_row.school)


@console.post("/agents/<int:incident_id>/do")
@allow_roles(STAFF)
def do_in_incident(incident_id: int) -> ResponseReturnValue:
    """Show the next or previous step, save a note, or end the incident."""
    incident_row, action_name = _get_incident(incident_id), request.form.get("word", "")
    if action_name not in INCIDENT_ACTIONS:
        abort(400, _("There is no such action."))
    if action_name in ENDING_WORDS and not can_end(incident_row, _is_participant(incident_row)):
        abort(403, _("Only participants, staff at the school, and people who got the alert can end the incident."))
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    language = choose_language(page_language(), get_runtime().library.district.protocol)
    action = IncidentAction(incident_row.id, current_user.by, action_name, request.form.get("text", ""), language)
    if run_action(get_runtime(), action, cause) is None:
        flash(_("Nothing was saved because the incident ended or the note was empty."))
    return redirect(url_for("console.incident", incident_id=incident_row.id))


def _is_participant(incident_row: Incident) -> bool:
    with get_runtime().database.read() as db:
        return incidents.find_participant(db, incident_row.id, current_user.by) is not None
