"""The menu of the console, grouped by task. It contains only the pages that the current user can open."""

from flask import Flask
from flask_login import current_user

from bot.web.console.core.console_i18n import _
from bot.web.core.current_runtime import get_runtime

MenuLink = tuple[str, str]
"""(endpoint, label) of a page."""


def menu() -> list[tuple[str, list[MenuLink]]]:
    """Return (heading, pages) of each group with pages that the current user can open."""
    groups = []
    for heading, links in _build_groups():
        allowed_links = [(endpoint, label) for endpoint, label in links if current_user.may_open(endpoint)]
        if allowed_links:
            groups.append((heading, allowed_links))
    return groups


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
    """Whether the current user speaks this language according to the district file."""
    member = get_runtime().library.district.staff.get(current_user.staff or "")
    return bool(member and language in member.languages)


def register_menu(app: Flask) -> None:
    """Make `menu` and `speaks` available in templates."""
    app.jinja_env.globals.update(menu=menu, speaks=speaks)
