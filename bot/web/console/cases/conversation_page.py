"""Actions on a case to write to the family: draft, send, resend, approve a translation, request an interpreter."""

import secrets

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import NoResultFound

from bot.base.database import now
from bot.cases import interpreter_requests, staff_conversation
from bot.cases.conversation_text import can_send_as_one_message
from bot.cases.sms_commands import MAX_STAFF_TEXT_LENGTH
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import approved_phrases
from bot.store.announcements.approved_phrases import ApprovedPhrase
from bot.store.cases import case_messages, cases
from bot.store.cases.case_messages import CaseMessage
from bot.store.families import contacts
from bot.translation.safe_translator import has_personal_data
from bot.web.console.core.case_view import find_reply_route
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime


@console.post("/cases/<int:case_id>/draft")
@allow_roles(STAFF)
def draft(case_id: int) -> ResponseReturnValue:
    """Save a draft of a typed text or of a prepared answer, with its translation. It isn't sent yet."""
    runtime = get_runtime()
    text = runtime.library.district.answers.get(request.form.get("answer", "")) or request.form.get("text", "").strip()
    if not text or len(text) > MAX_STAFF_TEXT_LENGTH:
        flash(_("Enter a text of up to {count} characters.", count=MAX_STAFF_TEXT_LENGTH))
        return _redirect_to_case(case_id)
    if not _can_write(runtime, case_id):
        return _redirect_to_case(case_id)
    once = request.form.get("once", "")[:32] or secrets.token_hex(12)
    message = staff_conversation.StaffMessage(case_id, current_user.by, text, f"form:{once}")
    staff_conversation.draft_message(runtime, message)
    return _redirect_to_case(case_id)


def _can_write(runtime: Runtime, case_id: int) -> bool:
    """Return whether the current user is the assignee and a text can reach the family. If not, flash why."""
    with runtime.database.read() as db:
        case = cases.get(db, case_id)
        contact = contacts.get(db, case.contact_id)
    if case.claimed_by != current_user.by or not case.is_open:
        flash(_("This case isn't assigned to you. Claim it first."))
        return False
    route = find_reply_route(runtime, contact)
    if not route.possible:
        flash(route.how)
    return route.possible


@console.post("/cases/<int:case_id>/messages/<int:message_id>/send")
@allow_roles(STAFF)
def send(case_id: int, message_id: int) -> ResponseReturnValue:
    """Send a draft after a person checked it."""
    message = _get_case_message(case_id, message_id)
    if not can_send_as_one_message(get_runtime(), message):
        flash(_("With its translation, the text is too long for one message. Shorten it."))
    elif _can_write(get_runtime(), case_id) and not staff_conversation.send_message(get_runtime(), message_id):
        flash(_("This message was already sent."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/messages/<int:message_id>/drop")
@allow_roles(STAFF)
def drop(case_id: int, message_id: int) -> ResponseReturnValue:
    """Discard a draft."""
    _get_case_message(case_id, message_id)
    with get_runtime().database.write() as db:
        case_messages.drop_draft(db, message_id)
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/messages/<int:message_id>/again")
@allow_roles(STAFF)
def again(case_id: int, message_id: int) -> ResponseReturnValue:
    """Resend a message that was not delivered."""
    _get_case_message(case_id, message_id)
    if _can_write(get_runtime(), case_id) and not staff_conversation.resend_message(get_runtime(), message_id):
        flash(_("This message is being sent or was delivered."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/messages/<int:message_id>/approve")
@allow_roles(STAFF)
def approve(case_id: int, message_id: int) -> ResponseReturnValue:
    """Approve a translation as a phrase. The current user must speak its language."""
    message, current_time = _get_case_message(case_id, message_id), now()
    if message.author != "staff" or message.machine != "yes" or not message.to_language:
        abort(400, _("You can approve only a translated message from staff."))
    member = get_runtime().library.district.staff.get(current_user.staff or "")
    if member is None or message.to_language not in member.languages:
        abort(403, _("To approve a translation, you must speak its language."))
    if has_personal_data(message.original, message.language) or mask_pii(message.original)[1]:
        flash(_("This text has a name, a number, or an address. Approve only general sentences."))
        return _redirect_to_case(case_id)
    phrase = ApprovedPhrase(
        message.language, message.to_language, message.original, message.translation, current_user.by
    )
    with get_runtime().database.write() as db:
        approved_phrases.approve(db, phrase, current_time)
        subject = f"case {case_id}"
        audit_log.record(db, current_user.by, "approved a phrase", subject, current_time, message.to_language)
    flash(_("Phrase approved. Puente uses it before machine translation."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/knock")
@allow_roles(STAFF)
def knock(case_id: int) -> ResponseReturnValue:
    """Send the message template that asks the family to write. Their answer opens WhatsApp for 24 hours."""
    with get_runtime().database.read() as db:
        case = cases.get(db, case_id)
    if case.claimed_by != current_user.by or not case.is_open:
        flash(_("This case isn't assigned to you. Claim it first."))
    elif staff_conversation.ask_family_to_write(get_runtime(), case_id):
        flash(_("We are sending the template. When the family replies, you can write by WhatsApp again."))
    else:
        flash(_("There is no template for this family, or one was sent today."))
    return _redirect_to_case(case_id)


@console.post("/cases/<int:case_id>/interpreter")
@allow_roles(STAFF)
def interpreter(case_id: int) -> ResponseReturnValue:
    """Request an interpreter. The language-access coordinator gets a text."""
    try:
        form = interpreter_requests.InterpreterRequestForm.from_form(request.form)
    except ValueError:
        abort(400, _("Enter a time, and choose how and which type of interpreter."))
    interpreter_requests.submit(get_runtime(), case_id, current_user.by, form)
    flash(_("We notified the coordinator. The request stays on this page until it is booked."))
    return _redirect_to_case(case_id)


def _get_case_message(case_id: int, message_id: int) -> CaseMessage:
    """Return the message, or abort with 404 if it isn't part of this case."""
    try:
        message = staff_conversation.get_message(get_runtime(), message_id)
    except NoResultFound:
        abort(404, _("This message isn't part of this case."))
    if message.case_id != case_id:
        abort(404, _("This message isn't part of this case."))
    return message


def _redirect_to_case(case_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.case", case_id=case_id))
