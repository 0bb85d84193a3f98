"""The directory: who helps families, who calls them when, and what families said of it; suggestions wait beside it."""

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
    """One organization: `state` is fresh, stale or wrong; `until` the last day on which families are told of it."""

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
    """All partners: those that families are not told of first."""
    here, at = get_runtime(), now()
    checks = partner_directory.list_newest_checks(here, at)
    today = here.library.district.to_local_time(at).date()
    rows = [_build_row(here, name, one, checks, today) for name, one in here.library.district.partners.items()]
    rows.sort(key=lambda row: (row.state == "fresh", row.partner.name))
    with here.database.read() as db:
        counts = dict(referrals.count_by_outcome(db))
        waiting = len(partner_suggestions.list_to_review(db))
    words = {
        "kinds": PARTNER_KIND_LABELS,
        "costs": PARTNER_COST_LABELS,
        "services": PARTNER_SERVICE_LABELS,
        "said": REFERRAL_OUTCOME_LABELS,
    }
    page = {"rows": rows, "cells": _build_outcome_cells([row.id for row in rows], counts), "waiting": waiting, **words}
    return render_template("console/directory.html", **page, may_act=_can_act(), once=secrets.token_hex(12))


def _can_act() -> bool:
    return bool(current_user.may_open("console.called"))


def _build_row(
    runtime: Runtime, partner_id: str, partner: Partner, checks: Sequence[PartnerCheck], today: date
) -> DirectoryRow:
    district = runtime.library.district
    last = partners.find_last_check(partner_id, partner, checks)
    stands = partners.apply_checks({partner_id: partner}, checks).get(partner_id)
    state = "wrong" if stands is None else "fresh" if stands.is_recently_checked(today) else "stale"
    owners = ", ".join(district.staff[who].name for who in district.find_owners(partner.owner))
    by = get_staff_name(runtime, last.by) if last else ""
    return DirectoryRow(partner_id, partner, state, (stands or partner).get_last_valid_day(), owners, last, by)


def _build_outcome_cells(names: list[str], counts: dict[CellKey, int]) -> dict[CellKey, int | None]:
    """What families said; viewers see no number from which one family could be told."""
    columns = (*REFERRAL_OUTCOMES, NOT_ANSWERED)
    known = {key: count for key, count in counts.items() if key[0] in names}
    if current_user.role == VIEWER:
        return small_cell_suppression.suppress_table(names, columns, known)
    return dict(small_cell_suppression.add_totals(names, columns, known))


@console.post("/directory/<name>/called")
@allow_roles(STAFF)
def called(name: str) -> ResponseReturnValue:
    """Somebody has called: number and hours are right, or not."""
    result, phone = request.form.get("result", ""), request.form.get("phone", "")
    if result not in ("right", "wrong"):
        abort(400, _("Choose whether the number and hours are correct."))
    if not partner_directory.record_call(get_runtime(), name, phone, result == "right", current_user.by, now()):
        abort(409, _("The number changed after you opened the page. Check it again."))
    right = _("Thank you. Families can see this partner from now on.")
    wrong = _("Thank you. Families no longer see this partner. Ask for a corrected number in district.yaml.")
    flash(right if result == "right" else wrong)
    return redirect(url_for("console.directory"))


@console.get("/suggestions", endpoint="suggestions")
@allow_roles(STAFF)
def suggestions_page() -> str:
    """What families, leaders and colleagues suggest, and a form for one's own."""
    return _render_suggestions()


def _render_suggestions(**written: object) -> str:
    """`written`: what was typed of one of them, and the lines that came of it or what is wrong with it."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        found = partner_suggestions.list_to_review(db)
    names = {
        one.from_whom: get_staff_name(runtime, one.from_whom)
        for one in found
        if one.from_whom != partner_suggestions.FAMILY_SUGGESTER
    }
    known = {
        "kinds": PARTNER_KIND_LABELS,
        "costs": PARTNER_COST_LABELS,
        "services": PARTNER_SERVICE_LABELS,
        "languages": runtime.library.district.languages,
    }
    page = {"found": found, "names": names, "once": secrets.token_hex(12), **known, **written}
    return render_template("console/suggestions.html", **page)


@console.post("/suggestions/<int:suggestion_id>/lines")
@allow_roles(STAFF)
def suggestion_lines(suggestion_id: int) -> ResponseReturnValue:
    """The lines for district.yaml of what was found out by a call; nothing is kept and nothing goes live."""
    typed, district = _read_partner_form(), get_runtime().library.district
    made = partner_yaml.parse_partner(typed)
    written: dict[str, object] = {"chosen": suggestion_id, "typed": typed}
    if not isinstance(made, Partner):
        return _render_suggestions(**written, wrong=[_(PARTNER_FIELD_LABELS.get(one, one)) for one in made]), 422
    return _render_suggestions(**written, lines=partner_yaml.render_lines(made, district.partners))


def _read_partner_form() -> dict[str, object]:
    """The form as the model reads it; the day is today, for whoever fills it in has called."""
    form = request.form
    single = {name: " ".join(form.get(name, "").split())[:120] for name in ("name", "kind", "phone", "cost")}
    many = {name: tuple(form.getlist(name)) for name in ("languages", "services")}
    area = tuple(one for one in (part.strip() for part in form.get("area", "")[:200].split(",")) if one)
    website = re.sub(r"^https?://", "", form.get("website", "").strip().lower())[:120].rstrip("/")
    today = get_runtime().library.district.to_local_time(now()).date()
    return {**single, **many, "area": area, "website": website, "checked_on": today if form.get("called") else ""}


@console.post("/suggestions")
@allow_roles(STAFF)
def suggest() -> ResponseReturnValue:
    """A colleague's suggestion; it waits for review like any other."""
    text, at = request.form.get("text", "").strip()[:MAX_SUGGESTION_LENGTH], now()
    if not text:
        abort(400, _("Enter the name and how it helps."))
    cause = f"form:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
    new = partner_suggestions.NewPartnerSuggestion(cause, current_user.by, current_user.language, mask_pii(text)[0])
    with get_runtime().database.write() as db:
        if partner_suggestions.add(db, new, at):
            audit_log.record(db, current_user.by, "suggested a partner", "suggestions", at)
    flash(_("Thank you. A colleague will review your suggestion."))
    return redirect(url_for("console.suggestions"))


@console.post("/suggestions/<int:suggestion_id>")
@allow_roles(STAFF)
def decide(suggestion_id: int) -> ResponseReturnValue:
    """Somebody has looked: it will be added to the district file, or not.  Nothing goes live by this."""
    state, at = request.form.get("state", ""), now()
    if state not in SUGGESTION_DECISIONS:
        abort(400, _("Choose one of the two options."))
    with get_runtime().database.write() as db:
        decided = partner_suggestions.review(db, suggestion_id, state, current_user.by, at)
        if decided:
            audit_log.record(db, current_user.by, f"{state} a suggestion", f"suggestion {suggestion_id}", at)
    flash(_describe_decision(state) if decided else _("Another person was faster."))
    return redirect(url_for("console.suggestions"))


def _describe_decision(state: str) -> str:
    if state == partner_suggestions.DECLINED:
        return _("Suggestion declined.")
    return _("Suggestion accepted. Families see the partner after it is in district.yaml and someone has called it.")
