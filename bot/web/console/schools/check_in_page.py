"""Check-in texts for a list of numbers, and verified events, after which none leave for some days."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import launch
from bot.attendance import check_ins
from bot.attendance.check_ins import MAX_LISTED_NUMBERS, SchoolOnHoldError, TooManyNumbersError
from bot.base.database import now
from bot.incidents.staff_texts import list_possible_schools
from bot.messaging import suppression_rules
from bot.store.schools import verified_events
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _, full_day
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import LEAD_ROLES, STAFF, allow_roles, find_on_call_roles
from bot.web.core.current_runtime import get_runtime

EVENT_VERIFIER_ROLES = frozenset({"safety_lead", "principal"})
"""Whose word it is that something happened at a school (`on_call` roles); leads may too."""
EVENT_LIST_PERIOD, MAX_EVENT_AGE = timedelta(days=60), timedelta(days=14)
CHECK_IN_OUTCOME_LABELS = {
    "asked": N_("Text sent, or scheduled for the morning"),
    "today": N_("Already got a check-in text today"),
    "unknown": N_("Unknown number. Call instead"),
    "stopped": N_("Opted out (STOP). Call instead"),
    "no consent": N_("No consent. Call instead"),
    "held": N_("The family's school is paused after a verified event"),
    "bad number": N_("The number can't get texts. Ask for the right one"),
    "unreadable": N_("Lines without a phone number"),
}


@console.get("/check-ins", endpoint="check_ins")
@allow_roles(STAFF)
def check_ins_page() -> str:
    """The form for a list, and the events of the last weeks."""
    return _render_page()


def _render_page(counts: Mapping[str, int] | None = None) -> str:
    here, at = get_runtime(), now()
    district = here.library.district
    with here.database.read() as db:
        events = verified_events.list_since(db, district.to_local_time(at).date() - EVENT_LIST_PERIOD)
    again = {one.id: suppression_rules.find_hold_end(district, one.day) for one in events}
    page: dict[str, Any] = {
        "schools": district.schools,
        "own": _list_own_schools(),
        "counts": counts,
        "most": MAX_LISTED_NUMBERS,
    }
    page["held"] = suppression_rules.find_held_school_names(here, at)
    page |= {
        "outcomes": CHECK_IN_OUTCOME_LABELS,
        "events": events,
        "again": again,
        "may_verify": {one: school.name for one, school in district.schools.items() if _can_verify(one)},
    }
    page |= {"today": district.to_local_time(at).date(), "name": lambda who: get_staff_name(here, who)}
    return render_template("console/check_ins.html", **page)


@console.post("/check-ins")
@allow_roles(STAFF)
def send_check_ins() -> ResponseReturnValue:
    """Ask the families of these numbers; the answer is counts, and the list is gone."""
    school, here = _read_school(), get_runtime()
    if school not in _list_own_schools():
        abort(403, _("You work at another school. The office of this school must send the texts."))
    file = request.files.get("file")
    pasted = file.read().decode("utf-8", "replace") if file and file.filename else request.form.get("phones", "")
    try:
        counts = check_ins.plan_texts(here, school, check_ins.parse_list(pasted), current_user.by)
    except TooManyNumbersError:
        flash(_("A list can have up to {count} numbers. Send it in parts.", count=MAX_LISTED_NUMBERS))
    except SchoolOnHoldError as refused:
        flash(
            _(
                "Check-in texts are paused after a verified event. They resume on {day}.",
                day=full_day(refused.allowed_from),
            )
        )
    else:
        return _render_page(counts)
    return redirect(url_for("console.check_ins"))


@console.post("/verified-events")
@allow_roles(STAFF)
def verify_event() -> ResponseReturnValue:
    """Something happened at a school on a day: from now on no text about truancy leaves for its families."""
    school, here, at = _read_school(), get_runtime(), now()
    today = here.library.district.to_local_time(at).date()
    try:
        day = date.fromisoformat(request.form.get("day", ""))
    except ValueError:
        abort(400, _("Choose the day of the event."))
    if not today - MAX_EVENT_AGE <= day <= today:
        abort(400, _("Choose a day in the last two weeks."))
    if not _can_verify(school):
        abort(403, _("Only the safety lead or a principal can verify an event."))
    with here.database.write() as db:
        new = verified_events.add(db, school, day, current_user.by, at)
    flash(_("Event verified. Truancy texts are paused.") if new else _("This event was already verified."))
    launch.pause_held_announcements(here, current_user.by)
    return redirect(url_for("console.check_ins"))


@console.post("/verified-events/<int:event_id>/withdraw")
@allow_roles(STAFF)
def withdraw_event(event_id: int) -> ResponseReturnValue:
    """It was a mistake."""
    here, at = get_runtime(), now()
    with here.database.write() as db:
        events = verified_events.list_since(db, here.library.district.to_local_time(at).date() - EVENT_LIST_PERIOD)
        found = next((one for one in events if one.id == event_id), None)
        if found is None:
            abort(404, _("This event doesn't exist."))
        if not _can_verify(found.school):
            abort(403, _("Only the safety lead or a principal can verify an event."))
        verified_events.withdraw(db, event_id, current_user.by, at)
    return redirect(url_for("console.check_ins"))


def _read_school() -> str:
    school = request.form.get("school", "")
    return school if school in get_runtime().library.district.schools else abort(400, _("Choose a school."))


def _list_own_schools() -> Mapping[str, str]:
    """The schools for whose families this person sends check-in texts: the own ones, else all."""
    district = get_runtime().library.district
    return {one: district.schools[one].name for one in list_possible_schools(district, current_user.staff or "")}


def _can_verify(school: str) -> bool:
    own = find_on_call_roles(get_runtime().library.district, current_user.staff, school)
    return current_user.role in LEAD_ROLES or bool(own & EVENT_VERIFIER_ROLES)
