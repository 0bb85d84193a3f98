"""Logging in, who needs a person, one case."""

import secrets
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error
from flask import Blueprint, Flask, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from sqlalchemy.exc import NoResultFound

from bot.content.languages import english_name
from bot.services import Services
from bot.store import cases, contacts, corrections, deliveries, logins
from bot.store.db import now
from bot.understanding import SEVERITY
from bot.web.here import services

SHOWN = 100
FIRST_NAME = "admin"
HASHER = PasswordHasher()
NOBODY = HASHER.hash("nobody has this password")
"""Compared for unknown names, so that the time taken does not tell which names exist."""

console = Blueprint("console", __name__, url_prefix="/console", template_folder="templates", static_folder="static")


@dataclass(frozen=True)
class Member(UserMixin):
    """Who is logged in."""

    id: int
    name: str


def register(app: Flask) -> None:
    """Put the console into the app, with its logins."""
    app.register_blueprint(console)
    manager = LoginManager(app)
    manager.login_view = "console.login"
    manager.session_protection = "strong"
    manager.user_loader(_member)


def first_login(services: Services) -> tuple[str, str] | None:
    """Name and password of a first login, made if there is none yet; the password is told this once only."""
    with services.database.read() as db:
        if not logins.none_yet(db):
            return None
    return FIRST_NAME, new_password(services, FIRST_NAME)


def new_password(services: Services, name: str) -> str:
    """A login with this name and a new password, which is told this once only."""
    password = secrets.token_urlsafe(12)
    with services.database.write() as db:
        logins.set_password(db, name, HASHER.hash(password))
    return password


def _member(member_id: str) -> Member | None:
    with services().database.read() as db:
        found = logins.by_id(db, int(member_id)) if member_id.isdigit() else None
    return Member(found.id, found.name) if found else None


@console.get("/login")
def login() -> ResponseReturnValue:
    """The form."""
    return render_template("console/login.html", wrong=False)


@console.post("/login")
def log_in() -> ResponseReturnValue:
    """Check name and password."""
    with services().database.read() as db:
        found = logins.by_name(db, request.form.get("name", "")[:64])
    if not _fits(found.password_hash if found else NOBODY, request.form.get("password", "")) or not found:
        return render_template("console/login.html", wrong=True), 401
    login_user(Member(found.id, found.name))
    return redirect(url_for("console.inbox"))


@console.post("/logout")
@login_required
def log_out() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    return redirect(url_for("console.login"))


@console.get("/")
@login_required
def inbox() -> ResponseReturnValue:
    """Who needs a person: what nobody has handled first."""
    here = services()
    with here.database.read() as db:
        found = cases.newest(db, here.database.vault, SHOWN)
    return render_template("console/inbox.html", cases=found, title=title, language=english_name)


@console.get("/cases/<int:case_id>")
@login_required
def case(case_id: int) -> ResponseReturnValue:
    """One case: what the family told, how to call back, who was alerted."""
    here = services()
    with here.database.read() as db:
        try:
            found = cases.get(db, here.database.vault, case_id)
        except NoResultFound:
            abort(404, f"There is no case {case_id}.")
        contact = contacts.get(db, here.database.vault, found.contact_id)
        alerts = deliveries.of_case(db, here.database.vault, case_id)
        notes = contacts.notes_of(db, contact.id)
        corrected = corrections.of_case(db, here.database.vault, case_id)
    staff = {person: member.name for person, member in here.library.district.staff.items()}
    page = {"case": found, "contact": contact, "alerts": alerts, "notes": notes, "staff": staff}
    page |= {"corrected": corrected, "topics": sorted(SEVERITY, key=title)}
    return render_template("console/case.html", **page, title=title, language=english_name)


@console.post("/cases/<int:case_id>/done")
@login_required
def done(case_id: int) -> ResponseReturnValue:
    """Mark a case as handled."""
    with services().database.write() as db:
        cases.set_handled(db, case_id, current_user.name, now())
    return redirect(url_for("console.case", case_id=case_id))


def _fits(password_hash: str, password: str) -> bool:
    try:
        return HASHER.verify(password_hash, password)
    except Argon2Error:
        return False


def title(topic: str) -> str:
    """A topic in the words of its flow's title."""
    flows = services().library.flows
    name = flows.for_intent(topic) or topic
    return flows.flows[name].title if name in flows.flows else topic
