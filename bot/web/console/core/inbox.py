"""The inbox: open cases by severity, links from alerts, and the search for a case by its number or a phone number."""

from dataclasses import dataclass
from itertools import islice

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import Transaction, now
from bot.cases.alert_text import FALLBACK_TOPIC_TITLES
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import case_list, cases, one_time_links
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.web.console.core.case_view import format_age, get_staff_name
from bot.web.console.core.console_i18n import _, language_name
from bot.web.console.core.permissions import ACCOUNT_ROLES, RECORDS_OFFICER, STAFF, VIEWER, allow_roles, is_in_scope
from bot.web.core.current_runtime import get_runtime

MAX_INBOX_ROWS = 300
MAX_DONE_ROWS = 20
INBOX_TABS = ("open", "unassigned", "mine", "done")

console = Blueprint(
    "console", __name__, url_prefix="/console", template_folder="../templates", static_folder="../static"
)


@dataclass(frozen=True)
class InboxRow:
    """One case in the inbox. `opens` says whether the current user can open it.

    A viewer can't, and sees only its number and age. Topic, language, and school together could identify a family.
    """

    case: Case
    title: str
    language: str
    school: str
    who: str
    age: str
    opens: bool


@console.get("/")
@allow_roles(*ACCOUNT_ROLES)
def inbox() -> ResponseReturnValue:
    """Show the inbox, whose list polls for updates."""
    return render_template("console/inbox.html", rows=_list_rows(), show=_read_tab(), shows=_get_tab_labels())


@console.get("/inbox/rows")
@allow_roles(*ACCOUNT_ROLES)
def inbox_rows() -> ResponseReturnValue:
    """Return only the list, for polling."""
    return render_template("console/rows.html", rows=_list_rows(), show=_read_tab())


def _read_tab() -> str:
    tab = request.args.get("show", "open")
    if tab not in INBOX_TABS:
        return "open"
    return tab


def _get_tab_labels() -> dict[str, str]:
    return {"open": _("Open"), "unassigned": _("Unassigned"), "mine": _("Assigned to me"), "done": _("Done")}


def _list_rows() -> list[InboxRow]:
    """Return open cases by severity and then by age, or done cases with the newest first."""
    runtime, tab = get_runtime(), _read_tab()
    with runtime.database.read() as db:
        if tab == "done":
            all_cases, limit = case_list.iterate_done(db), MAX_DONE_ROWS
        else:
            all_cases, limit = case_list.iterate_open(db), MAX_INBOX_ROWS
        visible = (case for case in all_cases if _is_in_tab(tab, case) and _can_see(runtime, case))
        return [_build_row(runtime, case) for case in islice(visible, limit)]


def _is_in_tab(tab: str, case: Case) -> bool:
    if tab == "unassigned":
        return case.claimed_by is None
    return tab != "mine" or case.claimed_by == str(current_user.by)


def _can_see(runtime: Runtime, case: Case) -> bool:
    return current_user.role == VIEWER or is_in_scope(runtime.library.district, current_user, case)


def _build_row(runtime: Runtime, case: Case) -> InboxRow:
    school = runtime.library.district.schools.get(case.school or "")
    return InboxRow(
        case=case,
        title=get_topic_title(case.topic),
        language=language_name(case.language),
        school=school.name if school else "",
        who=get_staff_name(runtime, case.claimed_by),
        age=format_age(case.opened_at),
        opens=current_user.role != VIEWER,
    )


@console.get("/open/<secret>")
@allow_roles(STAFF, RECORDS_OFFICER)
def open_link(secret: str) -> ResponseReturnValue:
    """Open the case of a one-time link that staff got by text.

    A user who can't see the case doesn't use up the link. Neither does a HEAD request, such as a link preview.
    """
    runtime, current_time = get_runtime(), now()
    with runtime.database.write() as db:
        case_id = one_time_links.find_case_id(db, secret[:64], current_time)
        case = cases.find(db, case_id) if case_id else None
        is_visible = case is not None and is_in_scope(runtime.library.district, current_user, case)
        if is_visible and request.method == "GET" and one_time_links.use(db, secret[:64], current_time):
            audit_log.record(db, current_user.by, "opened a link", f"case {case_id}", current_time)
            return redirect(url_for("console.case", case_id=case_id))
    abort(404, _("This link was used or has expired. Search for the case number."))


@console.get("/search")
@allow_roles(STAFF, RECORDS_OFFICER)
def search() -> ResponseReturnValue:
    """Show the empty search form for a case number or a phone number."""
    return render_template("console/search.html", rows=None, asked="")


@console.post("/search")
@allow_roles(STAFF, RECORDS_OFFICER)
def found() -> ResponseReturnValue:
    """Show the matching cases. The form uses POST so that the phone number appears in no URL and no log."""
    search_text, runtime = request.form.get("for", "").strip()[:40], get_runtime()
    with runtime.database.read() as db:
        matches = _find_cases(db, search_text)
    district = runtime.library.district
    rows = [_build_row(runtime, case) for case in matches if is_in_scope(district, current_user, case)]
    return render_template("console/search.html", rows=rows, asked=search_text)


def _find_cases(db: Transaction, search_text: str) -> list[Case]:
    if search_text.lstrip("#").isdecimal() and len(search_text) < 8:
        case = cases.find(db, int(search_text.lstrip("#")))
        return [case] if case else []
    digits = "".join(char for char in search_text if char.isdecimal())
    if len(digits) == 10:
        digits = f"1{digits}"
    matching_contacts = contacts.list_for_number(db, f"+{digits}")
    return [case for contact in matching_contacts for case in cases.list_for_contact(db, contact.id)]


def get_topic_title(topic: str) -> str:
    """Return the title of the topic's flow, or a fallback for a topic without a flow."""
    flows = get_runtime().library.flows
    name = flows.find_by_intent(topic) or topic
    if name in flows.flows:
        return flows.flows[name].title
    return FALLBACK_TOPIC_TITLES.get(topic, topic.replace("_", " "))
