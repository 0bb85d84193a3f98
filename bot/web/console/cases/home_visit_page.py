"""Actions to plan or stop a home visit from a case.

Home visits are off unless the school turns them on. Each visit needs a reason, a trusted leader, and the family's yes.
"""

import secrets
from datetime import date

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.messaging import home_visits
from bot.nlu import mask_pii
from bot.store import audit_log
from bot.store.cases import cases
from bot.store.families import contacts, follow_ups
from bot.store.schools import home_visits as schools_home_visits
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.console.schools.call_guide import has_home_visits
from bot.web.core.current_runtime import get_runtime

MAX_VISIT_FIELD_LENGTH = 120


@console.post("/cases/<int:case_id>/visit")
@allow_roles(STAFF)
def ask_for_visit(case_id: int) -> ResponseReturnValue:
    """Ask the family by text whether they agree to a visit. The visit isn't approved until they answer yes."""
    form = request.form
    typed = {name: form.get(name, "").strip()[:MAX_VISIT_FIELD_LENGTH] for name in ("reason", "visitor", "leader")}
    day = _parse_future_day(form.get("day", ""))
    if not all(typed.values()) or form.get("agreed") != "yes" or day is None:
        abort(400, _("Enter a reason, a visitor, a trusted leader who agreed to come, and a future day."))
    if any(mask_pii(text)[1] & {"status", "number"} for text in typed.values()):
        flash(_("Not saved. Don't write about immigration papers, nationality, or ID numbers."))
        return _redirect_to_case(case_id)
    current_time = now()
    with get_runtime().database.write() as db:
        case = cases.get(db, case_id)
        contact = contacts.get(db, case.contact_id)
        has_refused = home_visits.has_refused_visits(db, contact.id)
        refusal = _explain_refusal(case.school, has_refused, bool(contact.opted_out_at))
        if refusal:
            audit_log.record(db, current_user.by, "was refused a visit", f"case {case_id}", current_time)
            flash(refusal)
            return _redirect_to_case(case_id)
        cause = f"visit:{form.get('once', '')[:32] or secrets.token_hex(12)}"
        visit = schools_home_visits.NewHomeVisit(
            cause, case_id, contact.id, case.school or "", day=day, asked_by=current_user.by, **typed
        )
        visit_id = schools_home_visits.add(db, visit, current_time)
        if visit_id is not None:
            target = follow_ups.FollowUpTarget(home_visits.VISIT_QUESTION_FLOW, case_id=case_id)
            ask_at = get_runtime().library.district.find_next_waking_time(current_time)
            follow_ups.plan(db, (f"visit:{visit_id}", 0), contact.id, target, ask_at)
    # Without an ID, the case already has a planned visit. The page shows that one.
    if visit_id is not None:
        flash(_("We are asking the family by text. Don't visit before the family says yes."))
    return _redirect_to_case(case_id)


def _explain_refusal(school: str | None, refuses_visits: bool, has_opted_out: bool) -> str:
    """Return why a visit can't be planned, or "" if the family can be asked."""
    if refuses_visits:
        return _("DO NOT COME: this family doesn't want home visits.")
    if not has_home_visits(get_runtime(), school):
        return _("Home visits are turned off for this school. Call, offer a video call, or meet at a neutral place.")
    if has_opted_out:
        return _("This family opted out of texts, so we can't ask. Don't visit.")
    return ""


def _parse_future_day(text: str) -> date | None:
    """Parse an ISO date. Return None if it is invalid, today, or in the past."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    today = get_runtime().library.district.to_local_time(now()).date()
    return day if day > today else None


@console.post("/cases/<int:case_id>/visit/stop")
@allow_roles(STAFF)
def stop_visit(case_id: int) -> ResponseReturnValue:
    """Stop the planned visit."""
    with get_runtime().database.write() as db:
        if not schools_home_visits.stop(db, case_id, current_user.by, now()):
            flash(_("No visit is planned."))
    return _redirect_to_case(case_id)


def _redirect_to_case(case_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.case", case_id=case_id))
