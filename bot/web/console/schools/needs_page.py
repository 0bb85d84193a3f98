"""Needs: what would help families, who sees to it until when; and the guide for a call, which notes what it found."""

import secrets
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.cases import staff_conversation
from bot.messaging import attendance_effects
from bot.messaging.attendance_effects import AttendanceReport
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_messages, cases
from bot.store.cases.case_messages import NewCaseMessage
from bot.store.cases.cases import Case
from bot.store.schools import absences, support_needs
from bot.store.schools.absences import ABSENCE_REASONS, Absence, AbsenceCall
from bot.store.schools.support_needs import SUPPORT_NEED_KINDS, SUPPORT_NEED_OUTCOMES, SupportNeed
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles, can_see_case
from bot.web.console.schools.attendance_page import NEED_LABELS
from bot.web.console.schools.call_guide import NEED_OUTCOME_LABELS
from bot.web.core.current_runtime import get_runtime

MAX_NEED_TEXT_LENGTH = 500


@console.get("/needs", endpoint="needs")
@allow_roles(STAFF)
def needs_page() -> str:
    """Open needs: one's own, then those of the cases that one may see."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        found = [one for one in support_needs.list_open(db) if _can_see_need(db, one)]
    mine = [one for one in found if one.owner == current_user.by]
    lists = {_("Assigned to me"): mine, _("Assigned to others"): [one for one in found if one not in mine]}
    return render_template("console/needs.html", lists=lists, **_get_page_labels(runtime))


def _get_page_labels(runtime: Runtime) -> dict[str, Any]:
    today = runtime.library.district.to_local_time(now()).date()
    words = {
        "kinds": NEED_LABELS,
        "outcomes": NEED_OUTCOME_LABELS,
        "schools": runtime.library.district.schools,
        "today": today,
    }
    return {**words, "name": lambda who: get_staff_name(runtime, who), "most": MAX_NEED_TEXT_LENGTH}


def _can_see_need(db: Transaction, need: SupportNeed) -> bool:
    if need.owner == current_user.by:
        return True
    case = cases.find(db, need.case_id)
    return case is not None and can_see_case(current_user, case)


@console.post("/needs/<int:need_id>/done")
@allow_roles(STAFF)
def close_need(need_id: int) -> ResponseReturnValue:
    """Say that it is done, and what was done."""
    here, words = get_runtime(), request.form.get("words", "").strip()[:MAX_NEED_TEXT_LENGTH]
    outcome = next((one for one in SUPPORT_NEED_OUTCOMES if one == request.form.get("outcome")), None)
    if outcome is None:
        abort(400, _("Choose what was done."))
    with here.database.write() as db:
        need = support_needs.find(db, need_id)
        if need is None or not _can_see_need(db, need):
            abort(404, _("This support need doesn't exist."))
        if _has_status_or_id_number(words):
            flash(get_status_refusal())
        elif not support_needs.close(db, need, (outcome, words), current_user.by, now()):
            flash(_("Another person already marked it."))
    back = url_for("console.case", case_id=need.case_id) if request.form.get("back") == "case" else None
    return redirect(back or url_for("console.needs"))


def _has_status_or_id_number(text: str) -> bool:
    """Whether a text of staff says what must never be kept."""
    return bool(mask_pii(text)[1] & {"status", "number"})


def get_status_refusal() -> str:
    """Why a text was refused."""
    return _("Not saved. Don't write about immigration papers, nationality, or ID numbers.")


@console.post("/cases/<int:case_id>/call")
@allow_roles(STAFF)
def note_call(case_id: int) -> ResponseReturnValue:
    """Note a call: the reason, whether an interpreter was there, and what would help."""
    here, form = get_runtime(), request.form
    reason, interpreter = form.get("reason", ""), form.get("interpreter", "")
    kind = next((one for one in SUPPORT_NEED_KINDS if one == form.get("need")), None)
    words, note = (form.get(name, "").strip()[:MAX_NEED_TEXT_LENGTH] for name in ("words", "note"))
    if reason not in ABSENCE_REASONS or interpreter not in ("yes", "no"):
        abort(400, _("Choose the reason and whether you used an interpreter."))
    if _has_status_or_id_number(words) or _has_status_or_id_number(note):
        flash(get_status_refusal())
        return redirect(url_for("console.case", case_id=case_id))
    cause, at = f"call:{form.get('once', '')[:32] or secrets.token_hex(12)}", now()
    with here.database.write() as db:
        case = cases.get(db, case_id)
        if not absences.record_call(db, cause, case_id, AbsenceCall(reason, interpreter, current_user.by, at)):
            return redirect(url_for("console.case", case_id=case_id))
        _save_absence_reason(here, db, case, cause, reason)
        if kind:
            said = AttendanceReport(cause, case_id, case.contact_id, case.school, case.language, at)
            attendance_effects.add_need(here, db, said, kind, words)
        if note:
            new = NewCaseMessage(
                case_id,
                cause,
                "note",
                staff_conversation.get_staff_language(here, current_user.staff),
                note,
                current_user.by,
            )
            case_messages.add(db, new, at)
        audit_log.record(db, current_user.by, "noted a call", f"case {case_id}", at, f"interpreter: {interpreter}")
    flash(_("Call saved."))
    return redirect(url_for("console.case", case_id=case_id))


def _save_absence_reason(runtime: Runtime, db: Transaction, case: Case, cause: str, reason: str) -> None:
    """The reason of the reports that the call was about; where there was none, the call is the report."""
    at = now()
    if absences.set_outcome(db, case.id, case.contact_id, at - attendance_effects.SAME_ABSENCE_PERIOD, reason, at):
        return
    day = runtime.library.district.to_local_time(at).date()
    known = next(one for one in ABSENCE_REASONS if one == reason)
    absences.add(db, Absence(cause, case.id, case.contact_id, case.school, day, known, case.language), at)
