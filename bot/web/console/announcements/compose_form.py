"""The form in which an announcement is written: what was typed, and all that is wrong with it, each at its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from bot.announcements import composition
from bot.announcements.composition import EVERYONE, ROLE_OF, TEXT_CHARACTERS, CannotSay
from bot.announcements.text import unknown_placeholders
from bot.base.database import now
from bot.content.district import District
from bot.store.announcements.announcements import Announcement, Draft
from bot.web.console.core.console_i18n import N_, _

MINUTES = "%Y-%m-%dT%H:%M"
"""How a `datetime-local` field writes the district's time."""
PLAIN = {
    "kind": N_("Choose what kind of announcement it is."),
    "sender": N_("Choose in whose name it is sent."),
    "link": N_("Write a link that begins with https://, or leave it empty."),
    "audience": N_("Choose everyone; or families, leaders or staff."),
    "channels": N_("Choose at least one way to send it."),
    "unapproved": N_("Choose what happens in languages that nobody has approved."),
    "send_at": N_("Write a day and a time, or leave it empty."),
    "until": N_("Write a day and a time, or leave it empty."),
}
"""What is wrong with a field of which the values do not fit."""
PAST = N_("The time to send it is past: choose a later one, or leave it empty for now.")
TOO_SHORT = N_("It holds true until a time before it is sent: choose a later one.")
AT = {"The time": "send_at", "It holds": "until", "An announcement": "sender", "There is no school": "audience"}
"""Beginnings of the sentences that `composing` says, and the field where each belongs; all others: channels."""


@dataclass(frozen=True)
class Typed:
    """What stands in the form's fields."""

    kind: str = ""
    sender: str = ""
    text: str = ""
    link: str = ""
    everyone: bool = False
    roles: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    unapproved: str = ""
    send_at: str = ""
    until: str = ""

    @classmethod
    def of(cls, form: MultiDict[str, str]) -> "Typed":
        """From what a browser sends; it ends lines with two letters."""
        single = {name: form.get(name, "").strip() for name in ("kind", "sender", "link", "send_at", "until")}
        many = {name: tuple(form.getlist(name)) for name in ("roles", "schools", "languages", "tags", "channels")}
        text = form.get("text", "").replace("\r\n", "\n").strip()
        more: dict[str, Any] = {**single, **many, "text": text}
        return cls(**more, everyone=bool(form.get("everyone")), unapproved=form.get("unapproved", ""))

    @classmethod
    def again(cls, district: District, draft: Announcement) -> "Typed":
        """A draft that is kept, to be changed."""
        roles = tuple(name for name, kept in ROLE_OF.items() if kept in draft.audience.roles)
        parts = (draft.audience.schools, draft.audience.languages, draft.audience.tags)
        everyone = len(roles) == len(ROLE_OF) and not any(parts)
        send_at = district.local(draft.send_at).strftime(MINUTES) if draft.send_at else ""
        until = district.local(draft.until).strftime(MINUTES)
        return cls(
            draft.kind, draft.sender, draft.text, draft.link, everyone, () if everyone else roles, *parts,
            draft.channels, draft.unapproved, send_at, until,
        )  # fmt: skip

    @property
    def named(self) -> bool:
        """Whether a part of all people is chosen."""
        return any((self.roles, self.schools, self.languages, self.tags))

    def values(self) -> dict[str, Any]:
        """As `composing` checks them."""
        who = {name: getattr(self, name) for name in ("roles", "schools", "languages", "tags")}
        given = {name: getattr(self, name) for name in ("kind", "sender", "text", "link", "channels", "unapproved")}
        times = {"send_at": self.send_at or None, "until": self.until or None}
        return {**given, **times, "audience": EVERYONE if self.everyone else who}


class Wrong(Exception):
    """What is wrong: a sentence by the name of its field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def draft_of(district: District, typed: Typed) -> Draft:
    """The draft that was typed; raises `Wrong`."""
    if typed.everyone and typed.named:
        raise Wrong({"audience": _("Everyone is chosen, and a part of them too: choose one of the two.")})
    try:
        return composition.draft_of(district, composition.written_from(typed.values()), now())
    except ValidationError as error:
        raise Wrong(_plain(error, typed)) from None
    except CannotSay as error:
        raise Wrong({_field(sentence): _(sentence) for sentence in error.problems}) from None


def _plain(error: ValidationError, typed: Typed) -> dict[str, str]:
    fields = [str(one["loc"][0]) if one["loc"] else "text" for one in error.errors()]
    return {field: _(PLAIN[field]) if field in PLAIN else _text_wrong(typed) for field in fields}


def _text_wrong(typed: Typed) -> str:
    unknown = unknown_placeholders(typed.text)
    if unknown:
        name = f"{{{unknown[0]}}}"
        return _("Nothing fills in {name}. See below which words in braces there are.", name=name)
    if "{link}" in typed.text and not typed.link:
        return _("The text has a place for a link, but no link is given.")
    if "{school}" in typed.text and len(typed.schools) != 1:
        return _("The text has a place for a school's name: choose exactly one school.")
    return _("Write a text of 3 to {count} characters.", count=TEXT_CHARACTERS)


def _field(sentence: str) -> str:
    return next((field for beginning, field in AT.items() if sentence.startswith(beginning)), "channels")
