"""The inbox: who needs a person, the gravest first; finding a case by its number or by a family's phone."""

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
INBOX_TABS = ("open", "nobody", "mine", "done")

console = Blueprint(
    "console", __name__, url_prefix="/console", template_folder="../templates", static_folder="../static"
)


@dataclass(frozen=True)
class InboxRow:
    """One case as a line of the inbox; `opens` says whether this person may open it.  A viewer may not, and reads how
    long the list is: a topic, a language and a school together would tell of one family."""

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
    """Who needs a person; the list asks for news by itself."""
    return render_template("console/inbox.html", rows=_list_rows(), show=_read_tab(), shows=_get_tab_labels())


@console.get("/inbox/rows")
@allow_roles(*ACCOUNT_ROLES)
def inbox_rows() -> ResponseReturnValue:
    """Only the list, for the page that asks every few seconds."""
    return render_template("console/rows.html", rows=_list_rows(), show=_read_tab())


def _read_tab() -> str:
    wanted = request.args.get("show", "open")
    return wanted if wanted in INBOX_TABS else "open"


def _get_tab_labels() -> dict[str, str]:
    return {"open": _("Open"), "nobody": _("Unassigned"), "mine": _("Assigned to me"), "done": _("Done")}


def _list_rows() -> list[InboxRow]:
    """The gravest first, and of those the oldest; what is done, the newest first."""
    here, done = get_runtime(), _read_tab() == "done"
    with here.database.read() as db:
        found = case_list.iterate_done(db) if done else case_list.iterate_open(db)
        mine = (one for one in found if _is_in_tab(_read_tab(), one) and _can_see(here, one))
        return [_build_row(here, one) for one in islice(mine, MAX_DONE_ROWS if done else MAX_INBOX_ROWS)]


def _is_in_tab(tab: str, case: Case) -> bool:
    if tab == "nobody":
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
    """A link that staff got by text: it opens its case once, for whoever may see that; who may not does not use it up,
    nor does a machine that only asks what is there (HEAD)."""
    here, at = get_runtime(), now()
    with here.database.write() as db:
        case_id = one_time_links.find_case_id(db, secret[:64], at)
        case = cases.find(db, case_id) if case_id else None
        opens = case is not None and request.method == "GET" and is_in_scope(here.library.district, current_user, case)
        if opens and one_time_links.use(db, secret[:64], at):
            audit_log.record(db, current_user.by, "opened a link", f"case {case_id}", at)
            return redirect(url_for("console.case", case_id=case_id))
    abort(404, _("This link was used or has expired. Search for the case number."))


@console.get("/search")
@allow_roles(STAFF, RECORDS_OFFICER)
def search() -> ResponseReturnValue:
    """The form: by number, or by a phone that somebody types; nothing is listed by itself."""
    return render_template("console/search.html", rows=None, asked="")


@console.post("/search")
@allow_roles(STAFF, RECORDS_OFFICER)
def found() -> ResponseReturnValue:
    """The cases that fit; the number typed stands in no address and no log."""
    asked, here = request.form.get("for", "").strip()[:40], get_runtime()
    with here.database.read() as db:
        fitting = _find_cases(here, db, asked)
    rows = [_build_row(here, one) for one in fitting if is_in_scope(here.library.district, current_user, one)]
    return render_template("console/search.html", rows=rows, asked=asked)


def _find_cases(runtime: Runtime, db: Transaction, search_text: str) -> list[Case]:
    if search_text.lstrip("#").isdecimal() and len(search_text) < 8:
        one = cases.find(db, int(search_text.lstrip("#")))
        return [one] if one else []
    digits = "".join(char for char in search_text if char.isdecimal())
    number = f"+1{digits}" if len(digits) == 10 else f"+{digits}"
    who = contacts.list_for_number(db, number)
    return [case for one in who for case in cases.list_for_contact(db, one.id)]


def get_topic_title(topic: str) -> str:
    """A topic in the words of its flow's title."""
    flows = get_runtime().library.flows
    name = flows.find_by_intent(topic) or topic
    return flows.flows[name].title if name in flows.flows else FALLBACK_TOPIC_TITLES.get(topic, topic.replace("_", " "))
