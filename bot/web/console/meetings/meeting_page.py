"""Gatherings: the list, the form, one gathering with who comes and who interprets, and what the host can do next."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from bot.announcements.composition import LATEST_ALLOWED_YEAR, InvalidAnnouncementError
from bot.base.phone_numbers import parse_e164
from bot.content.district import District
from bot.meetings import planning, rules, texts
from bot.meetings.planning import MeetingPlanError
from bot.store import audit_log
from bot.store.cases.interpreter_requests import InterpreterKind
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import Meeting, MeetingPlan
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles, read_form_row_id
from bot.web.core.current_runtime import get_runtime

MEETING_LIST_SIZE, MEETING_LOG_SIZE = 50, 30
STALE_REVISION = -1
"""Of a form that is older than the plan: it is not kept, however often it is sent."""
MEETING_TIME_FORMAT = "%Y-%m-%dT%H:%M"
MEETING_STATE_LABELS = {
    "planned": N_("Planned"),
    "ready": N_("Ready: interpreters are booked"),
    "invited": N_("Invited"),
    "over": N_("Ended"),
    "canceled": N_("Canceled"),
}
INTERPRETER_KIND_LABELS = {"trained": N_("Trained interpreter"), "bilingual": N_("Bilingual colleague")}
MEETING_ERROR_TEXTS = (
    N_("Enter a title without words in braces."),
    N_("Choose an administrator as the host."),
    N_("The start is in the past. Choose a later time."),
    N_("The end must be after the start, on the same day."),
    N_("Enter the meeting link or the place."),
    N_("Enter a dial-in number. Some families have no internet."),
    N_("Enter a link that starts with https://."),
    N_("Enter a phone number such as 217-555-0199."),
    N_("Book the interpreters and mark the meeting as ready first."),
    N_("This meeting just changed or has ended. Check it again."),
    N_("The meeting was changed or canceled. Draft the invitation again."),
)
"""What the rooms below say, for the catalogs; what holds a name stays in English."""


@dataclass(frozen=True)
class MeetingForm:
    """What stands in the fields of the form; online unless somebody chooses a place."""

    title: str = ""
    host: str = ""
    starts_at: str = ""
    ends_at: str = ""
    where: str = "online"
    link: str = ""
    dial_in: str = ""
    dial_code: str = ""
    place: str = ""
    schools: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    @classmethod
    def from_fields(cls, form: MultiDict[str, str]) -> "MeetingForm":
        """From what a browser sends."""
        names = ("title", "host", "starts_at", "ends_at", "where", "link", "dial_in", "dial_code", "place")
        single: dict[str, Any] = {name: form.get(name, "").strip()[:160] for name in names}
        many: dict[str, Any] = {name: tuple(form.getlist(name)) for name in ("schools", "helpers", "languages")}
        return cls(**single, **many)

    @classmethod
    def from_meeting(cls, district: District, meeting: Meeting) -> "MeetingForm":
        """One that is kept, to be changed."""
        starts, ends = (
            district.to_local_time(at).strftime(MEETING_TIME_FORMAT) for at in (meeting.starts_at, meeting.ends_at)
        )
        where = "online" if meeting.link else "place"
        parts = (meeting.link, meeting.dial_in, meeting.dial_code, meeting.place)
        return cls(
            meeting.title,
            meeting.host,
            starts,
            ends,
            where,
            *parts,
            meeting.schools,
            meeting.helpers,
            meeting.languages,
        )

    def build_plan(self, district: District) -> MeetingPlan:
        """The plan; raises `Refused` for what cannot be read."""
        wrong = {}
        online = self.where != "place"
        if online and self.link and (not self.link.startswith("https://") or " " in self.link or "{" in self.link):
            wrong["link"] = "Enter a link that starts with https://."
        phone = parse_phone_number(self.dial_in) if online else ""
        if phone is None:
            wrong["dial_in"] = "Enter a phone number such as 217-555-0199."
        if wrong:
            raise MeetingPlanError(wrong)
        starts, ends = (_parse_moment(district, typed) for typed in (self.starts_at, self.ends_at))
        way = (self.link, phone or "", self.dial_code[:24], "") if online else ("", "", "", self.place)
        return MeetingPlan(self.title[:80], self.host, starts, ends, *way, self.schools, self.helpers, self.languages)


def parse_phone_number(typed: str) -> str | None:
    """As E.164; "" for nothing, None for what is no number."""
    return parse_e164(typed) if typed else ""


def _parse_moment(district: District, typed: str) -> datetime:
    """On the district's clocks; a time that is long past for what is no time, which is refused as such."""
    zone, none = ZoneInfo(district.time_zone), datetime(2000, 1, 1)
    try:
        read = datetime.strptime(typed, MEETING_TIME_FORMAT)
    except ValueError:
        read = none
    return (read if read.year <= LATEST_ALLOWED_YEAR else none).replace(tzinfo=zone)


