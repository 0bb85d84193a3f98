"""A gathering as a calendar file (RFC 5545).  Pure.  All times in UTC: no phone can put it into a wrong zone."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from bot.store.meetings.meetings import Gathering

LINE_OCTETS = 75
ESCAPED = re.compile(r"([\\;,])")


def ics(gathering: Gathering, says: str, url: str, organizer: str, at: datetime) -> str:
    """The file.  `says` is the description in the reader's words, `url` the gathering's page, `at` when it is made."""
    status = "CANCELLED" if gathering.state == "canceled" else "CONFIRMED"
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//Puente//{_text(organizer)}//EN",
        "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{gathering.code}@{url.split('/')[2]}",
        f"DTSTAMP:{_moment(at)}",
        f"SEQUENCE:{gathering.revision + (status == 'CANCELLED')}",
        f"DTSTART:{_moment(gathering.starts_at)}",
        f"DTEND:{_moment(gathering.ends_at)}",
        f"SUMMARY:{_text(gathering.title)}",
        f"DESCRIPTION:{_text(says)}",
        f"LOCATION:{'' if status == 'CANCELLED' else _text(gathering.link or gathering.place)}",
        f"URL:{url}",
        f"STATUS:{status}",
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(said: str) -> str:
    """RFC 5545, 3.3.11: backslash, semicolon and comma are escaped, a line break is written as one."""
    return ESCAPED.sub(r"\\\1", said).replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """RFC 5545, 3.1: no line has more than 75 octets; no character is cut in two."""
    part = ""
    for char in line:
        if len((part + char).encode()) > LINE_OCTETS:
            yield part
            part = " "
        part += char
    yield part
