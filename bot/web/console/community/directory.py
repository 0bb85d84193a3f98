"""Serve the partner directory: the partners, their last checks, what families said about them, and suggestions."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content import partner_yaml, partners
from bot.content.facts import Partner
from bot.messaging import partner_directory
from bot.nlu import mask_pii
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import referrals
from bot.store.cases.referrals import NOT_ANSWERED, REFERRAL_OUTCOMES
from bot.store.community import partner_suggestions
from bot.store.community.partner_checks import PartnerCheck
from bot.web.console.core import small_cell_suppression
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, STAFF, VIEWER, allow_roles
from bot.web.console.core.small_cell_suppression import CellKey
from bot.web.core.current_runtime import get_runtime

PARTNER_KIND_LABELS = {"legal": N_("Legal help"), "needs": N_("Food, home, health")}
PARTNER_COST_LABELS = {"free": N_("free"), "low": N_("low cost")}
PARTNER_SERVICE_LABELS = {
    "asylum": N_("asylum"),
    "family_petitions": N_("family petitions"),
    "work_permits": N_("work permits"),
    "court_help": N_("immigration court"),
    "food": N_("food"),
    "clothes": N_("clothes"),
    "rent": N_("rent"),
    "shelter": N_("shelter"),
    "clinic": N_("clinic"),
    "counseling": N_("counseling"),
    "english_classes": N_("English classes"),
    "interpreters": N_("interpreters"),
}
REFERRAL_OUTCOME_LABELS = {
    "helped": N_("Helped"),
    "not_helped": N_("Did not help"),
    "not_reached": N_("Not reached"),
    NOT_ANSWERED: N_("No answer yet"),
}
PARTNER_FIELD_LABELS = {
    "name": N_("Name"),
    "kind": N_("Type"),
    "phone": N_("Phone"),
    "languages": N_("Languages"),
    "cost": N_("Cost"),
    "checked_on": N_("I called today: number, hours, and languages are correct"),
    "services": N_("Services"),
    "area": N_("Area"),
    "website": N_("Website"),
}
MAX_SUGGESTION_LENGTH = 500
SUGGESTION_DECISIONS = (partner_suggestions.ADDED, partner_suggestions.DECLINED)


@dataclass(frozen=True)
class DirectoryRow:
    """One partner. `state` is "fresh", "stale", or "wrong". Families see the partner up to and including `until`."""

    id: str
    partner: Partner
    state: str
    until: date
    owners: str
    last: PartnerCheck | None
    by: str


@console.get("/directory", endpoint="directory")
@allow_roles(*ACCOUNT_ROLES)
def directory_page() -> str:
    """Show all partners. Those that families don't see come first."""
    runtime, current_time = get_runtime(), now()
    district = runtime.library.district
    checks = partner_directory.list_newest_checks(runtime, current_time)
    today = district.to_local_time(current_time).date()
    rows = [
        _build_row(runtime, partner_id, partner, checks, today) for partner_id, partner in district.partners.items()
    ]
    rows.sort(key=lambda row: (row.state == "fresh", row.partner.name))
    with runtime.database.read() as db:
        outcome_counts = dict(referrals.count_by_outcome(db))
        suggestion_count = len(partner_suggestions.list_to_review(db))
    return render_template(
        "console/directory.html",
        rows=rows,
        cells=_build_outcome_cells([row.id for row in rows], outcome_counts),
        waiting=suggestion_count,
        kinds=PARTNER_KIND_LABELS,
        costs=PARTNER_COST_LABELS,
        services=PARTNER_SERVICE_LABELS,
        said=REFERRAL_OUTCOME_LABELS,
        may_act=bool(current_user.may_open("console.called")),
        once=secrets.token_hex(12),
    )


def _build_row(
    runtime: Runtime, partner_id: str, partner: Partner, checks: Sequence[PartnerCheck], today: date
) -> DirectoryRow:
    district = runtime.library.district
    last_check = partners.find_last_check(partner_id, partner, checks)
    checked_partner = partners.apply_checks({partner_id: partner}, checks).get(partner_id)
    if checked_partner is None:
        state = "wrong"
    elif checked_partner.is_recently_checked(today):
        state = "fresh"
    else:
        state = "stale"
    until = (checked_partner or partner).get_last_valid_day()
    owners = ", ".join(district.staff[staff_id].name for staff_id in district.find_owners(partner.owner))
    checker_name = get_staff_name(runtime, last_check.by) if last_check else ""
    return DirectoryRow(partner_id, partner, state, until, owners, last_check, checker_name)


def _build_outcome_cells(partner_ids: list[str], counts: dict[CellKey, int]) -> dict[CellKey, int | None]:
    """Return how many families gave each answer. Viewers don't see small counts, which could identify a family."""
    columns = (*REFERRAL_OUTCOMES, NOT_ANSWERED)
    partner_counts = {key: count for key, count in counts.items() if key[0] in partner_ids}
    if current_user.role == VIEWER:
        return small_cell_suppression.suppress_table(partner_ids, columns, partner_counts)
    return dict(small_cell_suppression.add_totals(partner_ids, columns, partner_counts))


