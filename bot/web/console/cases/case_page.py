"""One case: what the family told, who has it, the talk; taking it, handing it over, saying that it is done."""

import secrets
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
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
    """The page of one case."""
    runtime = get_runtime()
    with runtime.database.write() as db:  # who read it stands in the audit log
        found = _get_case(runtime, db, case_id)
        audit_log.record(db, current_user.by, "read", f"case {case_id}", now())
    return render_template("console/case.html", **_build_page(runtime, found))


def _get_case(runtime: Runtime, db: Any, case_id: int) -> Case:
    return cases.find(db, case_id) or abort(404, _("There is no case {number}.", number=case_id))


def _build_page(runtime: Runtime, found: Case) -> dict[str, Any]:
    district = runtime.library.district
    with runtime.database.read() as db:
        contact = contacts.get(db, found.contact_id)
        said = list_chat_bubbles(runtime, db, found.id)
        page: dict[str, Any] = {
            "alerts": deliveries.list_for_case(db, found.id),
            "answers_to": announcements.find(db, found.announcement_id) if found.announcement_id else None,
            "notes": contacts.get_attributes(db, contact.id),
            "corrected": topic_corrections.find_for_case(db, found.id),
            "log": audit_log.list_newest(db, CASE_LOG_SIZE, f"case {found.id}"),
            "wanted": interpreter_requests.list_for_case(db, found.id),
            "incident": incidents.find_by_case(db, found.id) if found.topic in cases.STAFF_TOPICS else None,
            "voices": list_voice_notes(runtime, db, found.id),
            **build_call_guide(runtime, db, found),
            **refer_page.build_referral_section(runtime, db, found, contact),
        }
    school = district.schools.get(found.school or "")
    page |= {
        "case": found,
        "contact": contact,
        "said": said,
        "digest": compute_chat_digest(said),
        "reach": find_reply_route(runtime, contact),
    }
    page |= {"school": school.name if school else "", "may_act": _can_act(found), "mine": _is_mine(found)}
    page["may_take"] = page["may_act"] and not page["mine"] and _can_take(runtime, found)
    page |= {
        "who": get_staff_name(runtime, found.claimed_by),
        "title": get_topic_title,
        "language": language_name,
        "outcomes": _get_outcome_labels(),
    }
    page |= {"name": partial(get_staff_name, runtime), "time": format_short_moment, "age": format_age}
    page |= {"answers": district.answers, "staff": district.staff, "once": secrets.token_hex(12)}
    return page | {"arrived": describe_delivery, "topics": sorted(SEVERITY_BY_INTENT, key=get_topic_title)}


def _can_act(found: Case) -> bool:
    return current_user.role != RECORDS_OFFICER and found.is_open


def _can_take(runtime: Runtime, found: Case) -> bool:
    return found.claimed_by is None or assignment.can_take_over(runtime, found, current_user.role in LEAD_ROLES)


def _is_mine(found: Case) -> bool:
    return found.claimed_by == current_user.by and found.is_open


def _warn_if_not_mine(case_id: int) -> bool:
    """Whether an open case is not (or no more) of who is logged in, who hears it: a page may have stood open while a
    colleague took the case over, who still works on it."""
    with get_runtime().database.read() as db:
        found = _get_case(get_runtime(), db, case_id)
    if not found.is_open or _is_mine(found):
        return False
    flash(_("This case isn't assigned to you. Claim it first."))
    return True


def _get_outcome_labels() -> dict[str, str]:
    words = (
        _("Answered by text"),
        _("Called"),
        _("Met in person"),
        _("Referred to a partner"),
        _("No help needed"),
    )
    return dict(zip(CASE_OUTCOMES, words, strict=True))


@console.get("/cases/<int:case_id>/talk")
@allow_roles(STAFF, RECORDS_OFFICER)
def case_talk(case_id: int) -> ResponseReturnValue:
    """Only the talk, for the page that asks every few seconds; nothing (204) where nothing is new."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        found = _get_case(runtime, db, case_id)
        said = list_chat_bubbles(runtime, db, case_id)
    if compute_chat_digest(said) == request.args.get("seen"):
        return "", 204
    audit_view("read", f"case {case_id}")
    once, mine = secrets.token_hex(12), _is_mine(found)
    return render_template(
        "console/talk.html",
        case=found,
        said=said,
        digest=compute_chat_digest(said),
        once=once,
        mine=mine,
        language=language_name,
    )


@console.post("/cases/<int:case_id>/take")
@allow_roles(STAFF)
def take(case_id: int) -> ResponseReturnValue:
    """Take a case; the first one gets it."""
    taken = assignment.take_case(
        get_runtime(), case_id, current_user.by, "in the console", is_lead=current_user.role in LEAD_ROLES
    )
    if taken.outcome == "theirs":
        flash(_("{name} claimed this case first.", name=taken.assignee_name))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/give")
@allow_roles(STAFF)
def give(case_id: int) -> ResponseReturnValue:
    """Hand a case over to a colleague, who gets a text."""
    to = request.form.get("to", "")
    if to not in get_runtime().library.district.staff:
        abort(400, _("Choose a colleague from the list."))
    if not assignment.hand_over_case(
        get_runtime(), case_id, current_user.by, to, is_lead=current_user.role in LEAD_ROLES
    ):
        flash(_("This case isn't assigned to you. Claim it first."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/resolve")
@allow_roles(STAFF)
def resolve(case_id: int) -> ResponseReturnValue:
    """Say that it is done, and how; the family is asked a day later whether it was helped."""
    why = request.form.get("why", "")
    if why not in CASE_OUTCOMES:
        abort(400, _("Choose how the case was resolved."))
    if not _warn_if_not_mine(case_id) and not assignment.resolve_case(get_runtime(), case_id, current_user.by, why):
        flash(_("This case is already closed."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/hand-back")
@allow_roles(STAFF)
def hand_back(case_id: int) -> ResponseReturnValue:
    """The automated helper may answer the family again, while the case goes on."""
    if not _warn_if_not_mine(case_id) and not staff_conversation.hand_back_to_bot(get_runtime(), case_id):
        flash(_("No staff member is writing with this family now."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/note")
@allow_roles(STAFF)
def note(case_id: int) -> ResponseReturnValue:
    """An internal note: staff read it, the family never does."""
    text = request.form.get("note", "").strip()[:MAX_CASE_NOTE_LENGTH]
    here, at = get_runtime(), now()
    if text:
        cause = f"note:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
        new = NewCaseMessage(
            case_id,
            cause,
            "note",
            staff_conversation.get_staff_language(here, current_user.staff),
            text,
            current_user.by,
        )
        with here.database.write() as db:
            _get_case(here, db, case_id)
            add(db, new, at)
            audit_log.record(db, current_user.by, "noted", f"case {case_id}", at)
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/seen")
@allow_roles(STAFF)
def seen(case_id: int) -> ResponseReturnValue:
    """Take the flag away: a person has looked at what a machine could not do."""
    with get_runtime().database.write() as db:
        case_transitions.flag(db, case_id, "")
        audit_log.record(db, current_user.by, "looked at the flag", f"case {case_id}", now())
    return _redirect_to_case(case_id)


def _redirect_to_case(case_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.case", case_id=case_id))
