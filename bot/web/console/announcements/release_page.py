"""Before one leaves: what each phone will show, what it costs, whom it misses; approval, release, a test."""

from datetime import date

from babel.numbers import format_currency
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import approval, launch, test_send
from bot.announcements import preview as previews
from bot.announcements.approval import CannotRelease
from bot.announcements.composition import CannotSay
from bot.announcements.preview import Preview
from bot.announcements.progress import HELD
from bot.base.database import now
from bot.channels.message_parts import MESSAGE_UNITS
from bot.messaging import suppression_rules
from bot.runtime import Services
from bot.store.announcements.announcements import Announcement
from bot.store.community import community_leaders
from bot.store.community.community_leaders import Leader
from bot.web.console.announcements.shared import (
    KINDS,
    STATES,
    audience_words,
    may_approve,
    may_release,
    missing_words,
    of_id,
    of_id_in,
    standing_of,
)
from bot.web.console.core.console_i18n import _, full_day, language_name, page_language
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allowed
from bot.web.core.current_runtime import services


@console.get("/announcements/<int:announcement_id>/preview", endpoint="preview")
@allowed(STAFF)
def preview_page(announcement_id: int) -> str:
    """By language what phones show, the segments, the cost, who gets it how, and who does not and why."""
    here = services()
    with here.database.read() as db:
        one = of_id_in(db, announcement_id)
        seen = approval.digest_now(db, one)
    standing, shown = standing_of(here, one), previews.preview(here, one)
    page = {"audience": audience_words(one.audience), "may_approve": may_approve(one), "may_release": may_release(one)}
    page |= {"approved": current_user.by in standing.by, "missing": missing_words(here, standing)}
    page["held_until"] = held_until(one)
    page |= {"advice": _advice(here, shown)}
    page |= {"states": STATES, "kinds": KINDS, "held": HELD, "dollars": _dollars, "most": MESSAGE_UNITS}
    return render_template(
        "console/preview.html",
        one=one,
        shown=shown,
        standing=standing,
        seen=seen,
        sure=sure(shown),
        too_long=_too_long(shown),
        **page,
    )


def held_until(one: Announcement) -> date | None:
    """Until when one about attendance cannot leave, after a verified event at a school that it is for; None: it can."""
    here = services()
    with here.database.read() as db:
        meant, at = one.audience.schools, one.send_at or now()
        return suppression_rules.announcement_held(db, here.library.district, one.kind, meant, at)


def _advice(here: Services, shown: Preview) -> list[Leader]:
    """How leaders say that the communities of these languages are best reached."""
    read = {one.language for one in shown.shown if one.people or one.held}
    with here.database.read() as db:
        register = community_leaders.every(db, here.database.vault)
    return [one for one in register if one.channel and read & set(one.languages)]


def sure(shown: Preview) -> str:
    """What the confirmation names: each language that nobody has approved, and how it stands."""
    return ",".join(sorted(f"{one.language}:{one.mark}" for one in shown.unapproved)) or "none"


def _too_long(shown: Preview) -> list[str]:
    """The languages in which somebody would get more than one message may hold."""
    found = [one for one in shown.shown if one.too_long and one.people + one.held]
    return [language_name(one.language) for one in found]


def _dollars(amount: float) -> str:
    return str(format_currency(amount, "USD", locale=page_language()))


@console.post("/announcements/<int:announcement_id>/approve")
@allowed(STAFF)
def approve_announcement(announcement_id: int) -> ResponseReturnValue:
    """Say that it is right as it reads now.  Who wrote it cannot do so for another's name."""
    one = of_id(announcement_id)
    if not may_approve(one):
        abort(403, _("Only an approver, or in whose name it is sent, approves an announcement; not who wrote it."))
    try:
        approval.approve(services(), announcement_id, current_user.by, request.form.get("seen", ""))
    except CannotRelease as error:
        flash(_(str(error)))
    return _back(announcement_id)


@console.post("/announcements/<int:announcement_id>/release")
@allowed(STAFF)
def release_announcement(announcement_id: int) -> ResponseReturnValue:
    """Let it go, once somebody has confirmed how many families and which unapproved languages that means."""
    one = of_id(announcement_id)
    if not may_release(one):
        abort(403, _("Only an approver, who wrote it or in whose name it is sent releases an announcement."))
    problem = _not_yet(one)
    if problem:
        flash(problem)
        return _back(announcement_id)
    try:
        released = approval.release(services(), announcement_id, current_user.by)
    except CannotRelease as error:
        flash(_cannot(one, error))
        return _back(announcement_id)
    launch.send_when_due(services(), released)
    return redirect(url_for("console.watch", announcement_id=announcement_id))


def _not_yet(one: Announcement) -> str:
    """Why the page must be looked at again first; "" if it need not."""
    shown = previews.preview(services(), one)
    given = request.form.get("sure", "")
    if until := held_until(one):
        return _("After a verified event nothing about attendance leaves before {day}.", day=full_day(until))
    if not given:
        return _("Tick the box that says what happens when it is released.")
    if given != sure(shown):
        return _("The languages have changed meanwhile: look at the preview again.")
    return _("It is too long for one message. Please write it shorter.") if _too_long(shown) else ""


def _cannot(one: Announcement, error: CannotRelease) -> str:
    missing = missing_words(services(), standing_of(services(), one))
    return " ".join(missing) if missing and one.state == "draft" else _(str(error))


@console.post("/announcements/<int:announcement_id>/test")
@allowed(STAFF)
def send_test(announcement_id: int) -> ResponseReturnValue:
    """Send it in one language to one's own phone."""
    one, language = of_id(announcement_id), request.form.get("language", "")
    if language not in {shown.language for shown in previews.preview(services(), one).shown}:
        abort(400, _("Choose a language of the list."))
    try:
        test_send.send_test(services(), one, language, current_user.staff)
        flash(_("The test is on its way to your phone. It begins with [TEST]."))
    except CannotSay as error:
        flash(_(str(error)))
    return _back(announcement_id)


def _back(announcement_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.preview", announcement_id=announcement_id))
