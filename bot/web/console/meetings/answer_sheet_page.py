"""The page to approve one language of a meeting's answer sheet, sentence by sentence."""

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
    """Show each sentence with its approved translation or, without one, its draft."""
    return _render_page(_get_approved_sheet(gathering_id, language), language)


def _get_approved_sheet(gathering_id: int, language: str) -> Meeting:
    meeting = get_meeting(gathering_id)
    is_approved = bool(meeting.sheet and meeting.sheet_approved_by)
    if not is_approved or language not in answer_sheet.get_translation_status(get_runtime(), meeting):
        abort(404, _("This handout doesn't exist."))
    return meeting


def _render_page(meeting: Meeting, language: str, problem: str = "", typed_texts: list[str] | None = None) -> str:
    parts = answer_sheet.draft_translation(get_runtime(), meeting, language)
    texts = [part.wording for part in parts]
    if typed_texts and len(typed_texts) == len(parts):
        texts = typed_texts
    page: dict[str, Any] = {
        "one": meeting,
        "code": language,
        "lines": list(zip(parts, texts, strict=True)),
        "problem": problem,
        "own_name": _get_own_name(language),
        "reviewed_by": request.form.get("reviewed_by", ""),
    }
    return render_template("console/gathering_sheet.html", **page)


def _get_own_name(language: str) -> str:
    return get_staff_name(get_runtime(), current_user.staff) if speaks(language) else ""


@console.post(ANSWER_SHEET_PATH)
@allow_roles(STAFF)
def approve_sheet_wording(gathering_id: int, language: str) -> ResponseReturnValue:
    """Approve the sentences in the reviewer's name. Families of this language can then read them."""
    meeting, texts = _get_approved_sheet(gathering_id, language), request.form.getlist("text")
    english = [sentence.replace("\r\n", "\n") for sentence in request.form.getlist("english")]
    typed_name = " ".join(request.form.get("reviewed_by", "").split())[:MAX_SHEET_REVIEWER_LENGTH]
    reviewer = typed_name or _get_own_name(language)
    if not reviewer:
        return _render_page(meeting, language, _("Enter the reviewer's name."), texts), 422
    review = TranslationReview(reviewer, current_user.by, now())
    try:
        answer_sheet.approve(get_runtime(), meeting, language, zip(english, texts, strict=False), review)
    except TranslationApprovalError as error:
        return _render_page(meeting, language, _(str(error)), texts), 422
    flash(_("Answers approved. Families who read this language see them on the public page."))
    return redirect(url_for("console.gathering_questions", gathering_id=meeting.id))
