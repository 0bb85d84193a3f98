"""The menu: every page in the order in which staff need it; a template shows those that this login opens."""

from flask import Flask
from flask_login import current_user

from bot.web.console.words import _
from bot.web.here import services


def menu() -> list[tuple[str, str]]:
    """(endpoint, words) of each page."""
    return [
        ("console.inbox", _("Who needs a person")),
        ("console.my_alerts", _("My alerts")),
        ("console.search", _("Find a case")),
        ("console.announcements", _("Announcements")),
        ("console.schools", _("Schools today")),
        ("console.gatherings", _("Gatherings")),
        ("console.leaders", _("Community leaders")),
        ("console.load", _("Who carries how much")),
        ("console.on_call", _("Who is on call")),
        ("console.interpreters", _("Interpreters")),
        ("console.phrases", _("Approved phrases")),
        ("console.recordings", _("Recordings")),
        ("console.directory", _("Directory")),
        ("console.figures", _("Figures")),
        ("console.review", _("Wrong topics")),
        ("console.flows", _("Flows")),
        ("console.content", _("Content to check")),
        ("console.register", _("All facts and sources")),
        ("console.digest", _("Weekly digest")),
        ("console.consent", _("Proof of consent")),
        ("console.audit", _("Who did what")),
        ("console.people", _("Logins")),
        ("console.agents", _("Agents at school")),
        ("console.attendance", _("Attendance")),
        ("console.needs", _("Needs")),
        ("console.check_ins", _("Check-in texts")),
        ("console.account", _("My login")),
    ]


def speaks(language: str | None) -> bool:
    """Whether who is logged in speaks this language, as the district file says."""
    person = services().library.district.staff.get(current_user.staff or "")
    return bool(person and language in person.languages)


def register_menu(app: Flask) -> None:
    """Templates call both."""
    app.jinja_env.globals.update(menu=menu, speaks=speaks)