def get_meeting(gathering_id: int) -> Meeting:
    """The gathering with this number, or the page that says there is none."""
    with get_runtime().database.read() as db:
        found = meetings.find(db, gathering_id)
    return found or abort(404, _("There is no meeting {number}.", number=gathering_id))


@console.get("/gatherings", endpoint="gatherings")
@allow_roles(STAFF)
def gathering_list() -> str:
    """All gatherings, the latest day first: schools and the district see one plan."""
    with get_runtime().database.read() as db:
        found = meetings.list_newest(db, MEETING_LIST_SIZE)
    return render_template("console/gatherings.html", found=found, states=MEETING_STATE_LABELS, name=_get_staff_name)


@console.get("/gatherings/new")
@allow_roles(STAFF)
def new_gathering() -> str:
    """The empty form: online, with a number to dial in."""
    return _render_form(MeetingForm())


@console.post("/gatherings/new")
@allow_roles(STAFF)
def plan_gathering() -> ResponseReturnValue:
    """Keep what was planned."""
    return _save_meeting(None)


@console.get("/gatherings/<int:gathering_id>/edit")
@allow_roles(STAFF)
def edit_gathering(gathering_id: int) -> str:
    """The form with a plan in it."""
    found = get_meeting(gathering_id)
    return _render_form(MeetingForm.from_meeting(get_runtime().library.district, found), found)


@console.post("/gatherings/<int:gathering_id>/edit")
@allow_roles(STAFF)
def change_gathering(gathering_id: int) -> ResponseReturnValue:
    """Keep the new plan; who said yes is told what changed.  Not over a plan that somebody has changed since the form
    was opened: an old hour in it would be told as the new one."""
    found = get_meeting(gathering_id)
    same = request.form.get("revision") == str(found.revision)
    return _save_meeting(found if same else replace(found, revision=STALE_REVISION))


def _save_meeting(before: Meeting | None) -> ResponseReturnValue:
    here, typed = get_runtime(), MeetingForm.from_fields(request.form)
    try:
        number = planning.save_plan(here, typed.build_plan(here.library.district), current_user.by, before)
    except MeetingPlanError as wrong:
        return _render_form(typed, before, {field: _(sentence) for field, sentence in wrong.problems.items()}), 422
    if before and before.announcement_id and get_meeting(number).state == "planned":
        flash(_("The old invitation is stopped. Mark the meeting as ready, and draft the invitation again."))
    return redirect(url_for("console.gathering", gathering_id=number))


def _render_form(typed: MeetingForm, before: Meeting | None = None, problems: dict[str, str] | None = None) -> str:
    district = get_runtime().library.district
    shown = {"hosts": rules.list_hosts(district), "district": district, "problems": problems or {}}
    return render_template("console/gathering_form.html", typed=typed, before=before, **shown)


@console.get("/gatherings/<int:gathering_id>")
@allow_roles(STAFF)
def gathering(gathering_id: int) -> str:
    """One gathering: when, how, who comes by language, who interprets, and what can be done next."""
    return _render_page(get_meeting(gathering_id))


