"""The questions before a meeting, its answer sheet, the feedback after it, and the downloads of each."""

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.base.language_names import get_english_name
from bot.meetings import answer_sheet, feedback
from bot.meetings.feedback import MIN_SHOWN_THEME_COUNT
from bot.nlu import mask_pii
from bot.store import audit_log
from bot.store.meetings import meeting_themes, meetings, rsvps
from bot.store.meetings.meetings import Meeting
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles, can_see_case
from bot.web.console.core.small_cell_suppression import MIN_SHOWN_COUNT, TOTAL
from bot.web.console.meetings.meeting_page import get_meeting
from bot.web.core.current_runtime import get_runtime

MAX_ANSWER_SHEET_LENGTH = 4000
MEETING_AUDIT_ACTIONS = (
    N_("planned a gathering"), N_("changed a gathering"), N_("marked a gathering ready"), N_("removed an interpreter"),
    N_("canceled a gathering"), N_("drafted an invitation"), N_("wrote the answers"), N_("approved the answers"),
    N_("noted a theme"), N_("took the questions"), N_("took the figures"),
)  # fmt: skip
"""The actions of meetings in the audit log, listed here for the catalogs."""


@console.get("/gatherings/<int:gathering_id>/questions")
@allow_roles(STAFF)
def gathering_questions(gathering_id: int) -> str:
    """Show the questions by language with a machine translation into English, and the answer sheet."""
    meeting, runtime = get_meeting(gathering_id), get_runtime()
    page = {
        "one": meeting,
        "asked": feedback.list_questions(runtime, meeting),
        "most": MAX_ANSWER_SHEET_LENGTH,
        "name": lambda staff_id: get_staff_name(runtime, staff_id),
        "sheet_languages": {},
    }
    if meeting.sheet_approved_by:
        page["sheet_languages"] = answer_sheet.get_translation_status(runtime, meeting)
    return render_template("console/gathering_questions.html", **page)


@console.get("/gatherings/<int:gathering_id>/questions.csv")
@allow_roles(STAFF)
def questions_file(gathering_id: int) -> Response:
    """Download the questions. Puente stores no number, name, or time with them."""
    meeting = get_meeting(gathering_id)
    _record_audit(meeting, "took the questions")
    text = "".join(feedback.export_questions_csv(feedback.list_questions(get_runtime(), meeting)))
    return _build_csv_response(text, f"questions-{meeting.id}.csv")


@console.get("/gatherings/<int:gathering_id>/families.csv")
@allow_roles(STAFF)
def coming_file(gathering_id: int) -> Response:
    """Download the number of attendees by language, without small numbers, because files get passed on."""
    meeting = get_meeting(gathering_id)
    _record_audit(meeting, "took the figures")
    with get_runtime().database.read() as db:
        attendees = rsvps.count_attendees(db, meeting.id)
    counts = {(group.language or "?", "families"): group.families for group in attendees}
    languages = [language for language, _column in counts]
    cells = small_cell_suppression.suppress_table(languages, ["families"], counts)
    rows = []
    for language in languages:
        name = "not known" if language == "?" else get_english_name(language)
        rows.append((name, cells[language, "families"]))
    rows.append((f"all (numbers under {MIN_SHOWN_COUNT} are left out)", cells[TOTAL, "families"]))
    return _build_csv_response("".join(feedback.export_attendees_csv(rows)), f"families-{meeting.id}.csv")


def _build_csv_response(text: str, filename: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Response(text, mimetype="text/csv", headers=headers)


@console.post("/gatherings/<int:gathering_id>/sheet")
@allow_roles(STAFF)
def write_sheet(gathering_id: int) -> ResponseReturnValue:
    """Save the answer sheet. A second person approves it before families see it on the meeting's page."""
    meeting, text = get_meeting(gathering_id), request.form.get("sheet", "").replace("\r\n", "\n").strip()
    with get_runtime().database.write() as db:
        meetings.set_answer_sheet(db, meeting.id, text[:MAX_ANSWER_SHEET_LENGTH], current_user.by)
        audit_log.record(db, current_user.by, "wrote the answers", f"gathering {meeting.id}", now())
    return _redirect_to("gathering_questions", meeting)


@console.post("/gatherings/<int:gathering_id>/sheet/approve")
@allow_roles(STAFF)
def approve_sheet(gathering_id: int) -> ResponseReturnValue:
    """Approve the exact text that the approver saw. The writer can't approve it."""
    meeting, text = get_meeting(gathering_id), request.form.get("sheet", "").replace("\r\n", "\n")
    is_approved = False
    with get_runtime().database.write() as db:
        if text and meetings.approve_answer_sheet(db, meeting.id, text, current_user.by):
            audit_log.record(db, current_user.by, "approved the answers", f"gathering {meeting.id}", now())
            is_approved = True
        else:
            flash(_("Not approved. A person other than the writer must approve the text that you see."))
    if is_approved:
        answer_sheet.queue_translation(get_runtime(), get_meeting(meeting.id))
    return _redirect_to("gathering_questions", meeting)


@console.get("/gatherings/<int:gathering_id>/themes")
@allow_roles(STAFF)
def gathering_themes(gathering_id: int) -> str:
    """Show the feedback after the meeting in cases that the current user can see, and its themes."""
    meeting, runtime = get_meeting(gathering_id), get_runtime()
    feedback_cases = feedback.list_feedback_cases(runtime, meeting)
    visible = [case for case in feedback_cases if can_see_case(current_user, case)]
    with runtime.database.read() as db:
        counts, tagged = meeting_themes.count_by_theme(db, meeting.id), meeting_themes.list_by_case(db, meeting.id)
    page = {
        "one": meeting,
        "answers": visible,
        "others": len(feedback_cases) - len(visible),
        "themes": counts,
        "tagged": tagged,
        "least": MIN_SHOWN_THEME_COUNT,
        "need": lambda case: case.answers.get("need", ""),
    }
    return render_template("console/gathering_themes.html", **page)


@console.post("/gatherings/<int:gathering_id>/themes")
@allow_roles(STAFF)
def note_theme(gathering_id: int) -> ResponseReturnValue:
    """Save a theme of one answer or of the meeting itself. It is masked, although staff write it."""
    meeting, runtime = get_meeting(gathering_id), get_runtime()
    theme = " ".join(mask_pii(request.form.get("theme", ""))[0].split())[:80].casefold()
    case_id = request.form.get("case", type=int)
    if case_id:
        feedback_cases = feedback.list_feedback_cases(runtime, meeting)
        if not any(case.id == case_id and can_see_case(current_user, case) for case in feedback_cases):
            abort(404, _("There is no case {number}.", number=case_id))
    if theme:
        with runtime.database.write() as db:
            meeting_themes.add(db, meeting.id, theme, case_id, current_user.by, now())
            audit_log.record(db, current_user.by, "noted a theme", f"gathering {meeting.id}", now())
    return _redirect_to("gathering_themes", meeting)


def _record_audit(meeting: Meeting, action: str) -> None:
    with get_runtime().database.write() as db:
        audit_log.record(db, current_user.by, action, f"gathering {meeting.id}", now())


def _redirect_to(endpoint: str, meeting: Meeting) -> ResponseReturnValue:
    return redirect(url_for(f"console.{endpoint}", gathering_id=meeting.id))
