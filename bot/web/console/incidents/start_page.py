"""Agents at school: one tap for each school, what is running, who has drilled; whether the protocol is live."""

import secrets
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content.incident_protocol import Protocol
from bot.incidents import drill_report, samples, staff_texts
from bot.incidents.staff_texts import language_for
from bot.incidents.start import Wish, start
from bot.store.cases import cases
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _, page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS, ROLES, SEE_ALL, STAFF, allowed, roles_of
from bot.web.core.current_runtime import services

ENDED_SHOWN = 30
ENDINGS = {
    "": N_("running"),
    "ended": N_("over"),
    "idle": N_("ended by itself"),
    "mistake": N_("a mistake"),
    "real": N_("cut short: it got real"),
}


@console.get("/agents", endpoint="agents")
@allowed(STAFF, RECORDS)
def agents() -> str:
    """The page that a front office opens first."""
    here, at = services(), now()
    with here.database.read() as db:
        running = [one for one in incidents.running(db) if may_see(one)]
        ended = [one for one in incidents.ended(db, ENDED_SHOWN) if may_see(one)]
        groups = drill_report.per_school(here, db, at)
        taken = {one.id: _taken(db, one) for one in running}
    page = {"running": running, "ended": ended, "groups": groups, "taken": taken, "schools": _schools()}
    page |= {"may_act": current_user.role != RECORDS, "known": here.library.district.schools, "endings": ENDINGS}
    page["records"] = here.library.district.records
    return render_template("console/agents.html", **page, **standing(), name=lambda who: name_of(here, who))


def standing() -> dict[str, Any]:
    """Whether the protocol is live, why not, and whom a front office calls then."""
    district, at = services().library.district, now()
    protocol = district.protocol
    live = bool(protocol and protocol.live(district.local(at).date()))
    return {
        "protocol": protocol,
        "live": live,
        "whom": staff_texts.whom_to_call(district, at),
        "why_not": _why_not(protocol),
    }


def _why_not(protocol: Protocol | None) -> str:
    if protocol is None:
        return _("There is no protocol in the district file.")
    if protocol.sample or protocol.review_by is None:
        return _("It is a sample, not policy: counsel has not signed it.")
    return _("Its review date is past, or its signature begins later.")


def _schools() -> dict[str, str]:
    """The schools where this person may be, the own ones first."""
    district = services().library.district
    own = staff_texts.choices(district, current_user.staff or "")
    return {one: district.schools[one].name for one in own}


def _taken(db: Any, one: Incident) -> str:
    case = cases.find(db, services().database.vault, one.case_id or 0)
    return name_of(services(), case.claimed_by) if case and case.claimed_by else ""


def may_see(one: Incident) -> bool:
    """Staff see what happens at their schools, what their chain is paged for, and what they began."""
    if current_user.role in SEE_ALL or one.started_by == current_user.by:
        return True
    district = services().library.district
    person = district.staff.get(current_user.staff or "")
    if person is not None and (not person.schools or one.school is None or one.school in person.schools):
        return True
    return staff_texts.ROLE in roles_of(district, current_user.staff, one.school)


@console.get("/agents/start")
@allowed(STAFF)
def ask_start() -> ResponseReturnValue:
    """The confirming step: what will happen, and the one button that does it."""
    district = services().library.district
    school, drill = request.args.get("school", ""), request.args.get("drill") == "yes"
    if school not in district.schools:
        return redirect(url_for("console.agents"))
    shown = {"school": school, "name": district.schools[school].name, "drill": drill}
    shown |= {"people": staff_texts.alerted(district, school, now()), "once": secrets.token_hex(12)}
    return render_template("console/agents_start.html", **shown, **standing())


@console.post("/agents/start")
@allowed(STAFF)
def begin_incident() -> ResponseReturnValue:
    """Begin it, page the chain, and show the first step."""
    school, drill, here = _place(), request.form.get("drill") == "yes", services()
    language = language_for(page_language(), here.library.district.protocol)
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    said = start(here, Wish(current_user.by, drill, school, language), cause)
    with here.database.read() as db:
        entry = incidents.written(db, here.database.vault, cause)
    if entry is None:
        flash(said)
        return redirect(url_for("console.agents"))
    return redirect(url_for("console.incident", incident_id=entry.incident_id))


def _place() -> str:
    school = request.values.get("school", "")
    if school not in services().library.district.schools:
        abort(400, _("Choose a school of the list."))
    return school


@console.get("/agents/protocol")
@allowed(*ROLES)
def agents_protocol() -> str:
    """The district's protocol as it stands, and the samples to begin from, with sources and dates."""
    return render_template("console/agents_protocol.html", **standing(), samples=samples.every())
