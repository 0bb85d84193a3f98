"""Serve the page where the front office starts an incident or a drill.

The page lists the active incidents, shows who did a drill, and says whether the protocol is live.
"""

import secrets
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.content.incident_protocol import IncidentProtocol
from bot.incidents import drill_report, samples, staff_texts
from bot.incidents.staff_texts import choose_language
from bot.incidents.start import IncidentRequest, start_incident
from bot.store.cases import cases
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _, page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import (
    ACCOUNT_ROLES,
    RECORDS_OFFICER,
    SEE_ALL_ROLES,
    STAFF,
    allow_roles,
    find_on_call_roles,
)
from bot.web.core.current_runtime import get_runtime

MAX_ENDED_INCIDENTS = 30
INCIDENT_ENDING_LABELS = {
    "": N_("in progress"),
    "ended": N_("ended"),
    "idle": N_("ended automatically"),
    "mistake": N_("false alarm"),
    "real": N_("stopped for a real incident"),
}


@console.get("/agents", endpoint="agents")
@allow_roles(STAFF, RECORDS_OFFICER)
def agents() -> str:
    """Show the page that a front office opens first."""
    runtime, current_time = get_runtime(), now()
    district = runtime.library.district
    with runtime.database.read() as db:
        running = [incident for incident in incidents.list_running(db) if can_see_incident(incident)]
        newest_ended = incidents.list_ended(db, MAX_ENDED_INCIDENTS)
        groups = drill_report.list_by_school(runtime, db, current_time)
        assignee_names = {incident.id: _find_assignee_name(db, incident) for incident in running}
    return render_template(
        "console/agents.html",
        running=running,
        ended=[incident for incident in newest_ended if can_see_incident(incident)],
        groups=groups,
        taken=assignee_names,
        schools=_list_schools(),
        may_act=current_user.role != RECORDS_OFFICER,
        known=district.schools,
        endings=INCIDENT_ENDING_LABELS,
        records=district.records,
        name=partial(get_staff_name, runtime),
        **get_protocol_status(),
    )


def get_protocol_status() -> dict[str, Any]:
    """Return the template values that say whether the protocol is live, why not, and whom to call then."""
    district, current_time = get_runtime().library.district, now()
    protocol = district.protocol
    today = district.to_local_time(current_time).date()
    return {
        "protocol": protocol,
        "live": protocol is not None and protocol.is_live(today),
        "whom": staff_texts.format_leader_contacts(district, current_time),
        "why_not": _explain_not_live(protocol),
    }


def _explain_not_live(protocol: IncidentProtocol | None) -> str:
    if protocol is None:
        return _("The district file has no protocol.")
    if protocol.sample or protocol.review_by is None:
        return _("This protocol is a sample, not district policy. Legal counsel hasn't signed it.")
    return _("The review date has passed, or the signature starts later.")


def _list_schools() -> dict[str, str]:
    """Return ID -> name of the schools of this person, or of all schools if this person has none."""
    district = get_runtime().library.district
    school_ids = staff_texts.list_possible_schools(district, current_user.staff or "")
    return {school_id: district.schools[school_id].name for school_id in school_ids}


def _find_assignee_name(db: Transaction, incident: Incident) -> str:
    """Return the name of the assignee of the incident's case, or "" if there is none."""
    case = cases.find(db, incident.case_id or 0)
    if case is None or not case.claimed_by:
        return ""
    return get_staff_name(get_runtime(), case.claimed_by)


def can_see_incident(incident: Incident) -> bool:
    """Say whether this person may see the incident.

    Staff see incidents at their schools, incidents for which they are on call, and incidents that they started.
    """
    if current_user.role in SEE_ALL_ROLES or incident.started_by == current_user.by:
        return True
    district = get_runtime().library.district
    person = district.staff.get(current_user.staff or "")
    if person is not None and (not person.schools or incident.school is None or incident.school in person.schools):
        return True
    return staff_texts.FRONT_OFFICE_ROLE in find_on_call_roles(district, current_user.staff, incident.school)


@console.get("/agents/start")
@allow_roles(STAFF)
def ask_start() -> ResponseReturnValue:
    """Ask for confirmation: show what will happen, and the button that starts it."""
    district = get_runtime().library.district
    school = request.args.get("school", "")
    if school not in district.schools:
        return redirect(url_for("console.agents"))
    return render_template(
        "console/agents_start.html",
        school=school,
        name=district.schools[school].name,
        drill=request.args.get("drill") == "yes",
        people=staff_texts.format_alerted_names(district, school, now()),
        once=secrets.token_hex(12),
        **get_protocol_status(),
    )


@console.post("/agents/start")
@allow_roles(STAFF)
def begin_incident() -> ResponseReturnValue:
    """Start the incident or drill, page the staff on call, and show the first step."""
    runtime, school = get_runtime(), request.values.get("school", "")
    if school not in runtime.library.district.schools:
        abort(400, _("Choose a school from the list."))
    language = choose_language(page_language(), runtime.library.district.protocol)
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    is_drill = request.form.get("drill") == "yes"
    message = start_incident(runtime, IncidentRequest(current_user.by, is_drill, school, language), cause)
    with runtime.database.read() as db:
        entry = incidents.find_entry_by_cause(db, cause)
    if entry is None:
        flash(message)
        return redirect(url_for("console.agents"))
    return redirect(url_for("console.incident", incident_id=entry.incident_id))


@console.get("/agents/protocol")
@allow_roles(*ACCOUNT_ROLES)
def agents_protocol() -> str:
    """Show the protocol of the district, and sample protocols with their sources and dates."""
    return render_template("console/agents_protocol.html", **get_protocol_status(), samples=samples.load_samples())
