"""What somebody writes, from the console's form or a YAML file, checked: a clear sentence for everything wrong."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from bot.announcements.approval import compute_digest
from bot.announcements.text import ANNOUNCEMENT_PLACEHOLDERS, build_rsvp_reply, find_unknown_placeholders
from bot.base.database import Transaction, now
from bot.base.language_codes import Language
from bot.content.district import District, FamilyChannel
from bot.flows.model import Name, StrictModel
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements
from bot.store.announcements.announcements import Announcement, AnnouncementDraft, Audience

ANNOUNCEMENT_KINDS = ("emergency", "attendance", "event", "general")
VALIDITY_BY_KIND = {
    "emergency": timedelta(days=1),
    "attendance": timedelta(days=2),
    "event": timedelta(days=14),
    "general": timedelta(days=14),
}
"""How long each kind holds true, if nobody says otherwise; after it nobody passes it on."""
MAX_ANNOUNCEMENT_CHARACTERS = 1000
LATEST_ALLOWED_YEAR = 2099
"""What is later is a slip of the keys; the end of the calendar itself has no time on the world's clocks any more."""
ROLE_BY_AUDIENCE = {"families": "family", "leaders": "leader", "staff": "staff"}
EVERYONE = "everyone"


class InvalidAnnouncementError(Exception):
    """What is wrong with a draft, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class AudienceInput(StrictModel):
    """An audience.  What is left out fits all: no schools are all schools."""

    roles: tuple[Literal["families", "leaders", "staff"], ...] = Field(default=("families",), min_length=1)
    schools: tuple[Name, ...] = ()
    languages: tuple[Language, ...] = ()
    tags: tuple[str, ...] = ()


class AnnouncementInput(StrictModel):
    """An announcement as it is written.  Times without a zone are the district's."""

    kind: Literal["emergency", "attendance", "event", "general"]
    sender: Name
    text: Annotated[str, Field(min_length=3, max_length=MAX_ANNOUNCEMENT_CHARACTERS)]
    link: Annotated[str, Field(max_length=300)] = ""
    audience: AudienceInput | Literal["everyone"]
    channels: Annotated[tuple[FamilyChannel, ...], Field(min_length=1)] | None = None
    """Left out: all of the district's."""
    unapproved: Literal["hold", "machine"]
    send_at: datetime | None = None
    until: datetime | None = None

    @field_validator("link")
    @classmethod
    def _check_link(cls, link: str) -> str:
        if link and (not link.startswith("https://") or any(char.isspace() for char in link)):
            raise ValueError("write a link that begins with https://, or leave it empty")
        return link

    @field_validator("send_at", "until")
    @classmethod
    def _check_year(cls, at: datetime | None) -> datetime | None:
        if at and at.year > LATEST_ALLOWED_YEAR:
            raise ValueError(f"write a time before the end of {LATEST_ALLOWED_YEAR}")
        return at

    @model_validator(mode="after")
    def _check_placeholders(self) -> Self:
        unknown = find_unknown_placeholders(self.text)
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in ANNOUNCEMENT_PLACEHOLDERS)
            raise ValueError(f"nothing fills in {{{unknown[0]}}}: an announcement may hold {known}")
        if "{link}" in self.text and not self.link:
            raise ValueError("the text holds {link}, but no link is given")
        if "{school}" in self.text and (isinstance(self.audience, str) or len(self.audience.schools) != 1):
            raise ValueError("the text holds {school}, but it is not for exactly one school")
        if "{reply}" in self.text and not build_rsvp_reply(self.link):
            raise ValueError("the text holds {reply}, but the link is not the page of a gathering")
        return self


