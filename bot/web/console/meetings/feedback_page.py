"""A gathering's question box before it, the sheet of answers, what families said after it, and both as files."""

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.base.language_names import get_english_name
from bot.meetings import answer_sheet, feedback
from bot.meetings.feedback import MIN_SHOWN_THEME_COUNT
from bot.nlu import mask_pii
from bot.store import audit_log
from bot.store.cases.cases import Case
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
"""What the audit log tells of gatherings, for the catalogs."""


@console.get("/gatherings/<int:gathering_id>/questions")
@allow_roles(STAFF)
def gathering_questions(gathering_id: int) -> str:
    """What was asked, by language, with a machine's English, and the sheet of answers."""
    found = get_meeting(gathering_id)
    asked = feedback.list_questions(get_runtime(), found)
    shown = {
        "one": found,
        "asked": asked,
        "most": MAX_ANSWER_SHEET_LENGTH,
        "name": lambda who: get_staff_name(get_runtime(), who),
    }
    done = answer_sheet.get_translation_status(get_runtime(), found) if found.sheet_approved_by else {}
    return render_template("console/gathering_questions.html", **shown, sheet_languages=done)


@console.get("/gatherings/<int:gathering_id>/questions.csv")
@allow_roles(STAFF)
def questions_file(gathering_id: int) -> Response:
    """The questions as a file: no number, no name, no hour stands with them anywhere."""
    found = get_meeting(gathering_id)
    _record_audit(found, "took the questions")
    return _build_csv_response(
        "".join(feedback.export_questions_csv(feedback.list_questions(get_runtime(), found))),
        f"questions-{found.id}.csv",
    )


@console.get("/gatherings/<int:gathering_id>/families.csv")
@allow_roles(STAFF)
def coming_file(gathering_id: int) -> Response:
    """How many come, by language; small numbers are left out, for a file may go anywhere."""
    found = get_meeting(gathering_id)
    _record_audit(found, "took the figures")
    with get_runtime().database.read() as db:
        counts = {one.language or "?": one.families for one in rsvps.count_attendees(db, found.id)}
    cells = small_cell_suppression.suppress_table(
        list(counts), ["families"], {(name, "families"): count for name, count in counts.items()}
    )
    rows = [(get_english_name(name) if name != "?" else "not known", cells[name, "families"]) for name in counts]
    rows.append((f"all (numbers under {MIN_SHOWN_COUNT} are left out)", cells[TOTAL, "families"]))
    return _build_csv_response("".join(feedback.export_attendees_csv(rows)), f"families-{found.id}.csv")


def _build_csv_response(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype="text/csv", headers=headers)


@console.post("/gatherings/<int:gathering_id>/sheet")
@allow_roles(STAFF)
def write_sheet(gathering_id: int) -> ResponseReturnValue:
    """Keep the answers; somebody else approves them before families see them on the gathering's page."""
    found, text = get_meeting(gathering_id), request.form.get("sheet", "").replace("\r\n", "\n").strip()
    with get_runtime().database.write() as db:
        meetings.set_answer_sheet(db, found.id, text[:MAX_ANSWER_SHEET_LENGTH], current_user.by)
        audit_log.record(db, current_user.by, "wrote the answers", f"gathering {found.id}", now())
    return _redirect_to("gathering_questions", found)


@console.post("/gatherings/<int:gathering_id>/sheet/approve")
@allow_roles(STAFF)
def approve_sheet(gathering_id: int) -> ResponseReturnValue:
    """The very text that was read, by somebody besides its writer."""
    found, text = get_meeting(gathering_id), request.form.get("sheet", "").replace("\r\n", "\n")
    approved = False
    with get_runtime().database.write() as db:
        if text and meetings.approve_answer_sheet(db, found.id, text, current_user.by):
            audit_log.record(db, current_user.by, "approved the answers", f"gathering {found.id}", now())
            approved = True
        else:
            flash(_("Not approved. A person other than the writer must approve the text that you see."))
    if approved:
        answer_sheet.queue_translation(get_runtime(), get_meeting(found.id))
    return _redirect_to("gathering_questions", found)


@console.get("/gatherings/<int:gathering_id>/themes")
@allow_roles(STAFF)
def gathering_themes(gathering_id: int) -> str:
    """What families wrote after it (those cases that this person may see), and the themes in it."""
    found, here = get_meeting(gathering_id), get_runtime()
    told = feedback.list_feedback_cases(here, found)
    mine = [one for one in told if can_see_case(current_user, one)]
    with here.database.read() as db:
        counted, tagged = meeting_themes.count_by_theme(db, found.id), meeting_themes.list_by_case(db, found.id)
    shown = {"one": found, "answers": mine, "others": len(told) - len(mine), "themes": counted, "tagged": tagged}
    return render_template("console/gathering_themes.html", **shown, least=MIN_SHOWN_THEME_COUNT, need=_get_need)


def _get_need(case: Case) -> str:
    return case.answers.get("need", "")


@console.post("/gatherings/<int:gathering_id>/themes")
@allow_roles(STAFF)
def note_theme(gathering_id: int) -> ResponseReturnValue:
    """A theme, of one answer or heard at the gathering itself; in staff's words, and masked all the same."""
    found, here = get_meeting(gathering_id), get_runtime()
    theme = " ".join(mask_pii(request.form.get("theme", ""))[0].split())[:80].casefold()
    case_id = request.form.get("case", type=int)
    mine = (
        {one.id for one in feedback.list_feedback_cases(here, found) if can_see_case(current_user, one)}
        if case_id
        else set()
    )
    if case_id and case_id not in mine:
        abort(404, _("There is no case {number}.", number=case_id))
    if theme:
        with here.database.write() as db:
            meeting_themes.add(db, found.id, theme, case_id, current_user.by, now())
            audit_log.record(db, current_user.by, "noted a theme", f"gathering {found.id}", now())
    return _redirect_to("gathering_themes", found)


def _record_audit(found: Meeting, action: str) -> None:
    with get_runtime().database.write() as db:
        audit_log.record(db, current_user.by, action, f"gathering {found.id}", now())


def _redirect_to(endpoint: str, found: Meeting) -> ResponseReturnValue:
    return redirect(url_for(f"console.{endpoint}", gathering_id=found.id))
