"""Serve the page of open support needs, and save what staff learn in a call about an absence."""

import secrets
from functools import partial

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
    """Show the open support needs of this person, and then those of the cases that this person may see."""
    runtime = get_runtime()
    district = runtime.library.district
    with runtime.database.read() as db:
        needs = [need for need in support_needs.list_open(db) if _can_see_need(db, need)]
    mine = [need for need in needs if need.owner == current_user.by]
    others = [need for need in needs if need not in mine]
    return render_template(
        "console/needs.html",
        lists={_("Assigned to me"): mine, _("Assigned to others"): others},
        kinds=NEED_LABELS,
        outcomes=NEED_OUTCOME_LABELS,
        schools=district.schools,
        today=district.to_local_time(now()).date(),
        name=partial(get_staff_name, runtime),
        most=MAX_NEED_TEXT_LENGTH,
    )


def _can_see_need(db: Transaction, need: SupportNeed) -> bool:
    if need.owner == current_user.by:
        return True
    case = cases.find(db, need.case_id)
    return case is not None and can_see_case(current_user, case)


@console.post("/needs/<int:need_id>/done")
@allow_roles(STAFF)
def close_need(need_id: int) -> ResponseReturnValue:
    """Close a support need, and save its outcome."""
    runtime, text = get_runtime(), request.form.get("words", "").strip()[:MAX_NEED_TEXT_LENGTH]
    outcome = next((choice for choice in SUPPORT_NEED_OUTCOMES if choice == request.form.get("outcome")), None)
    if outcome is None:
        abort(400, _("Choose what was done."))
    with runtime.database.write() as db:
        need = support_needs.find(db, need_id)
        if need is None or not _can_see_need(db, need):
            abort(404, _("This support need doesn't exist."))
        if _has_status_or_id_number(text):
            flash(get_status_refusal())
        elif not support_needs.close(db, need, (outcome, text), current_user.by, now()):
            flash(_("Another person already marked it."))
    if request.form.get("back") == "case":
        return redirect(url_for("console.case", case_id=need.case_id))
    return redirect(url_for("console.needs"))


def _has_status_or_id_number(text: str) -> bool:
    """Say whether a text contains an immigration status or an ID number, which Puente must not save."""
    return bool(mask_pii(text)[1] & {"status", "number"})


def get_status_refusal() -> str:
    """Return the message that explains why a text was not saved."""
    return _("Not saved. Don't write about immigration papers, nationality, or ID numbers.")


@console.post("/cases/<int:case_id>/call")
@allow_roles(STAFF)
def note_call(case_id: int) -> ResponseReturnValue:
    """Save a call: the reason, whether staff used an interpreter, and what would help."""
    runtime, form, by = get_runtime(), request.form, current_user.by
    reason, interpreter = form.get("reason", ""), form.get("interpreter", "")
    kind = next((choice for choice in SUPPORT_NEED_KINDS if choice == form.get("need")), None)
    need_text, note = (form.get(field, "").strip()[:MAX_NEED_TEXT_LENGTH] for field in ("words", "note"))
    case_url = url_for("console.case", case_id=case_id)
    if reason not in ABSENCE_REASONS or interpreter not in ("yes", "no"):
        abort(400, _("Choose the reason and whether you used an interpreter."))
    if _has_status_or_id_number(need_text) or _has_status_or_id_number(note):
        flash(get_status_refusal())
        return redirect(case_url)
    cause, current_time = f"call:{form.get('once', '')[:32] or secrets.token_hex(12)}", now()
    with runtime.database.write() as db:
        case = cases.get(db, case_id)
        if not absences.record_call(db, cause, case_id, AbsenceCall(reason, interpreter, by, current_time)):
            return redirect(case_url)
        _save_absence_reason(runtime, db, case, cause, reason)
        if kind:
            report = AttendanceReport(cause, case_id, case.contact_id, case.school, case.language, current_time)
            attendance_effects.add_need(runtime, db, report, kind, need_text)
        if note:
            language = staff_conversation.get_staff_language(runtime, current_user.staff)
            case_messages.add(db, NewCaseMessage(case_id, cause, "note", language, note, by), current_time)
        audit_log.record(db, by, "noted a call", f"case {case_id}", current_time, f"interpreter: {interpreter}")
    flash(_("Call saved."))
    return redirect(case_url)


def _save_absence_reason(runtime: Runtime, db: Transaction, case: Case, cause: str, reason: str) -> None:
    """Save the reason with the recent absence reports of the case. If there are none, add a report."""
    current_time = now()
    since = current_time - attendance_effects.SAME_ABSENCE_PERIOD
    if absences.set_outcome(db, case.id, case.contact_id, since, reason, current_time):
        return
    day = runtime.library.district.to_local_time(current_time).date()
    absence_reason = next(choice for choice in ABSENCE_REASONS if choice == reason)
    absence = Absence(cause, case.id, case.contact_id, case.school, day, absence_reason, case.language)
    absences.add(db, absence, current_time)
