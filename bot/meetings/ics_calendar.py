"""A gathering as a calendar file (RFC 5545).  Pure.  All times in UTC: no phone can put it into a wrong zone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from bot.store.meetings.meetings import Meeting

MAX_LINE_OCTETS = 75
ESCAPED_CHARACTER_PATTERN = re.compile(r"([\\;,])")


def build_ics(meeting: Meeting, description: str, url: str, organizer: str, at: datetime) -> str:
    """The file.  `says` is the description in the reader's words, `url` the gathering's page, `at` when it is made."""
    status = "CANCELLED" if meeting.state == "canceled" else "CONFIRMED"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//Puente//{_escape_text(organizer)}//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{meeting.code}@{url.split('/')[2]}",
        f"DTSTAMP:{_format_utc(at)}",
        f"SEQUENCE:{meeting.revision + (status == 'CANCELLED')}",
        f"DTSTART:{_format_utc(meeting.starts_at)}",
        f"DTEND:{_format_utc(meeting.ends_at)}",
        f"SUMMARY:{_escape_text(meeting.title)}",
        f"DESCRIPTION:{_escape_text(description)}",
        f"LOCATION:{'' if status == 'CANCELLED' else _escape_text(meeting.link or meeting.place)}",
        f"URL:{url}",
        f"STATUS:{status}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{folded}\r\n" for line in lines for folded in _fold_line(line))


def _format_utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _escape_text(text: str) -> str:
    """RFC 5545, 3.3.11: backslash, semicolon and comma are escaped, a line break is written as one."""
    return ESCAPED_CHARACTER_PATTERN.sub(r"\\\1", text).replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _fold_line(line: str) -> Iterator[str]:
    """RFC 5545, 3.1: no line has more than 75 octets; no character is cut in two."""
    part = ""
    for char in line:
        if len((part + char).encode()) > MAX_LINE_OCTETS:
            yield part
            part = " "
        part += char
    yield part
