"""The menu: every page under what one comes to do; a template shows the groups that hold a page for this login."""

from flask import Flask
from flask_login import current_user

from bot.web.console.core.console_i18n import _
from bot.web.core.current_runtime import get_runtime

MenuLink = tuple[str, str]
"""(endpoint, words) of a page."""


def menu() -> list[tuple[str, list[MenuLink]]]:
    """(heading, its pages), the most pressing first; only what this login opens, and no heading over nothing."""
    own = [(heading, [link for link in links if current_user.may_open(link[0])]) for heading, links in _build_groups()]
    return [(heading, links) for heading, links in own if links]


def _build_groups() -> list[tuple[str, list[MenuLink]]]:
    return [
        (_("Families now"), _list_family_pages()),
        (_("Messages"), _list_message_pages()),
        (_("Schools and attendance"), _list_school_pages()),
        (_("Partners and leaders"), _list_community_pages()),
        (_("Content"), _list_content_pages()),
        (_("Oversight"), _list_oversight_pages()),
    ]


def _list_family_pages() -> list[MenuLink]:
    return [
        ("console.agents", _("Agents at school")),
        ("console.inbox", _("Inbox")),
        ("console.my_alerts", _("My alerts")),
        ("console.search", _("Find a case")),
        ("console.interpreters", _("Interpreters")),
        ("console.on_call", _("On-call schedule")),
    ]


def _list_message_pages() -> list[MenuLink]:
    return [
        ("console.announcements", _("Announcements")),
        ("console.gatherings", _("Meetings")),
        ("console.check_ins", _("Check-in texts")),
        ("console.phrases", _("Approved phrases")),
        ("console.recordings", _("Recordings")),
    ]


def _list_school_pages() -> list[MenuLink]:
    return [
        ("console.schools", _("School status")),
        ("console.attendance", _("Attendance")),
        ("console.needs", _("Support needs")),
    ]


def _list_community_pages() -> list[MenuLink]:
    return [
        ("console.directory", _("Directory")),
        ("console.handouts", _("Handouts")),
        ("console.leaders", _("Community leaders")),
        ("console.load", _("Workload")),
    ]


def _list_content_pages() -> list[MenuLink]:
    return [
        ("console.digest", _("Weekly digest")),
        ("console.register", _("Facts and sources")),
        ("console.content", _("Content to review")),
        ("console.flows", _("Flows")),
        ("console.review", _("Topic corrections")),
    ]


def _list_oversight_pages() -> list[MenuLink]:
    return [
        ("console.figures", _("Figures")),
        ("console.consent", _("Proof of consent")),
        ("console.family", _("Family data")),
        ("console.kept", _("Data retention")),
        ("console.demanded_page", _("Disclosure inventory")),
        ("console.audit", _("Audit log")),
        ("console.well", _("System health")),
        ("console.people", _("Accounts")),
        ("console.account", _("My account")),
    ]


def speaks(language: str | None) -> bool:
    """Whether who is logged in speaks this language, as the district file says."""
    person = get_runtime().library.district.staff.get(current_user.staff or "")
    return bool(person and language in person.languages)


def register_menu(app: Flask) -> None:
    """Templates call both."""
    app.jinja_env.globals.update(menu=menu, speaks=speaks)
