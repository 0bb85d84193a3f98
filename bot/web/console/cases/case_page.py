"""The page of one case: its conversation, and the actions take, hand over, resolve, hand back, note, and flag."""

import secrets
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.cases import assignment, staff_conversation
from bot.nlu import SEVERITY_BY_INTENT
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements
from bot.store.cases import case_transitions, cases, deliveries, interpreter_requests, topic_corrections
from bot.store.cases.case_messages import NewCaseMessage, add
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.store.schools import incidents
from bot.web.console.cases import refer_page
from bot.web.console.cases.voice_note_page import list_voice_notes
from bot.web.console.core.audit_page import audit_view
from bot.web.console.core.case_view import (
    compute_chat_digest,
    describe_delivery,
    find_reply_route,
    format_age,
    get_staff_name,
    list_chat_bubbles,
)
from bot.web.console.core.console_i18n import _, format_short_moment, language_name
from bot.web.console.core.inbox import console, get_topic_title
from bot.web.console.core.permissions import LEAD_ROLES, RECORDS_OFFICER, STAFF, allow_roles
from bot.web.console.schools.call_guide import build_call_guide
from bot.web.core.current_runtime import get_runtime

CASE_OUTCOMES = ("answered", "called", "met", "referred", "no need")
MAX_CASE_NOTE_LENGTH = 2000
CASE_LOG_SIZE = 20


@console.get("/cases/<int:case_id>")
@allow_roles(STAFF, RECORDS_OFFICER)
def case(case_id: int) -> ResponseReturnValue:
    """Show one case, and record in the audit log who read it."""
    runtime = get_runtime()
    with runtime.database.write() as db:
        case = _get_case(db, case_id)
        audit_log.record(db, current_user.by, "read", f"case {case_id}", now())
    return render_template("console/case.html", **_build_page(runtime, case))


def _get_case(db: Transaction, case_id: int) -> Case:
    return cases.find(db, case_id) or abort(404, _("There is no case {number}.", number=case_id))


def _build_page(runtime: Runtime, case: Case) -> dict[str, Any]:
    district = runtime.library.district
    school = district.schools.get(case.school or "")
    return {
        **_load_case_values(runtime, case),
        **_build_permission_values(runtime, case),
        "case": case,
        "school": school.name if school else "",
        "who": get_staff_name(runtime, case.claimed_by),
        "title": get_topic_title,
        "language": language_name,
        "outcomes": _get_outcome_labels(),
        "name": partial(get_staff_name, runtime),
        "time": format_short_moment,
        "age": format_age,
        "answers": district.answers,
        "staff": district.staff,
        "once": secrets.token_hex(12),
        "arrived": describe_delivery,
        "topics": sorted(SEVERITY_BY_INTENT, key=get_topic_title),
    }


def _load_case_values(runtime: Runtime, case: Case) -> dict[str, Any]:
    with runtime.database.read() as db:
        contact = contacts.get(db, case.contact_id)
        bubbles = list_chat_bubbles(runtime, db, case.id)
        values: dict[str, Any] = {
            "contact": contact,
            "said": bubbles,
            "digest": compute_chat_digest(bubbles),
            "alerts": deliveries.list_for_case(db, case.id),
            "answers_to": announcements.find(db, case.announcement_id) if case.announcement_id else None,
            "notes": contacts.get_attributes(db, contact.id),
            "corrected": topic_corrections.find_for_case(db, case.id),
            "log": audit_log.list_newest(db, CASE_LOG_SIZE, f"case {case.id}"),
            "wanted": interpreter_requests.list_for_case(db, case.id),
            "incident": incidents.find_by_case(db, case.id) if case.topic in cases.STAFF_TOPICS else None,
            "voices": list_voice_notes(runtime, db, case.id),
            **build_call_guide(runtime, db, case),
            **refer_page.build_referral_section(runtime, db, case, contact),
        }
    return values | {"reach": find_reply_route(runtime, contact)}


def _build_permission_values(runtime: Runtime, case: Case) -> dict[str, Any]:
    may_act, mine = current_user.role != RECORDS_OFFICER and case.is_open, _is_mine(case)
    may_take = may_act and not mine
    if may_take and case.claimed_by is not None:
        may_take = assignment.can_take_over(runtime, case, current_user.role in LEAD_ROLES)
    return {"may_act": may_act, "mine": mine, "may_take": may_take}


def _is_mine(case: Case) -> bool:
    return case.claimed_by == current_user.by and case.is_open


