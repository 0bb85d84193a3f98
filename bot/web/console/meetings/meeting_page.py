"""Gatherings: the list, the form, one gathering with who comes and who interprets, and what the host can do next."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from bot.announcements.composition import LAST_YEAR, CannotSay
from bot.base.phone_numbers import e164
from bot.content.district import District
from bot.meetings import planning, rules, texts
from bot.meetings.planning import Refused
from bot.store import audit_log
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meeting_interpreters import Booked
from bot.store.meetings.meetings import Gathering, Plan
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allowed, row_in_form
from bot.web.core.current_runtime import services

SHOWN, LOG_SHOWN = 50, 30
NO_REVISION = -1
"""Of a form that is older than the plan: it is not kept, however often it is sent."""
MINUTES = "%Y-%m-%dT%H:%M"
STATES = {
    "planned": N_("Planned"),
    "ready": N_("Ready: the interpreters are there"),
    "invited": N_("Invited"),
    "over": N_("Over"),
    "canceled": N_("Canceled"),
}
KINDS = {"trained": N_("Trained interpreter"), "bilingual": N_("Bilingual colleague")}
SENTENCES = (
    N_("Write a title, without words in braces."),
    N_("Choose a host: an administrator who stands behind the gathering."),
    N_("It begins at a time that is past: choose a later one."),
    N_("It must end after it begins, on the same day."),
    N_("Give the link of the online meeting, or say at which place it is."),
    N_("Give a phone number for those who dial in: not every family has internet."),
    N_("Write a link that begins with https://."),
    N_("Write a phone number such as 217-555-0199."),
    N_("Mark it ready first: then the interpreters are there."),
    N_("Somebody has changed it just now, or it is over: look at it again."),
    N_("Its gathering was changed or canceled since: draft the invitation anew."),
)
"""What the rooms below say, for the catalogs; what holds a name stays in English."""


@dataclass(frozen=True)
class Typed:
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
    def of(cls, form: MultiDict[str, str]) -> "Typed":
        """From what a browser sends."""
        names = ("title", "host", "starts_at", "ends_at", "where", "link", "dial_in", "dial_code", "place")
        single: dict[str, Any] = {name: form.get(name, "").strip()[:160] for name in names}
        many: dict[str, Any] = {name: tuple(form.getlist(name)) for name in ("schools", "helpers", "languages")}
        return cls(**single, **many)

    @classmethod
    def again(cls, district: District, found: Gathering) -> "Typed":
        """One that is kept, to be changed."""
        starts, ends = (district.local(at).strftime(MINUTES) for at in (found.starts_at, found.ends_at))
        where = "online" if found.link else "place"
        parts = (found.link, found.dial_in, found.dial_code, found.place)
        return cls(found.title, found.host, starts, ends, where, *parts, found.schools, found.helpers, found.languages)

    def plan(self, district: District) -> Plan:
        """The plan; raises `Refused` for what cannot be read."""
        wrong = {}
        online = self.where != "place"
        if online and self.link and (not self.link.startswith("https://") or " " in self.link or "{" in self.link):
            wrong["link"] = "Write a link that begins with https://."
        phone = phone_of(self.dial_in) if online else ""
        if phone is None:
            wrong["dial_in"] = "Write a phone number such as 217-555-0199."
        if wrong:
            raise Refused(wrong)
        starts, ends = (_moment(district, typed) for typed in (self.starts_at, self.ends_at))
        way = (self.link, phone or "", self.dial_code[:24], "") if online else ("", "", "", self.place)
        return Plan(self.title[:80], self.host, starts, ends, *way, self.schools, self.helpers, self.languages)


def phone_of(typed: str) -> str | None:
    """As E.164; "" for nothing, None for what is no number."""
    return e164(typed) if typed else ""


def _moment(district: District, typed: str) -> datetime:
    """On the district's clocks; a time that is long past for what is no time, which is refused as such."""
    zone, none = ZoneInfo(district.time_zone), datetime(2000, 1, 1)
    try:
        read = datetime.strptime(typed, MINUTES)
    except ValueError:
        read = none
    return (read if read.year <= LAST_YEAR else none).replace(tzinfo=zone)


def of_id(gathering_id: int) -> Gathering:
    """The gathering with this number, or the page that says there is none."""
    with services().database.read() as db:
        found = meetings.find(db, gathering_id)
    return found or abort(404, _("There is no gathering {number}.", number=gathering_id))


@console.get("/gatherings", endpoint="gatherings")
@allowed(STAFF)
def gathering_list() -> str:
    """All gatherings, the latest day first: schools and the district see one plan."""
    with services().database.read() as db:
        found = meetings.newest(db, SHOWN)
    return render_template("console/gatherings.html", found=found, states=STATES, name=_name)


@console.get("/gatherings/new")
@allowed(STAFF)
def new_gathering() -> str:
    """The empty form: online, with a number to dial in."""
    return _form(Typed())


@console.post("/gatherings/new")
@allowed(STAFF)
def plan_gathering() -> ResponseReturnValue:
    """Keep what was planned."""
    return _keep(None)


