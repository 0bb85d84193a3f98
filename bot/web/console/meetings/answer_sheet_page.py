"""One language of a gathering's sheet of answers: each sentence with its draft, and who has approved it."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements.translation_drafts import CannotApprove
from bot.base.database import now
from bot.meetings import answer_sheet
from bot.store.announcements.translations import Review
from bot.store.meetings.meetings import Gathering
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.menu import speaks
from bot.web.console.core.permissions import STAFF, allowed
from bot.web.console.meetings.meeting_page import of_id
from bot.web.core.current_runtime import services

PLACE = "/gatherings/<int:gathering_id>/sheet/<language>"
NAME_CHARACTERS = 80


@console.get(PLACE)
@allowed(STAFF)
def sheet_wording(gathering_id: int, language: str) -> str:
    """The sheet sentence by sentence, approved ones first, then the machine's draft."""
    return _page(_sheet_of(gathering_id, language), language)


def _sheet_of(gathering_id: int, language: str) -> Gathering:
    found = of_id(gathering_id)
    if not found.sheet or not found.sheet_approved_by or language not in answer_sheet.languages_of(services(), found):
        abort(404, _("There is no such sheet."))
    return found


def _page(found: Gathering, language: str, problem: str = "", texts: list[str] | None = None) -> str:
    parts = answer_sheet.draft(services(), found, language)
    given = texts if texts and len(texts) == len(parts) else [part.wording for part in parts]
    shown: dict[str, Any] = {"one": found, "code": language, "lines": list(zip(parts, given, strict=True))}
    shown |= {"problem": problem, "own_name": _own_name(language), "reviewed_by": request.form.get("reviewed_by", "")}
    return render_template("console/gathering_sheet.html", **shown)


def _own_name(language: str) -> str:
    return name_of(services(), current_user.staff) if speaks(language) else ""


@console.post(PLACE)
@allowed(STAFF)
def approve_sheet_wording(gathering_id: int, language: str) -> ResponseReturnValue:
    """Approve these sentences in a person's name; from then on families of this language read them."""
    found, texts = _sheet_of(gathering_id, language), request.form.getlist("text")
    english = [one.replace("\r\n", "\n") for one in request.form.getlist("english")]
    reviewer = " ".join(request.form.get("reviewed_by", "").split())[:NAME_CHARACTERS] or _own_name(language)
    if not reviewer:
        return _page(found, language, _("Name the person who has reviewed it."), texts), 422
    review = Review(reviewer, current_user.by, now())
    try:
        answer_sheet.approve(services(), found, language, zip(english, texts, strict=False), review)
    except CannotApprove as error:
        return _page(found, language, _(str(error)), texts), 422
    flash(_("Approved. Families of this language read it on the public page."))
    return redirect(url_for("console.gathering_questions", gathering_id=found.id))