def _render_page(found: Meeting, problem: str = "") -> str:
    runtime = get_runtime()
    with runtime.database.read() as db:
        coming, people = rsvps.count_attendees(db, found.id), booked.list_for_meeting(db, found.id)
        log = audit_log.list_newest(db, MEETING_LOG_SIZE, f"gathering {found.id}")
    shown = {
        "coming": coming,
        "booked": people,
        "missing": planning.list_missing_interpreters(runtime, found),
        "log": log,
    }
    shown |= {
        "states": MEETING_STATE_LABELS,
        "kinds": INTERPRETER_KIND_LABELS,
        "name": _get_staff_name,
        "page": texts.get_page_url(runtime, found),
    }
    district = runtime.library.district
    return render_template("console/gathering.html", one=found, problem=problem, district=district, **shown)


def _get_staff_name(staff: str | None) -> str:
    return get_staff_name(get_runtime(), staff)


def _redirect_to_meeting(found: Meeting) -> ResponseReturnValue:
    return redirect(url_for("console.gathering", gathering_id=found.id))


@console.post("/gatherings/<int:gathering_id>/ready")
@allow_roles(STAFF)
def ready_gathering(gathering_id: int) -> ResponseReturnValue:
    """Ready, if every language has a trained interpreter."""
    found = get_meeting(gathering_id)
    try:
        planning.mark_ready(get_runtime(), found, current_user.by)
    except MeetingPlanError as why:
        return _render_page(found, str(why)), 409
    return _redirect_to_meeting(found)


@console.post("/gatherings/<int:gathering_id>/invite")
@allow_roles(STAFF)
def invite_gathering(gathering_id: int) -> ResponseReturnValue:
    """The invitation as a draft among the announcements: there it is translated, approved and sent."""
    found = get_meeting(gathering_id)
    try:
        kept = planning.draft_invitation(get_runtime(), found, current_user.by)
    except (MeetingPlanError, InvalidAnnouncementError) as why:
        return _render_page(found, _(str(why))), 409
    flash(_("This is the invitation. Get each language approved, and then send it."))
    return redirect(url_for("console.announcement", announcement_id=kept.id))


@console.post("/gatherings/<int:gathering_id>/cancel")
@allow_roles(STAFF)
def cancel_gathering(gathering_id: int) -> ResponseReturnValue:
    """It does not take place; everybody who said yes gets a text."""
    found = get_meeting(gathering_id)
    if request.form.get("sure") == "yes" and planning.cancel_meeting(get_runtime(), found, current_user.by):
        flash(_("Meeting canceled. We'll text everyone who said yes, and we won't send the invitation."))
    return _redirect_to_meeting(found)


@console.post("/gatherings/<int:gathering_id>/interpreters")
@allow_roles(STAFF)
def book_for_gathering(gathering_id: int) -> ResponseReturnValue:
    """Somebody was found for a language."""
    found = get_meeting(gathering_id)
    language, kind, name = (request.form.get(field, "").strip() for field in ("language", "kind", "name"))
    if not language or kind not in INTERPRETER_KIND_LABELS or not name or len(language) > 8:
        return _render_page(found, _("Choose a language and a type, and enter the interpreter's name.")), 422
    interpreter = BookedInterpreter(0, language, cast(InterpreterKind, kind), name[:80], current_user.by)
    planning.book_interpreter(get_runtime(), found, interpreter)
    return _redirect_to_meeting(found)


@console.post("/gatherings/<int:gathering_id>/interpreters/remove")
@allow_roles(STAFF)
def unbook_for_gathering(gathering_id: int) -> ResponseReturnValue:
    """Somebody cannot come."""
    found = get_meeting(gathering_id)
    planning.unbook_interpreter(get_runtime(), found, read_form_row_id(), current_user.by)
    return _redirect_to_meeting(found)
