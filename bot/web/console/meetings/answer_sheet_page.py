"""One language of a gathering's sheet of answers: each sentence with its draft, and who has approved it."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements.translation_drafts import TranslationApprovalError
from bot.base.database import now
from bot.meetings import answer_sheet
from bot.store.announcements.translations import TranslationReview
from bot.store.meetings.meetings import Meeting
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.menu import speaks
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.console.meetings.meeting_page import get_meeting
from bot.web.core.current_runtime import get_runtime

ANSWER_SHEET_PATH = "/gatherings/<int:gathering_id>/sheet/<language>"
MAX_SHEET_REVIEWER_LENGTH = 80


@console.get(ANSWER_SHEET_PATH)
@allow_roles(STAFF)
def sheet_wording(gathering_id: int, language: str) -> str:
    """The sheet sentence by sentence, approved ones first, then the machine's draft."""
    return _render_page(_get_approved_sheet(gathering_id, language), language)


def _get_approved_sheet(gathering_id: int, language: str) -> Meeting:
    found = get_meeting(gathering_id)
    if (
        not found.sheet
        or not found.sheet_approved_by
        or language not in answer_sheet.get_translation_status(get_runtime(), found)
    ):
        abort(404, _("This handout doesn't exist."))
    return found


def _render_page(found: Meeting, language: str, problem: str = "", texts: list[str] | None = None) -> str:
    parts = answer_sheet.draft_translation(get_runtime(), found, language)
    given = texts if texts and len(texts) == len(parts) else [part.wording for part in parts]
    shown: dict[str, Any] = {"one": found, "code": language, "lines": list(zip(parts, given, strict=True))}
    shown |= {
        "problem": problem,
        "own_name": _get_own_name(language),
        "reviewed_by": request.form.get("reviewed_by", ""),
    }
    return render_template("console/gathering_sheet.html", **shown)


def _get_own_name(language: str) -> str:
    return get_staff_name(get_runtime(), current_user.staff) if speaks(language) else ""


@console.post(ANSWER_SHEET_PATH)
@allow_roles(STAFF)
def approve_sheet_wording(gathering_id: int, language: str) -> ResponseReturnValue:
    """Approve these sentences in a person's name; from then on families of this language read them."""
    found, texts = _get_approved_sheet(gathering_id, language), request.form.getlist("text")
    english = [one.replace("\r\n", "\n") for one in request.form.getlist("english")]
    reviewer = " ".join(request.form.get("reviewed_by", "").split())[:MAX_SHEET_REVIEWER_LENGTH] or _get_own_name(
        language
    )
    if not reviewer:
        return _render_page(found, language, _("Enter the reviewer's name."), texts), 422
    review = TranslationReview(reviewer, current_user.by, now())
    try:
        answer_sheet.approve(get_runtime(), found, language, zip(english, texts, strict=False), review)
    except TranslationApprovalError as error:
        return _render_page(found, language, _(str(error)), texts), 422
    flash(_("Answers approved. Families who read this language see them on the public page."))
    return redirect(url_for("console.gathering_questions", gathering_id=found.id))
