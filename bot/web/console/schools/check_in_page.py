"""Serve the page for check-in texts and verified events.

Staff enter a list of phone numbers, and Puente asks these families about an absence. After staff verify an event at a
school, Puente pauses check-in texts to its families for some days.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from functools import partial

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
"""`on_call` roles that may verify an event at a school. `LEAD_ROLES` may too."""
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
    """Show the form for a list of numbers, and the events of the last weeks."""
    return _render_page()


def _render_page(counts: Mapping[str, int] | None = None) -> str:
    """Render the page. `counts`: outcome -> number of texts, after staff sent a list."""
    runtime, current_time = get_runtime(), now()
    district = runtime.library.district
    today = district.to_local_time(current_time).date()
    with runtime.database.read() as db:
        events = verified_events.list_since(db, today - EVENT_LIST_PERIOD)
    return render_template(
        "console/check_ins.html",
        schools=district.schools,
        own=_list_own_schools(),
        counts=counts,
        most=MAX_LISTED_NUMBERS,
        held=suppression_rules.find_held_school_names(runtime, current_time),
        outcomes=CHECK_IN_OUTCOME_LABELS,
        events=events,
        again={event.id: suppression_rules.find_hold_end(district, event.day) for event in events},
        may_verify={school_id: school.name for school_id, school in district.schools.items() if _can_verify(school_id)},
        today=today,
        name=partial(get_staff_name, runtime),
    )


@console.post("/check-ins")
@allow_roles(STAFF)
def send_check_ins() -> ResponseReturnValue:
    """Send check-in texts to these numbers, and show the counts. The list is not saved."""
    school, runtime = _read_school(), get_runtime()
    if school not in _list_own_schools():
        abort(403, _("You work at another school. The office of this school must send the texts."))
    number_list = request.form.get("phones", "")
    file = request.files.get("file")
    if file and file.filename:
        number_list = file.read().decode("utf-8", "replace")
    try:
        counts = check_ins.plan_texts(runtime, school, check_ins.parse_list(number_list), current_user.by)
    except TooManyNumbersError:
        flash(_("A list can have up to {count} numbers. Send it in parts.", count=MAX_LISTED_NUMBERS))
    except SchoolOnHoldError as error:
        day = full_day(error.allowed_from)
        flash(_("Check-in texts are paused after a verified event. They resume on {day}.", day=day))
    else:
        return _render_page(counts)
    return redirect(url_for("console.check_ins"))


@console.post("/verified-events")
@allow_roles(STAFF)
def verify_event() -> ResponseReturnValue:
    """Record that an event happened at a school, and pause texts about truancy to its families."""
    school, runtime, current_time = _read_school(), get_runtime(), now()
    today = runtime.library.district.to_local_time(current_time).date()
    try:
        day = date.fromisoformat(request.form.get("day", ""))
    except ValueError:
        abort(400, _("Choose the day of the event."))
    if not today - MAX_EVENT_AGE <= day <= today:
        abort(400, _("Choose a day in the last two weeks."))
    if not _can_verify(school):
        abort(403, _("Only the safety lead or a principal can verify an event."))
    with runtime.database.write() as db:
        is_new = verified_events.add(db, school, day, current_user.by, current_time)
    flash(_("Event verified. Truancy texts are paused.") if is_new else _("This event was already verified."))
    launch.pause_held_announcements(runtime, current_user.by)
    return redirect(url_for("console.check_ins"))


@console.post("/verified-events/<int:event_id>/withdraw")
@allow_roles(STAFF)
def withdraw_event(event_id: int) -> ResponseReturnValue:
    """Withdraw a verified event that was a mistake."""
    runtime, current_time = get_runtime(), now()
    today = runtime.library.district.to_local_time(current_time).date()
    with runtime.database.write() as db:
        events = verified_events.list_since(db, today - EVENT_LIST_PERIOD)
        event = next((event for event in events if event.id == event_id), None)
        if event is None:
            abort(404, _("This event doesn't exist."))
        if not _can_verify(event.school):
            abort(403, _("Only the safety lead or a principal can verify an event."))
        verified_events.withdraw(db, event_id, current_user.by, current_time)
    return redirect(url_for("console.check_ins"))


def _read_school() -> str:
    school = request.form.get("school", "")
    if school not in get_runtime().library.district.schools:
        abort(400, _("Choose a school."))
    return school


def _list_own_schools() -> Mapping[str, str]:
    """Return ID -> name of the schools whose families this person may text. Staff without a school may text all."""
    district = get_runtime().library.district
    school_ids = list_possible_schools(district, current_user.staff or "")
    return {school_id: district.schools[school_id].name for school_id in school_ids}


def _can_verify(school: str) -> bool:
    roles = find_on_call_roles(get_runtime().library.district, current_user.staff, school)
    return current_user.role in LEAD_ROLES or bool(roles & EVENT_VERIFIER_ROLES)
