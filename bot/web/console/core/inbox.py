"""The inbox: who needs a person, the gravest first; finding a case by its number or by a family's phone."""

from dataclasses import dataclass
from itertools import islice

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.cases.alert_text import TITLES
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import case_list, cases, one_time_links
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.web.console.core.case_view import age, name_of
from bot.web.console.core.console_i18n import _, language_name
from bot.web.console.core.permissions import RECORDS, ROLES, STAFF, VIEWER, allowed, in_scope
from bot.web.core.current_runtime import services

SHOWN = 300
DONE_SHOWN = 20
SHOWS = ("open", "nobody", "mine", "done")

console = Blueprint(
    "console", __name__, url_prefix="/console", template_folder="../templates", static_folder="../static"
)


@dataclass(frozen=True)
class Row:
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
@allowed(*ROLES)
def inbox() -> ResponseReturnValue:
    """Who needs a person; the list asks for news by itself."""
    return render_template("console/inbox.html", rows=_rows(), show=_show(), shows=_tabs())


@console.get("/inbox/rows")
@allowed(*ROLES)
def inbox_rows() -> ResponseReturnValue:
    """Only the list, for the page that asks every few seconds."""
    return render_template("console/rows.html", rows=_rows(), show=_show())


def _show() -> str:
    wanted = request.args.get("show", "open")
    return wanted if wanted in SHOWS else "open"


def _tabs() -> dict[str, str]:
    return {"open": _("Open"), "nobody": _("Nobody has it"), "mine": _("Mine"), "done": _("Done")}


def _rows() -> list[Row]:
    """The gravest first, and of those the oldest; what is done, the newest first."""
    here, done = services(), _show() == "done"
    with here.database.read() as db:
        found = case_list.done(db) if done else case_list.waiting(db)
        mine = (one for one in found if _fits(_show(), one) and _may_see(here, one))
        return [_row(here, one) for one in islice(mine, DONE_SHOWN if done else SHOWN)]


def _fits(show: str, one: Case) -> bool:
    if show == "nobody":
        return one.claimed_by is None
    return show != "mine" or one.claimed_by == str(current_user.by)


def _may_see(here: Services, one: Case) -> bool:
    return current_user.role == VIEWER or in_scope(here.library.district, current_user, one)


def _row(here: Services, one: Case) -> Row:
    school = here.library.district.schools.get(one.school or "")
    return Row(
        case=one,
        title=title(one.topic),
        language=language_name(one.language),
        school=school.name if school else "",
        who=name_of(here, one.claimed_by),
        age=age(one.opened_at),
        opens=current_user.role != VIEWER,
    )


@console.get("/open/<secret>")
@allowed(STAFF, RECORDS)
def open_link(secret: str) -> ResponseReturnValue:
    """A link that staff got by text: it opens its case once, for whoever may see that; who may not does not use it up,
    nor does a machine that only asks what is there (HEAD)."""
    here, at = services(), now()
    with here.database.write() as db:
        case_id = one_time_links.leads_to(db, secret[:64], at)
        case = cases.find(db, here.database.vault, case_id) if case_id else None
        opens = case is not None and request.method == "GET" and in_scope(here.library.district, current_user, case)
        if opens and one_time_links.use(db, secret[:64], at):
            audit_log.record(db, current_user.by, "opened a link", f"case {case_id}", at)
            return redirect(url_for("console.case", case_id=case_id))
    abort(404, _("This link was used before, or is too old. Look for the case by its number."))


@console.get("/search")
@allowed(STAFF, RECORDS)
def search() -> ResponseReturnValue:
    """The form: by number, or by a phone that somebody types; nothing is listed by itself."""
    return render_template("console/search.html", rows=None, asked="")


@console.post("/search")
@allowed(STAFF, RECORDS)
def found() -> ResponseReturnValue:
    """The cases that fit; the number typed stands in no address and no log."""
    asked, here = request.form.get("for", "").strip()[:40], services()
    with here.database.read() as db:
        fitting = _find(here, db, asked)
    rows = [_row(here, one) for one in fitting if in_scope(here.library.district, current_user, one)]
    return render_template("console/search.html", rows=rows, asked=asked)


def _find(here: Services, db: Connection, asked: str) -> list[Case]:
    vault = here.database.vault
    if asked.lstrip("#").isdecimal() and len(asked) < 8:
        one = cases.find(db, vault, int(asked.lstrip("#")))
        return [one] if one else []
    digits = "".join(char for char in asked if char.isdecimal())
    number = f"+1{digits}" if len(digits) == 10 else f"+{digits}"
    who = contacts.of_number(db, vault, number)
    return [case for one in who for case in cases.of_contact(db, vault, one.id)]


def title(topic: str) -> str:
    """A topic in the words of its flow's title."""
    flows = services().library.flows
    name = flows.for_intent(topic) or topic
    return flows.flows[name].title if name in flows.flows else TITLES.get(topic, topic.replace("_", " "))
