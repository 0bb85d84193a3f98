"""Check an announcement from the console form or a YAML file, and save it as a draft."""

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
"""How long an announcement stays valid if the writer sets no end. After the end, Puente no longer passes it on."""
MAX_ANNOUNCEMENT_CHARACTERS = 1000
LATEST_ALLOWED_YEAR = 2099
"""A later year is a typing error. Times near the end of the calendar also overflow in some time zones."""
ROLE_BY_AUDIENCE = {"families": "family", "leaders": "leader", "staff": "staff"}
EVERYONE = "everyone"


class InvalidAnnouncementError(Exception):
    """A draft is invalid. `problems` contains one sentence for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


class AudienceInput(StrictModel):
    """The audience as staff enter it. An empty list matches everything: no schools means all schools."""

    roles: tuple[Literal["families", "leaders", "staff"], ...] = Field(default=("families",), min_length=1)
    schools: tuple[Name, ...] = ()
    languages: tuple[Language, ...] = ()
    tags: tuple[str, ...] = ()


class AnnouncementInput(StrictModel):
    """An announcement as staff write it. Times without a zone are in the district's time zone."""

    kind: Literal["emergency", "attendance", "event", "general"]
    sender: Name
    text: Annotated[str, Field(min_length=3, max_length=MAX_ANNOUNCEMENT_CHARACTERS)]
    link: Annotated[str, Field(max_length=300)] = ""
    audience: AudienceInput | Literal["everyone"]
    channels: Annotated[tuple[FamilyChannel, ...], Field(min_length=1)] | None = None
    """Without a value, Puente uses all channels of the district."""
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
    def _check_year(cls, moment: datetime | None) -> datetime | None:
        if moment and moment.year > LATEST_ALLOWED_YEAR:
            raise ValueError(f"write a time before the end of {LATEST_ALLOWED_YEAR}")
        return moment

    @model_validator(mode="after")
    def _check_placeholders(self) -> Self:
        unknown = find_unknown_placeholders(self.text)
        if unknown:
            allowed = ", ".join(f"{{{name}}}" for name in ANNOUNCEMENT_PLACEHOLDERS)
            raise ValueError(f"nothing fills in {{{unknown[0]}}}: use only these placeholders: {allowed}")
        if "{link}" in self.text and not self.link:
            raise ValueError("the text contains {link}, but the announcement has no link")
        if "{school}" in self.text and (isinstance(self.audience, str) or len(self.audience.schools) != 1):
            raise ValueError("the text contains {school}, but the audience is not exactly one school")
        if "{reply}" in self.text and not build_rsvp_reply(self.link):
            raise ValueError("the text contains {reply}, but the link is not the page of a meeting")
        return self


def build_draft(district: District, written: AnnouncementInput, current_time: datetime) -> AnnouncementDraft:
    """Build the draft. Raises `InvalidAnnouncementError` for names outside the district file, or for past times."""
    send_at, until = _localize_time(district, written.send_at), _localize_time(district, written.until)
    until = until or (send_at or current_time) + VALIDITY_BY_KIND[written.kind]
    if isinstance(written.audience, str):
        audience_input = AudienceInput(roles=("families", "leaders", "staff"))
    else:
        audience_input = written.audience
    problems = [
        *_find_unknown_names(district, written, audience_input),
        *_find_time_problems(send_at, until, current_time),
    ]
    if problems:
        raise InvalidAnnouncementError(problems)
    audience = Audience(
        roles=tuple(ROLE_BY_AUDIENCE[role] for role in audience_input.roles),
        schools=audience_input.schools,
        languages=audience_input.languages,
        tags=tuple(" ".join(tag.split()).casefold() for tag in audience_input.tags),
    )
    return AnnouncementDraft(
        written.kind, written.sender, written.text.strip(), audience, until, written.link,
        written.channels or district.channels,
        written.unapproved, send_at,
    )  # fmt: skip


def _localize_time(district: District, moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=ZoneInfo(district.time_zone))


def _find_unknown_names(district: District, written: AnnouncementInput, audience_input: AudienceInput) -> list[str]:
    senders = list_senders(district)
    problems = [
        f"There is no school '{school}' in the district file."
        for school in audience_input.schools
        if school not in district.schools
    ]
    problems += [
        f"'{channel}' is not a channel of this district."
        for channel in written.channels or ()
        if channel not in district.channels
    ]
    if written.sender not in senders:
        problems.append(f"'{written.sender}' cannot be the sender of an announcement. Choose {', '.join(senders)}.")
    return problems


def _find_time_problems(send_at: datetime | None, until: datetime, current_time: datetime) -> list[str]:
    problems = []
    if send_at and send_at < current_time - timedelta(minutes=5):
        problems.append("The send time is in the past. Choose a later time, or leave it empty to send without delay.")
    if until <= (send_at or current_time):
        problems.append("The end of validity is before the send time. Choose a later time.")
    return problems


def list_senders(district: District) -> tuple[str, ...]:
    """Return the staff IDs in whose name an announcement can be sent."""
    return district.announcements.senders or tuple(district.staff)


def save_draft(
    runtime: Runtime,
    draft: AnnouncementDraft,
    by: str,
    announcement_id: int | None = None,
    seen_digest: str | None = None,
) -> Announcement:
    """Save a new announcement, or change an existing draft, which then needs new approvals.

    `seen_digest` is the digest of the announcement's text alone, as the writer saw it.

    Raises `InvalidAnnouncementError` if the announcement is not a draft, or if another person changed it in between.
    """
    current_time = now()
    with runtime.database.write() as db:
        if announcement_id is None:
            return add_draft(db, draft, by, current_time)
        if _has_changed_since(announcements.find(db, announcement_id), seen_digest):
            raise InvalidAnnouncementError(["This announcement just changed. Check it again."])
        if not announcements.update_draft(db, announcement_id, draft, by):
            raise InvalidAnnouncementError(
                ["This announcement is already scheduled or sent. Stop it, and write a new one."]
            )
        audit_log.record(db, by, "changed an announcement", f"announcement {announcement_id}", current_time)
        return _find_saved(db, announcement_id)


def add_draft(db: Transaction, draft: AnnouncementDraft, by: str, current_time: datetime) -> Announcement:
    """Save a new announcement in an open transaction."""
    announcement_id = announcements.add(db, draft, by, current_time)
    audit_log.record(db, by, "wrote an announcement", f"announcement {announcement_id}", current_time)
    return _find_saved(db, announcement_id)


def _find_saved(db: Transaction, announcement_id: int) -> Announcement:
    saved = announcements.find(db, announcement_id)
    assert saved is not None, "the announcement was just saved"
    return saved


def _has_changed_since(before: Announcement | None, seen_digest: str | None) -> bool:
    return before is not None and before.state == "draft" and seen_digest not in (None, compute_digest(before, {}))


def parse_input(values: Mapping[str, Any]) -> AnnouncementInput:
    """Parse the values of a form. Raises pydantic's `ValidationError`."""
    return AnnouncementInput.model_validate(values)
