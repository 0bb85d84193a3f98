"""Agents at school: one tap for each school, what is running, who has drilled; whether the protocol is live."""

import secrets
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
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
    """The page that a front office opens first."""
    here, at = get_runtime(), now()
    with here.database.read() as db:
        running = [one for one in incidents.list_running(db) if can_see_incident(one)]
        ended = [one for one in incidents.list_ended(db, MAX_ENDED_INCIDENTS) if can_see_incident(one)]
        groups = drill_report.list_by_school(here, db, at)
        taken = {one.id: _find_assignee_name(db, one) for one in running}
    page = {"running": running, "ended": ended, "groups": groups, "taken": taken, "schools": _list_schools()}
    page |= {
        "may_act": current_user.role != RECORDS_OFFICER,
        "known": here.library.district.schools,
        "endings": INCIDENT_ENDING_LABELS,
    }
    page["records"] = here.library.district.records
    return render_template(
        "console/agents.html", **page, **get_protocol_status(), name=lambda who: get_staff_name(here, who)
    )


def get_protocol_status() -> dict[str, Any]:
    """Whether the protocol is live, why not, and whom a front office calls then."""
    district, at = get_runtime().library.district, now()
    protocol = district.protocol
    live = bool(protocol and protocol.is_live(district.to_local_time(at).date()))
    return {
        "protocol": protocol,
        "live": live,
        "whom": staff_texts.format_leader_contacts(district, at),
        "why_not": _explain_not_live(protocol),
    }


def _explain_not_live(protocol: IncidentProtocol | None) -> str:
    if protocol is None:
        return _("The district file has no protocol.")
    if protocol.sample or protocol.review_by is None:
        return _("This protocol is a sample, not district policy. Legal counsel hasn't signed it.")
    return _("The review date has passed, or the signature starts later.")


def _list_schools() -> dict[str, str]:
    """The schools where this person may be, the own ones first."""
    district = get_runtime().library.district
    own = staff_texts.list_possible_schools(district, current_user.staff or "")
    return {one: district.schools[one].name for one in own}


def _find_assignee_name(db: Any, incident: Incident) -> str:
    case = cases.find(db, incident.case_id or 0)
    return get_staff_name(get_runtime(), case.claimed_by) if case and case.claimed_by else ""


def can_see_incident(incident: Incident) -> bool:
    """Staff see what happens at their schools, what their chain is paged for, and what they began."""
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
    """The confirming step: what will happen, and the one button that does it."""
    district = get_runtime().library.district
    school, drill = request.args.get("school", ""), request.args.get("drill") == "yes"
    if school not in district.schools:
        return redirect(url_for("console.agents"))
    shown = {"school": school, "name": district.schools[school].name, "drill": drill}
    shown |= {"people": staff_texts.format_alerted_names(district, school, now()), "once": secrets.token_hex(12)}
    return render_template("console/agents_start.html", **shown, **get_protocol_status())


@console.post("/agents/start")
@allow_roles(STAFF)
def begin_incident() -> ResponseReturnValue:
    """Begin it, page the chain, and show the first step."""
    school, drill, here = _read_school(), request.form.get("drill") == "yes", get_runtime()
    language = choose_language(page_language(), here.library.district.protocol)
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    said = start_incident(here, IncidentRequest(current_user.by, drill, school, language), cause)
    with here.database.read() as db:
        entry = incidents.find_entry_by_cause(db, cause)
    if entry is None:
        flash(said)
        return redirect(url_for("console.agents"))
    return redirect(url_for("console.incident", incident_id=entry.incident_id))


def _read_school() -> str:
    school = request.values.get("school", "")
    if school not in get_runtime().library.district.schools:
        abort(400, _("Choose a school from the list."))
    return school


@console.get("/agents/protocol")
@allow_roles(*ACCOUNT_ROLES)
def agents_protocol() -> str:
    """The district's protocol as it stands, and the samples to begin from, with sources and dates."""
    return render_template("console/agents_protocol.html", **get_protocol_status(), samples=samples.load_samples())