def _warn_if_not_mine(case_id: int) -> bool:
    """Return whether an open case is not assigned to the current user, and warn them.

    A colleague can take over the case while its page is open.
    """
    with get_runtime().database.read() as db:
        case = _get_case(db, case_id)
    if not case.is_open or _is_mine(case):
        return False
    flash(_("This case isn't assigned to you. Claim it first."))
    return True


def _get_outcome_labels() -> dict[str, str]:
    labels = (
        _("Answered by text"),
        _("Called"),
        _("Met in person"),
        _("Referred to a partner"),
        _("No help needed"),
    )
    return dict(zip(CASE_OUTCOMES, labels, strict=True))


@console.get("/cases/<int:case_id>/talk")
@allow_roles(STAFF, RECORDS_OFFICER)
def case_talk(case_id: int) -> ResponseReturnValue:
    """Return only the conversation, for polling, or 204 if nothing changed."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        case = _get_case(db, case_id)
        bubbles = list_chat_bubbles(runtime, db, case_id)
    digest = compute_chat_digest(bubbles)
    if digest == request.args.get("seen"):
        return "", 204
    audit_view("read", f"case {case_id}")
    return render_template(
        "console/talk.html",
        case=case,
        said=bubbles,
        digest=digest,
        once=secrets.token_hex(12),
        mine=_is_mine(case),
        language=language_name,
    )


@console.post("/cases/<int:case_id>/take")
@allow_roles(STAFF)
def take(case_id: int) -> ResponseReturnValue:
    """Assign the case to the current user, unless another person took it first."""
    is_lead = current_user.role in LEAD_ROLES
    result = assignment.take_case(get_runtime(), case_id, current_user.by, "in the console", is_lead=is_lead)
    if result.outcome == "theirs":
        flash(_("{name} claimed this case first.", name=result.assignee_name))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/give")
@allow_roles(STAFF)
def give(case_id: int) -> ResponseReturnValue:
    """Hand the case over to a colleague, who gets a text."""
    colleague = request.form.get("to", "")
    if colleague not in get_runtime().library.district.staff:
        abort(400, _("Choose a colleague from the list."))
    is_lead = current_user.role in LEAD_ROLES
    if not assignment.hand_over_case(get_runtime(), case_id, current_user.by, colleague, is_lead=is_lead):
        flash(_("This case isn't assigned to you. Claim it first."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/resolve")
@allow_roles(STAFF)
def resolve(case_id: int) -> ResponseReturnValue:
    """Resolve the case with an outcome. A day later, Puente asks the family whether it helped."""
    outcome = request.form.get("why", "")
    if outcome not in CASE_OUTCOMES:
        abort(400, _("Choose how the case was resolved."))
    if _warn_if_not_mine(case_id):
        return _redirect_to_case(case_id)
    if not assignment.resolve_case(get_runtime(), case_id, current_user.by, outcome):
        flash(_("This case is already closed."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/hand-back")
@allow_roles(STAFF)
def hand_back(case_id: int) -> ResponseReturnValue:
    """Let the bot answer the family again while the case stays open."""
    if not _warn_if_not_mine(case_id) and not staff_conversation.hand_back_to_bot(get_runtime(), case_id):
        flash(_("No staff member is writing with this family now."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/note")
@allow_roles(STAFF)
def note(case_id: int) -> ResponseReturnValue:
    """Save an internal note. Only staff can read it, never the family."""
    text = request.form.get("note", "").strip()[:MAX_CASE_NOTE_LENGTH]
    if not text:
        return _redirect_to_case(case_id)
    runtime, current_time = get_runtime(), now()
    cause = f"note:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    language = staff_conversation.get_staff_language(runtime, current_user.staff)
    message = NewCaseMessage(case_id, cause, "note", language, text, current_user.by)
    with runtime.database.write() as db:
        _get_case(db, case_id)
        add(db, message, current_time)
        audit_log.record(db, current_user.by, "noted", f"case {case_id}", current_time)
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/seen")
@allow_roles(STAFF)
def seen(case_id: int) -> ResponseReturnValue:
    """Remove the flag after a person looked at what Puente couldn't handle automatically."""
    with get_runtime().database.write() as db:
        case_transitions.flag(db, case_id, "")
        audit_log.record(db, current_user.by, "looked at the flag", f"case {case_id}", now())
    return _redirect_to_case(case_id)


def _redirect_to_case(case_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.case", case_id=case_id))