def build_draft(district: District, written: AnnouncementInput, at: datetime) -> AnnouncementDraft:
    """The draft; raises `CannotSay` if it names what the district file does not know, or a time that is past."""
    send_at, until = _localize_time(district, written.send_at), _localize_time(district, written.until)
    until = until or (send_at or at) + VALIDITY_BY_KIND[written.kind]
    who = (
        AudienceInput(roles=("families", "leaders", "staff")) if isinstance(written.audience, str) else written.audience
    )
    problems = [
        *_find_unknown_names(district, written, who),
        *_find_time_problems(send_at, until, at),
    ]
    if problems:
        raise InvalidAnnouncementError(problems)
    audience = Audience(
        roles=tuple(ROLE_BY_AUDIENCE[role] for role in who.roles),
        schools=who.schools,
        languages=who.languages,
        tags=tuple(" ".join(tag.split()).casefold() for tag in who.tags),
    )
    return AnnouncementDraft(
        written.kind, written.sender, written.text.strip(), audience, until, written.link,
        written.channels or district.channels,
        written.unapproved, send_at,
    )  # fmt: skip


def _localize_time(district: District, given: datetime | None) -> datetime | None:
    if given is None or given.tzinfo is not None:
        return given
    return given.replace(tzinfo=ZoneInfo(district.time_zone))


def _find_unknown_names(district: District, written: AnnouncementInput, audience_input: AudienceInput) -> list[str]:
    senders = list_senders(district)
    problems = [
        f"There is no school '{one}' in the district file."
        for one in audience_input.schools
        if one not in district.schools
    ]
    problems += [
        f"'{one}' is not a channel of this district." for one in written.channels or () if one not in district.channels
    ]
    if written.sender not in senders:
        problems.append(f"An announcement cannot stand in the name of '{written.sender}': choose {', '.join(senders)}.")
    return problems


def _find_time_problems(send_at: datetime | None, until: datetime, at: datetime) -> list[str]:
    problems = []
    if send_at and send_at < at - timedelta(minutes=5):
        problems.append("The time to send it is past: choose a later one, or leave it empty for now.")
    if until <= (send_at or at):
        problems.append("It holds true until a time before it is sent: choose a later one.")
    return problems


def list_senders(district: District) -> tuple[str, ...]:
    """In whose name an announcement may stand (staff ids)."""
    return district.announcements.senders or tuple(district.staff)


def save_draft(
    runtime: Runtime,
    draft: AnnouncementDraft,
    by: str,
    announcement_id: int | None = None,
    seen_digest: str | None = None,
) -> Announcement:
    """A new announcement, or the draft with this number written anew; whoever had approved it must do so again.
    `seen`: the digest (of its words alone) of what was looked at.

    Raises `CannotSay` if it is no draft any more, or if somebody else has written it anew meanwhile.
    """
    at = now()
    with runtime.database.write() as db:
        if announcement_id is None:
            return add_draft(db, draft, by, at)
        if _has_changed_since(announcements.find(db, announcement_id), seen_digest):
            raise InvalidAnnouncementError(["It was changed just now: look at it again."])
        if not announcements.update_draft(db, announcement_id, draft, by):
            raise InvalidAnnouncementError(["This announcement has been released: stop it, and write a new one."])
        audit_log.record(db, by, "changed an announcement", f"announcement {announcement_id}", at)
        return _find_saved(db, announcement_id)


def add_draft(db: Transaction, draft: AnnouncementDraft, by: str, at: datetime) -> Announcement:
    """A new announcement, in a transaction that is open."""
    number = announcements.add(db, draft, by, at)
    audit_log.record(db, by, "wrote an announcement", f"announcement {number}", at)
    return _find_saved(db, number)


def _find_saved(db: Transaction, announcement_id: int) -> Announcement:
    kept = announcements.find(db, announcement_id)
    assert kept is not None, "just kept"
    return kept


def _has_changed_since(before: Announcement | None, seen_digest: str | None) -> bool:
    return before is not None and before.state == "draft" and seen_digest not in (None, compute_digest(before, {}))


def parse_input(given: Mapping[str, Any]) -> AnnouncementInput:
    """From a form's values; raises pydantic's `ValidationError`."""
    return AnnouncementInput.model_validate(given)
