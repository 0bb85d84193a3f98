"""The form in which an announcement is written: what was typed, and all that is wrong with it, each at its place."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from werkzeug.datastructures import MultiDict

from bot.announcements import composition
from bot.announcements.composition import (
    EVERYONE,
    MAX_ANNOUNCEMENT_CHARACTERS,
    ROLE_BY_AUDIENCE,
    InvalidAnnouncementError,
)
from bot.announcements.text import find_unknown_placeholders
from bot.base.database import now
from bot.content.district import District
from bot.store.announcements.announcements import Announcement, AnnouncementDraft
from bot.web.console.core.console_i18n import N_, _

ANNOUNCEMENT_TIME_FORMAT = "%Y-%m-%dT%H:%M"
"""How a `datetime-local` field writes the district's time."""
FIELD_ERROR_TEXTS = {
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
PAST_TIME_TEXT = N_("The time to send it is past: choose a later one, or leave it empty for now.")
EXPIRES_TOO_EARLY_TEXT = N_("It holds true until a time before it is sent: choose a later one.")
ERROR_TEXT_FIELDS = {
    "The time": "send_at",
    "It holds": "until",
    "An announcement": "sender",
    "There is no school": "audience",
}
"""Beginnings of the sentences that `composing` says, and the field where each belongs; all others: channels."""


@dataclass(frozen=True)
class AnnouncementForm:
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
    def from_fields(cls, form: MultiDict[str, str]) -> "AnnouncementForm":
        """From what a browser sends; it ends lines with two letters."""
        single = {name: form.get(name, "").strip() for name in ("kind", "sender", "link", "send_at", "until")}
        many = {name: tuple(form.getlist(name)) for name in ("roles", "schools", "languages", "tags", "channels")}
        text = form.get("text", "").replace("\r\n", "\n").strip()
        more: dict[str, Any] = {**single, **many, "text": text}
        return cls(**more, everyone=bool(form.get("everyone")), unapproved=form.get("unapproved", ""))

    @classmethod
    def from_announcement(cls, district: District, draft: Announcement) -> "AnnouncementForm":
        """A draft that is kept, to be changed."""
        roles = tuple(name for name, kept in ROLE_BY_AUDIENCE.items() if kept in draft.audience.roles)
        parts = (draft.audience.schools, draft.audience.languages, draft.audience.tags)
        everyone = len(roles) == len(ROLE_BY_AUDIENCE) and not any(parts)
        send_at = district.to_local_time(draft.send_at).strftime(ANNOUNCEMENT_TIME_FORMAT) if draft.send_at else ""
        until = district.to_local_time(draft.until).strftime(ANNOUNCEMENT_TIME_FORMAT)
        return cls(
            draft.kind, draft.sender, draft.text, draft.link, everyone, () if everyone else roles, *parts,
            draft.channels, draft.unapproved, send_at, until,
        )  # fmt: skip

    @property
    def has_audience_part(self) -> bool:
        """Whether a part of all people is chosen."""
        return any((self.roles, self.schools, self.languages, self.tags))

    def get_field_values(self) -> dict[str, Any]:
        """As `composing` checks them."""
        who = {name: getattr(self, name) for name in ("roles", "schools", "languages", "tags")}
        given = {name: getattr(self, name) for name in ("kind", "sender", "text", "link", "channels", "unapproved")}
        times = {"send_at": self.send_at or None, "until": self.until or None}
        return {**given, **times, "audience": EVERYONE if self.everyone else who}


class AnnouncementFormError(Exception):
    """What is wrong: a sentence by the name of its field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def build_draft(district: District, typed: AnnouncementForm) -> AnnouncementDraft:
    """The draft that was typed; raises `Wrong`."""
    if typed.everyone and typed.has_audience_part:
        raise AnnouncementFormError(
            {"audience": _("Everyone is chosen, and a part of them too: choose one of the two.")}
        )
    try:
        return composition.build_draft(district, composition.parse_input(typed.get_field_values()), now())
    except ValidationError as error:
        raise AnnouncementFormError(_explain_validation_errors(error, typed)) from None
    except InvalidAnnouncementError as error:
        raise AnnouncementFormError({_find_error_field(sentence): _(sentence) for sentence in error.problems}) from None


def _explain_validation_errors(error: ValidationError, typed: AnnouncementForm) -> dict[str, str]:
    fields = [str(one["loc"][0]) if one["loc"] else "text" for one in error.errors()]
    return {
        field: _(FIELD_ERROR_TEXTS[field]) if field in FIELD_ERROR_TEXTS else _explain_text_error(typed)
        for field in fields
    }


def _explain_text_error(typed: AnnouncementForm) -> str:
    unknown = find_unknown_placeholders(typed.text)
    if unknown:
        name = f"{{{unknown[0]}}}"
        return _("Nothing fills in {name}. See below which words in braces there are.", name=name)
    if "{link}" in typed.text and not typed.link:
        return _("The text has a place for a link, but no link is given.")
    if "{school}" in typed.text and len(typed.schools) != 1:
        return _("The text has a place for a school's name: choose exactly one school.")
    return _("Write a text of 3 to {count} characters.", count=MAX_ANNOUNCEMENT_CHARACTERS)


def _find_error_field(sentence: str) -> str:
    return next((field for beginning, field in ERROR_TEXT_FIELDS.items() if sentence.startswith(beginning)), "channels")