@console.post("/directory/<name>/called")
@allow_roles(STAFF)
def called(name: str) -> ResponseReturnValue:
    """Save the result of a call to the partner: the number and hours are correct, or not."""
    result, phone = request.form.get("result", ""), request.form.get("phone", "")
    if result not in ("right", "wrong"):
        abort(400, _("Choose whether the number and hours are correct."))
    is_right = result == "right"
    if not partner_directory.record_call(get_runtime(), name, phone, is_right, current_user.by, now()):
        abort(409, _("The number changed after you opened the page. Check it again."))
    if is_right:
        flash(_("Thank you. Families can see this partner from now on."))
    else:
        flash(_("Thank you. Families no longer see this partner. Ask for a corrected number in district.yaml."))
    return redirect(url_for("console.directory"))


@console.get("/suggestions", endpoint="suggestions")
@allow_roles(STAFF)
def suggestions_page() -> str:
    """Show the suggestions of families, community leaders, and staff, and a form for a new one."""
    return _render_suggestions()


def _render_suggestions(**typed_values: object) -> str:
    """Render the page. `typed_values`: the typed form of one suggestion, with its YAML lines or its errors."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        suggestions = partner_suggestions.list_to_review(db)
    names = {
        suggestion.from_whom: get_staff_name(runtime, suggestion.from_whom)
        for suggestion in suggestions
        if suggestion.from_whom != partner_suggestions.FAMILY_SUGGESTER
    }
    return render_template(
        "console/suggestions.html",
        found=suggestions,
        names=names,
        once=secrets.token_hex(12),
        kinds=PARTNER_KIND_LABELS,
        costs=PARTNER_COST_LABELS,
        services=PARTNER_SERVICE_LABELS,
        languages=runtime.library.district.languages,
        **typed_values,
    )


@console.post("/suggestions/<int:suggestion_id>/lines")
@allow_roles(STAFF)
def suggestion_lines(suggestion_id: int) -> ResponseReturnValue:
    """Show the lines for district.yaml that the typed values give. Nothing is saved or published."""
    typed, district = _read_partner_form(), get_runtime().library.district
    parsed = partner_yaml.parse_partner(typed)
    if isinstance(parsed, Partner):
        lines = partner_yaml.render_lines(parsed, district.partners)
        return _render_suggestions(chosen=suggestion_id, typed=typed, lines=lines)
    wrong = [_(PARTNER_FIELD_LABELS.get(field, field)) for field in parsed]
    return _render_suggestions(chosen=suggestion_id, typed=typed, wrong=wrong), 422


def _read_partner_form() -> dict[str, object]:
    """Return the form as values for the `Partner` model. If staff called today, the check date is today."""
    form = request.form
    values: dict[str, object] = {}
    for field in ("name", "kind", "phone", "cost"):
        values[field] = " ".join(form.get(field, "").split())[:120]
    for field in ("languages", "services"):
        values[field] = tuple(form.getlist(field))
    places = (place.strip() for place in form.get("area", "")[:200].split(","))
    values["area"] = tuple(place for place in places if place)
    values["website"] = re.sub(r"^https?://", "", form.get("website", "").strip().lower())[:120].rstrip("/")
    values["checked_on"] = ""
    if form.get("called"):
        values["checked_on"] = get_runtime().library.district.to_local_time(now()).date()
    return values


@console.post("/suggestions")
@allow_roles(STAFF)
def suggest() -> ResponseReturnValue:
    """Save the suggestion of a staff member. It needs a review like any other."""
    text, current_time = request.form.get("text", "").strip()[:MAX_SUGGESTION_LENGTH], now()
    if not text:
        abort(400, _("Enter the name and how it helps."))
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    suggestion = partner_suggestions.NewPartnerSuggestion(
        cause, current_user.by, current_user.language, mask_pii(text)[0]
    )
    with get_runtime().database.write() as db:
        if partner_suggestions.add(db, suggestion, current_time):
            audit_log.record(db, current_user.by, "suggested a partner", "suggestions", current_time)
    flash(_("Thank you. A colleague will review your suggestion."))
    return redirect(url_for("console.suggestions"))


@console.post("/suggestions/<int:suggestion_id>")
@allow_roles(STAFF)
def decide(suggestion_id: int) -> ResponseReturnValue:
    """Accept or decline a suggestion. This publishes nothing, because someone must edit the district file."""
    state, current_time = request.form.get("state", ""), now()
    if state not in SUGGESTION_DECISIONS:
        abort(400, _("Choose one of the two options."))
    with get_runtime().database.write() as db:
        is_decided = partner_suggestions.review(db, suggestion_id, state, current_user.by, current_time)
        if is_decided:
            subject = f"suggestion {suggestion_id}"
            audit_log.record(db, current_user.by, f"{state} a suggestion", subject, current_time)
    if not is_decided:
        flash(_("Another person was faster."))
    elif state == partner_suggestions.DECLINED:
        flash(_("Suggestion declined."))
    else:
        flash(
            _("Suggestion accepted. Families see the partner after it is in district.yaml and someone has called it.")
        )
    return redirect(url_for("console.suggestions"))
