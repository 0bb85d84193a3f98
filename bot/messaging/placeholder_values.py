"""Provide the values of a text's placeholders in the family's language, computed only if the text uses them."""

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
class PlaceholderValues:
    """The values for one text, in the form that `str.format_map` asks for.

    `overrides` (the case, the family's answers) win over the district's values. A placeholder without a value becomes
    empty instead of staying in braces.
    """

    district: District
    language: str
    now: datetime
    school: School | None
    severity: Severity
    overrides: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        if name in self.overrides:
            value = self.overrides[name]
        elif name in DISTRICT_VALUES:
            value = DISTRICT_VALUES[name](self)
        else:
            return ""
        if self.language in RIGHT_TO_LEFT_LANGUAGES:
            return isolate_lines(value)
        return value


def _format_due_date(values: PlaceholderValues) -> str:
    return dates.format_day(values.district.get_answer_due_date(values.now, values.severity), values.language)


def _format_office_hours(values: PlaceholderValues) -> str:
    office = values.district.office_hours
    days = tuple(DAYS_OF_WEEK.index(day) for day in office.days)
    return dates.format_hours(office.start, office.end, days, values.language)


def _format_next_board_meeting(values: PlaceholderValues) -> str:
    district = values.district
    meeting = district.find_next_board_meeting(district.to_local_time(values.now).date())
    if meeting is None:
        return ""
    return dates.format_moment(meeting, values.language)


DISTRICT_VALUES: Mapping[str, Callable[[PlaceholderValues], str]] = {
    "district": lambda values: values.district.name,
    "office_phone": lambda values: values.district.office_phone,
    "website": lambda values: values.district.website,
    "schools": lambda values: ", ".join(school.name for school in values.district.schools.values()),
    "due": _format_due_date,
    "office_hours": _format_office_hours,
    "board_place": lambda values: values.district.board.place,
    "board_email": lambda values: values.district.board.email,
    "board_phone": lambda values: values.district.board.phone,
    "board_next": _format_next_board_meeting,
    "school_name": lambda values: values.school.name if values.school else values.district.name,
    "school_phone": lambda values: format_phone(values.school.phone) if values.school else values.district.office_phone,
}
"""The placeholders that the district fills in."""


def format_phone(phone: str) -> str:
    """Format an American number as the district's texts do: 217-555-0110."""
    match = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", phone)
    if match is None:
        return phone
    return "-".join(match.groups())


def isolate_lines(value: str) -> str:
    """Isolate each line for right-to-left text. An isolate ends at the end of its line."""
    return "\n".join(f"{FIRST_STRONG_ISOLATE}{line}{POP_ISOLATE}" for line in value.split("\n"))
