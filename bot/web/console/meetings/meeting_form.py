"""The form to plan or change a meeting: the typed values, and the plan that they describe."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.datastructures import MultiDict

from bot.announcements.composition import LATEST_ALLOWED_YEAR
from bot.base.phone_numbers import parse_e164
from bot.content.district import District
from bot.meetings.planning import MeetingPlanError
from bot.store.meetings.meetings import Meeting, MeetingPlan

MEETING_TIME_FORMAT = "%Y-%m-%dT%H:%M"
"""The format in which a `datetime-local` field submits local time."""


@dataclass(frozen=True)
class MeetingForm:
    """The values of the form's fields, as typed. A new meeting is online."""

    title: str = ""
    host: str = ""
    starts_at: str = ""
    ends_at: str = ""
    where: str = "online"
    link: str = ""
    dial_in: str = ""
    dial_code: str = ""
    place: str = ""
    schools: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()

    @classmethod
    def from_fields(cls, form: MultiDict[str, str]) -> "MeetingForm":
        """Read the submitted form."""
        names = ("title", "host", "starts_at", "ends_at", "where", "link", "dial_in", "dial_code", "place")
        single: dict[str, Any] = {name: form.get(name, "").strip()[:160] for name in names}
        many: dict[str, Any] = {name: tuple(form.getlist(name)) for name in ("schools", "helpers", "languages")}
        return cls(**single, **many)

    @classmethod
    def from_meeting(cls, district: District, meeting: Meeting) -> "MeetingForm":
        """Fill in the form with a saved meeting."""
        return cls(
            title=meeting.title,
            host=meeting.host,
            starts_at=district.to_local_time(meeting.starts_at).strftime(MEETING_TIME_FORMAT),
            ends_at=district.to_local_time(meeting.ends_at).strftime(MEETING_TIME_FORMAT),
            where="online" if meeting.link else "place",
            link=meeting.link,
            dial_in=meeting.dial_in,
            dial_code=meeting.dial_code,
            place=meeting.place,
            schools=meeting.schools,
            helpers=meeting.helpers,
            languages=meeting.languages,
        )

    def build_plan(self, district: District) -> MeetingPlan:
        """Build the plan. Raises `MeetingPlanError` for an invalid link or phone number."""
        problems = {}
        typed = self._drop_unused_fields()
        if typed.link and (not typed.link.startswith("https://") or " " in typed.link or "{" in typed.link):
            problems["link"] = "Enter a link that starts with https://."
        phone = parse_phone_number(typed.dial_in)
        if phone is None:
            problems["dial_in"] = "Enter a phone number such as 217-555-0199."
        if problems:
            raise MeetingPlanError(problems)
        return MeetingPlan(
            title=self.title[:80],
            host=self.host,
            starts_at=_parse_local_time(district, self.starts_at),
            ends_at=_parse_local_time(district, self.ends_at),
            link=typed.link,
            dial_in=phone or "",
            dial_code=typed.dial_code[:24],
            place=typed.place,
            schools=self.schools,
            helpers=self.helpers,
            languages=self.languages,
        )

    def _drop_unused_fields(self) -> "MeetingForm":
        """Empty the place of an online meeting, or the link and phone number of a meeting at a place."""
        if self.where == "place":
            return replace(self, link="", dial_in="", dial_code="")
        return replace(self, place="")


def parse_phone_number(typed: str) -> str | None:
    """Return the number as E.164, "" for no text, or None for an invalid number."""
    if not typed:
        return ""
    return parse_e164(typed)


def _parse_local_time(district: District, text: str) -> datetime:
    """Parse a time in the district's time zone. For an invalid time, return one in the past, which planning rejects."""
    invalid_time = datetime(2000, 1, 1)
    try:
        time = datetime.strptime(text, MEETING_TIME_FORMAT)
    except ValueError:
        time = invalid_time
    if time.year > LATEST_ALLOWED_YEAR:
        time = invalid_time
    return time.replace(tzinfo=ZoneInfo(district.time_zone))
