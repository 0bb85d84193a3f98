"""Write a meeting as a calendar file (RFC 5545). All times are in UTC, so that no phone shows a wrong hour."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.store.meetings.meetings import Meeting

if TYPE_CHECKING:
    from icalendar import Event


def build_ics(meeting: Meeting, description: str, url: str, organizer: str, created_at: datetime) -> str:
    """Write the file. `description` is in the reader's language, and `url` is the meeting's page."""
    from icalendar import Calendar  # imported late: saves 2 MB in web processes that serve no calendar file

    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", f"-//Puente//{organizer}//EN")
    calendar.add("method", "PUBLISH")
    calendar.add_component(_build_event(meeting, description, url, created_at))
    content: bytes = calendar.to_ical(sorted=False)
    return content.decode()


def _build_event(meeting: Meeting, description: str, url: str, created_at: datetime) -> "Event":
    from icalendar import Event

    is_canceled = meeting.state == "canceled"
    event = Event()
    event.add("uid", f"{meeting.code}@{urlsplit(url).netloc}")
    event.add("dtstamp", created_at.astimezone(UTC))
    event.add("sequence", meeting.revision + is_canceled)
    event.add("dtstart", meeting.starts_at.astimezone(UTC))
    event.add("dtend", meeting.ends_at.astimezone(UTC))
    event.add("summary", meeting.title)
    event.add("description", description)
    event.add("location", "" if is_canceled else meeting.link or meeting.place)
    event.add("url", url)
    event.add("status", "CANCELLED" if is_canceled else "CONFIRMED")
    return event
