"""The form to write an announcement: its values, and an error text for each field that is invalid."""

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
"""The format in which a `datetime-local` field submits local time."""
FIELD_ERROR_TEXTS = {
    "kind": N_("Choose a type of announcement."),
    "sender": N_("Choose a sender."),
    "link": N_("Enter a link that starts with https://, or leave it empty."),
    "audience": N_("Choose everyone, or choose families, leaders, or staff."),
    "channels": N_("Choose at least one channel."),
    "unapproved": N_("Choose what happens with unapproved languages."),
    "send_at": N_("Enter a date and time, or leave it empty."),
    "until": N_("Enter a date and time, or leave it empty."),
}
"""The error text for each field whose value is missing or invalid."""
PAST_TIME_TEXT = N_("The send time is in the past. Choose a later time, or leave it empty to send without delay.")
EXPIRES_TOO_EARLY_TEXT = N_("The end of validity is before the send time. Choose a later time.")
ERROR_TEXT_FIELDS = {
    "There is no school": "audience",
    "cannot be the sender": "sender",
    "validity": "until",
    "send time": "send_at",
}
"""Parts of the error messages of `bot.announcements.composition`, and the field of each.

The first match counts. All other messages are about the channels.
"""


@dataclass(frozen=True)
class AnnouncementForm:
    """The values of the form's fields, as typed."""

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
        """Read the submitted form. Browsers end lines with CR LF, which becomes LF."""
        single = {name: form.get(name, "").strip() for name in ("kind", "sender", "link", "send_at", "until")}
        many = {name: tuple(form.getlist(name)) for name in ("roles", "schools", "languages", "tags", "channels")}
        text = form.get("text", "").replace("\r\n", "\n").strip()
        values: dict[str, Any] = {**single, **many, "text": text}
        return cls(**values, everyone=bool(form.get("everyone")), unapproved=form.get("unapproved", ""))

    @classmethod
    def from_announcement(cls, district: District, draft: Announcement) -> "AnnouncementForm":
        """Fill in the form with a saved draft."""
        roles = tuple(name for name, role in ROLE_BY_AUDIENCE.items() if role in draft.audience.roles)
        parts = (draft.audience.schools, draft.audience.languages, draft.audience.tags)
        everyone = len(roles) == len(ROLE_BY_AUDIENCE) and not any(parts)
        send_at = ""
        if draft.send_at:
            send_at = district.to_local_time(draft.send_at).strftime(ANNOUNCEMENT_TIME_FORMAT)
        until = district.to_local_time(draft.until).strftime(ANNOUNCEMENT_TIME_FORMAT)
        return cls(
            draft.kind, draft.sender, draft.text, draft.link, everyone, () if everyone else roles, *parts,
            draft.channels, draft.unapproved, send_at, until,
        )  # fmt: skip

    @property
    def has_audience_part(self) -> bool:
        """Whether the audience is limited by role, school, language, or tag."""
        return any((self.roles, self.schools, self.languages, self.tags))

    def get_field_values(self) -> dict[str, Any]:
        """Return the values in the form that `composition.parse_input` checks."""
        audience: Any = {name: getattr(self, name) for name in ("roles", "schools", "languages", "tags")}
        if self.everyone:
            audience = EVERYONE
        values = {name: getattr(self, name) for name in ("kind", "sender", "text", "link", "channels", "unapproved")}
        times = {"send_at": self.send_at or None, "until": self.until or None}
        return {**values, **times, "audience": audience}


class AnnouncementFormError(Exception):
    """The form is invalid. `problems` contains one sentence by field name."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def build_draft(district: District, form: AnnouncementForm) -> AnnouncementDraft:
    """Build the draft from the form. Raises `AnnouncementFormError`."""
    if form.everyone and form.has_audience_part:
        raise AnnouncementFormError({"audience": _("Choose either everyone or a part of them.")})
    try:
        return composition.build_draft(district, composition.parse_input(form.get_field_values()), now())
    except ValidationError as error:
        raise AnnouncementFormError(_explain_validation_errors(error, form)) from None
    except InvalidAnnouncementError as error:
        raise AnnouncementFormError({_find_error_field(sentence): _(sentence) for sentence in error.problems}) from None


def _explain_validation_errors(error: ValidationError, form: AnnouncementForm) -> dict[str, str]:
    problems = {}
    for detail in error.errors():
        field = str(detail["loc"][0]) if detail["loc"] else "text"
        if field in FIELD_ERROR_TEXTS:
            problems[field] = _(FIELD_ERROR_TEXTS[field])
        else:
            problems[field] = _explain_text_error(form)
    return problems


def _explain_text_error(form: AnnouncementForm) -> str:
    unknown = find_unknown_placeholders(form.text)
    if unknown:
        name = f"{{{unknown[0]}}}"
        return _("{name} isn't a word that Puente can fill in. See the list of words below.", name=name)
    if "{link}" in form.text and not form.link:
        return _("The text has a place for a link. Enter a link.")
    if "{school}" in form.text and len(form.schools) != 1:
        return _("The text has a place for a school's name. Choose exactly one school.")
    return _("Enter a text of 3 to {count} characters.", count=MAX_ANNOUNCEMENT_CHARACTERS)


def _find_error_field(sentence: str) -> str:
    return next((field for fragment, field in ERROR_TEXT_FIELDS.items() if fragment in sentence), "channels")
