"""What stands for the placeholders of a text, in the family's language: worked out only where a text asks for it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES
from bot.content import dates
from bot.content.district import DAYS_OF_WEEK, District, School
from bot.flows.model import Severity

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True)
class Values:
    """The values for one text, as `str.format_map` asks for them.

    `given` (the case, what the family answered) goes before the district's own.  Placeholders that nobody fills in are
    left out rather than shown in braces.
    """

    district: District
    language: str
    at: datetime
    school: School | None
    severity: Severity
    given: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        if name not in self.given and name not in OWN:
            return ""
        value = self.given[name] if name in self.given else OWN[name](self)
        return isolated(value) if self.language in RIGHT_TO_LEFT_LANGUAGES else value


def _due(values: Values) -> str:
    return dates.format_day(values.district.get_answer_due_date(values.at, values.severity), values.language)


def _office_hours(values: Values) -> str:
    office = values.district.office_hours
    days = tuple(DAYS_OF_WEEK.index(day) for day in office.days)
    return dates.format_hours(office.start, office.end, days, values.language)


def _board_next(values: Values) -> str:
    district = values.district
    meeting = district.find_next_board_meeting(district.to_local_time(values.at).date())
    return dates.format_moment(meeting, values.language) if meeting else ""


OWN: Mapping[str, Callable[[Values], str]] = {
    "district": lambda values: values.district.name,
    "office_phone": lambda values: values.district.office_phone,
    "website": lambda values: values.district.website,
    "schools": lambda values: ", ".join(school.name for school in values.district.schools.values()),
    "due": _due,
    "office_hours": _office_hours,
    "board_place": lambda values: values.district.board.place,
    "board_email": lambda values: values.district.board.email,
    "board_phone": lambda values: values.district.board.phone,
    "board_next": _board_next,
    "school_name": lambda values: values.school.name if values.school else values.district.name,
    "school_phone": lambda values: readable(values.school.phone) if values.school else values.district.office_phone,
}
"""What the district fills in."""


def readable(phone: str) -> str:
    """An American number as people here write it, as in the district's own texts: 217-555-0110."""
    match = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", phone)
    return "-".join(match.groups()) if match else phone


def isolated(value: str) -> str:
    """Each line by itself: an isolate does not reach over the end of a line."""
    return "\n".join(f"{FIRST_STRONG_ISOLATE}{line}{POP_ISOLATE}" for line in value.split("\n"))