@console.get("/gatherings/<int:gathering_id>/edit")
@allowed(STAFF)
def edit_gathering(gathering_id: int) -> str:
    """The form with a plan in it."""
    found = of_id(gathering_id)
    return _form(Typed.again(services().library.district, found), found)


@console.post("/gatherings/<int:gathering_id>/edit")
@allowed(STAFF)
def change_gathering(gathering_id: int) -> ResponseReturnValue:
    """Keep the new plan; who said yes is told what changed.  Not over a plan that somebody has changed since the form
    was opened: an old hour in it would be told as the new one."""
    found = of_id(gathering_id)
    same = request.form.get("revision") == str(found.revision)
    return _keep(found if same else replace(found, revision=NO_REVISION))


def _keep(before: Gathering | None) -> ResponseReturnValue:
    here, typed = services(), Typed.of(request.form)
    try:
        number = planning.keep(here, typed.plan(here.library.district), current_user.by, before)
    except Refused as wrong:
        return _form(typed, before, {field: _(sentence) for field, sentence in wrong.problems.items()}), 422
    if before and before.announcement_id and of_id(number).state == "planned":
        flash(_("The old invitation leaves no more. Mark it ready and draft the invitation again."))
    return redirect(url_for("console.gathering", gathering_id=number))


def _form(typed: Typed, before: Gathering | None = None, problems: dict[str, str] | None = None) -> str:
    district = services().library.district
    shown = {"hosts": rules.hosts(district), "district": district, "problems": problems or {}}
    return render_template("console/gathering_form.html", typed=typed, before=before, **shown)


@console.get("/gatherings/<int:gathering_id>")
@allowed(STAFF)
def gathering(gathering_id: int) -> str:
    """One gathering: when, how, who comes by language, who interprets, and what can be done next."""
    return _page(of_id(gathering_id))


def _page(found: Gathering, problem: str = "") -> str:
    here = services()
    with here.database.read() as db:
        coming, people = rsvps.coming(db, found.id), booked.of(db, found.id)
        log = audit_log.newest(db, LOG_SHOWN, f"gathering {found.id}")
    shown = {"coming": coming, "booked": people, "missing": planning.missing(here, found), "log": log}
    shown |= {"states": STATES, "kinds": KINDS, "name": _name, "page": texts.page_of(here, found)}
    district = here.library.district
    return render_template("console/gathering.html", one=found, problem=problem, district=district, **shown)


def _name(staff: str | None) -> str:
    return name_of(services(), staff)


def _back(found: Gathering) -> ResponseReturnValue:
    return redirect(url_for("console.gathering", gathering_id=found.id))


@console.post("/gatherings/<int:gathering_id>/ready")
@allowed(STAFF)
def ready_gathering(gathering_id: int) -> ResponseReturnValue:
    """Ready, if every language has a trained interpreter."""
    found = of_id(gathering_id)
    try:
        planning.set_ready(services(), found, current_user.by)
    except Refused as why:
        return _page(found, str(why)), 409
    return _back(found)


@console.post("/gatherings/<int:gathering_id>/invite")
@allowed(STAFF)
def invite_gathering(gathering_id: int) -> ResponseReturnValue:
    """The invitation as a draft among the announcements: there it is translated, approved and sent."""
    found = of_id(gathering_id)
    try:
        kept = planning.invite(services(), found, current_user.by)
    except (Refused, CannotSay) as why:
        return _page(found, _(str(why))), 409
    flash(_("This is the invitation. Have each language approved, then release it."))
    return redirect(url_for("console.announcement", announcement_id=kept.id))


@console.post("/gatherings/<int:gathering_id>/cancel")
@allowed(STAFF)
def cancel_gathering(gathering_id: int) -> ResponseReturnValue:
    """It does not take place; everybody who said yes gets a text."""
    found = of_id(gathering_id)
    if request.form.get("sure") == "yes" and planning.cancel(services(), found, current_user.by):
        flash(_("It is canceled. Everybody who said yes is told by text, and the invitation leaves no more."))
    return _back(found)


@console.post("/gatherings/<int:gathering_id>/interpreters")
@allowed(STAFF)
def book_for_gathering(gathering_id: int) -> ResponseReturnValue:
    """Somebody was found for a language."""
    found = of_id(gathering_id)
    language, kind, name = (request.form.get(field, "").strip() for field in ("language", "kind", "name"))
    if not language or kind not in KINDS or not name or len(language) > 8:
        return _page(found, _("Choose a language and a kind, and write who interprets.")), 422
    planning.book(services(), found, Booked(0, language, kind, name[:80], current_user.by))
    return _back(found)


@console.post("/gatherings/<int:gathering_id>/interpreters/remove")
@allowed(STAFF)
def unbook_for_gathering(gathering_id: int) -> ResponseReturnValue:
    """Somebody cannot come."""
    found = of_id(gathering_id)
    planning.unbook(services(), found, row_in_form(), current_user.by)
    return _back(found)
