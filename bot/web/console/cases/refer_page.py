"""The action to refer a family to a partner from a case, by a text in the family's language."""

import secrets
from typing import Any

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.cases import referrals as cases_referrals
from bot.runtime import Runtime
from bot.store.cases import cases, referrals
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.web.console.core.case_view import find_reply_route
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime

REFERRAL_ANSWER_LABELS = {
    None: N_("has not answered yet"),
    "helped": N_("says that it helped"),
    "not_helped": N_("says that it did not help"),
    "not_reached": N_("could not reach it"),
}


def build_referral_section(runtime: Runtime, db: Any, case: Case, contact: Contact) -> dict[str, Any]:
    """Build the referral values of the case page: the available partners, and earlier referrals with their answers."""
    partners: Any = {}
    if case.topic not in cases_referrals.TOPICS_WITHOUT_REFERRAL_TEXT:
        partners = cases_referrals.list_available_partners(runtime, contact.language or "en", now())
    return {
        "partners": partners,
        "referred": referrals.list_for_case(db, case.id),
        "referral_said": REFERRAL_ANSWER_LABELS,
        "all_partners": runtime.library.district.partners,
    }


@console.post("/cases/<int:case_id>/refer")
@allow_roles(STAFF)
def refer(case_id: int) -> ResponseReturnValue:
    """Send the referral text to the family. The partner gets no data about the family."""
    runtime, partner = get_runtime(), request.form.get("partner", "")
    once = request.form.get("once", "")[:32] or secrets.token_hex(12)
    with runtime.database.read() as db:
        case = cases.get(db, case_id)
        contact = contacts.get(db, case.contact_id)
    route = find_reply_route(runtime, contact)
    referral = cases_referrals.ReferralRequest(case_id, partner, current_user.by, once)
    if not route.possible:
        flash(route.how)
    elif not cases_referrals.can_send_as_one_message(runtime, case, partner, current_user.by):
        flash(_("You can't refer to this partner now, or the text is too long. Call the family."))
    elif not cases_referrals.refer_family(runtime, referral):
        flash(_("This case isn't assigned to you. Claim it first."))
    else:
        flash(_("The family gets the name and number. In five days, we ask whether it helped."))
    return redirect(url_for("console.case", case_id=case_id))
