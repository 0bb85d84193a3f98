"""A meeting as a calendar file (RFC 5545).  Pure.  All times are in UTC, so no phone shows a wrong hour."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.store.meetings.meetings import Meeting

if TYPE_CHECKING:
    from icalendar import Event


def build_ics(meeting: Meeting, description: str, url: str, organizer: str, at: datetime) -> str:
    """Write the file: `description` in the reader's words, `url` of the meeting's page, `at` when it is made."""
    from icalendar import Calendar  # imported late: saves the web process 2 MB where nobody opens such a file

    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", f"-//Puente//{organizer}//EN")
    calendar.add("method", "PUBLISH")
    calendar.add_component(_build_event(meeting, description, url, at))
    content: bytes = calendar.to_ical(sorted=False)
    return content.decode()


def _build_event(meeting: Meeting, description: str, url: str, at: datetime) -> "Event":
    from icalendar import Event

    is_canceled = meeting.state == "canceled"
    event = Event()
    event.add("uid", f"{meeting.code}@{urlsplit(url).netloc}")
    event.add("dtstamp", at.astimezone(UTC))
    event.add("sequence", meeting.revision + is_canceled)
    event.add("dtstart", meeting.starts_at.astimezone(UTC))
    event.add("dtend", meeting.ends_at.astimezone(UTC))
    event.add("summary", meeting.title)
    event.add("description", description)
    event.add("location", "" if is_canceled else meeting.link or meeting.place)
    event.add("url", url)
    event.add("status", "CANCELLED" if is_canceled else "CONFIRMED")
    return event
