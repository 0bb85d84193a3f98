"""A gathering's question box before it, the sheet of answers, what families said after it, and both as files."""

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.base.language_names import english_name
from bot.meetings import answer_sheet, feedback
from bot.meetings.feedback import SHOWN_FROM
from bot.nlu import mask
from bot.store import audit_log
from bot.store.cases.cases import Case
from bot.store.meetings import meeting_themes, meetings, rsvps
from bot.store.meetings.meetings import Gathering
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.case_view import name_of
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allowed, may_see
from bot.web.console.core.small_cell_suppression import LEAST, TOTAL
from bot.web.console.meetings.meeting_page import of_id
from bot.web.core.current_runtime import services

SHEET_CHARACTERS = 4000
DID = (
    N_("planned a gathering"), N_("changed a gathering"), N_("marked a gathering ready"), N_("removed an interpreter"),
    N_("canceled a gathering"), N_("drafted an invitation"), N_("wrote the answers"), N_("approved the answers"),
    N_("noted a theme"), N_("took the questions"), N_("took the figures"),
)  # fmt: skip
"""What the audit log tells of gatherings, for the catalogs."""


@console.get("/gatherings/<int:gathering_id>/questions")
@allowed(STAFF)
def gathering_questions(gathering_id: int) -> str:
    """What was asked, by language, with a machine's English, and the sheet of answers."""
    found = of_id(gathering_id)
    asked = feedback.asked(services(), found)
    shown = {"one": found, "asked": asked, "most": SHEET_CHARACTERS, "name": lambda who: name_of(services(), who)}
    done = answer_sheet.languages_of(services(), found) if found.sheet_approved_by else {}
    return render_template("console/gathering_questions.html", **shown, sheet_languages=done)


@console.get("/gatherings/<int:gathering_id>/questions.csv")
@allowed(STAFF)
def questions_file(gathering_id: int) -> Response:
    """The questions as a file: no number, no name, no hour stands with them anywhere."""
    found = of_id(gathering_id)
    _record(found, "took the questions")
    return _file("".join(feedback.as_csv(feedback.asked(services(), found))), f"questions-{found.id}.csv")


@console.get("/gatherings/<int:gathering_id>/families.csv")
@allowed(STAFF)
def coming_file(gathering_id: int) -> Response:
    """How many come, by language; small numbers are left out, for a file may go anywhere."""
    found = of_id(gathering_id)
    _record(found, "took the figures")
    with services().database.read() as db:
        counts = {one.language or "?": one.families for one in rsvps.coming(db, found.id)}
    cells = small_cell_suppression.table(
        list(counts), ["families"], {(name, "families"): count for name, count in counts.items()}
    )
    rows = [(english_name(name) if name != "?" else "not known", cells[name, "families"]) for name in counts]
    rows.append((f"all (numbers under {LEAST} are left out)", cells[TOTAL, "families"]))
    return _file("".join(feedback.coming_as_csv(rows)), f"families-{found.id}.csv")


def _file(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, mimetype="text/csv", headers=headers)


@console.post("/gatherings/<int:gathering_id>/sheet")
@allowed(STAFF)
def write_sheet(gathering_id: int) -> ResponseReturnValue:
    """Keep the answers; somebody else approves them before families see them on the gathering's page."""
    found, text = of_id(gathering_id), request.form.get("sheet", "").replace("\r\n", "\n").strip()
    with services().database.write() as db:
        meetings.set_sheet(db, found.id, text[:SHEET_CHARACTERS], current_user.by)
        audit_log.record(db, current_user.by, "wrote the answers", f"gathering {found.id}", now())
    return _to("gathering_questions", found)


@console.post("/gatherings/<int:gathering_id>/sheet/approve")
@allowed(STAFF)
def approve_sheet(gathering_id: int) -> ResponseReturnValue:
    """The very text that was read, by somebody besides its writer."""
    found, text = of_id(gathering_id), request.form.get("sheet", "").replace("\r\n", "\n")
    approved = False
    with services().database.write() as db:
        if text and meetings.approve_sheet(db, found.id, text, current_user.by):
            audit_log.record(db, current_user.by, "approved the answers", f"gathering {found.id}", now())
            approved = True
        else:
            flash(_("Not approved: somebody besides its writer must, and it must be the text that was read."))
    if approved:
        answer_sheet.ask(services(), of_id(found.id))
    return _to("gathering_questions", found)


@console.get("/gatherings/<int:gathering_id>/themes")
@allowed(STAFF)
def gathering_themes(gathering_id: int) -> str:
    """What families wrote after it (those cases that this person may see), and the themes in it."""
    found, here = of_id(gathering_id), services()
    told = feedback.answers(here, found)
    mine = [one for one in told if may_see(current_user, one)]
    with here.database.read() as db:
        counted, tagged = meeting_themes.counted(db, found.id), meeting_themes.of_cases(db, found.id)
    shown = {"one": found, "answers": mine, "others": len(told) - len(mine), "themes": counted, "tagged": tagged}
    return render_template("console/gathering_themes.html", **shown, least=SHOWN_FROM, need=_need)


def _need(case: Case) -> str:
    return case.answers.get("need", "")


@console.post("/gatherings/<int:gathering_id>/themes")
@allowed(STAFF)
def note_theme(gathering_id: int) -> ResponseReturnValue:
    """A theme, of one answer or heard at the gathering itself; in staff's words, and masked all the same."""
    found, here = of_id(gathering_id), services()
    theme = " ".join(mask(request.form.get("theme", ""))[0].split())[:80].casefold()
    case_id = request.form.get("case", type=int)
    mine = {one.id for one in feedback.answers(here, found) if may_see(current_user, one)} if case_id else set()
    if case_id and case_id not in mine:
        abort(404, _("There is no case {number}.", number=case_id))
    if theme:
        with here.database.write() as db:
            meeting_themes.note(db, found.id, theme, case_id, current_user.by, now())
            audit_log.record(db, current_user.by, "noted a theme", f"gathering {found.id}", now())
    return _to("gathering_themes", found)


def _record(found: Gathering, did: str) -> None:
    with services().database.write() as db:
        audit_log.record(db, current_user.by, did, f"gathering {found.id}", now())


def _to(endpoint: str, found: Gathering) -> ResponseReturnValue:
    return redirect(url_for(f"console.{endpoint}", gathering_id=found.id))
