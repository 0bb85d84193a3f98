"""Who may host, which interpreters are missing, when reminders are sent, and whether a phone's calendar reads the
file.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.content.district import District, MeetingPolicy
from bot.content.library import Library
from bot.meetings import rules
from bot.meetings.ics_calendar import build_ics
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import Meeting
from tests.conftest import NOW
from tests.meetings.conftest import PLAN, STARTS

CHICAGO = ZoneInfo("America/Chicago")
times = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=UTC))


def with_role(library: Library, role: str, hosts: tuple[str, ...] = ()) -> District:
    person = library.district.staff["grace_wu"].model_copy(update={"role": role})
    staff = {**library.district.staff, "grace_wu": person}
    return library.district.model_copy(update={"staff": staff, "gatherings": MeetingPolicy(hosts=hosts)})


@pytest.mark.parametrize(
    ("role", "hosts", "may"),
    [
        ("principal, Lincoln Elementary", (), True),
        ("Assistant Superintendent", (), True),
        ("director of multilingual programs", (), True),
        ("teacher", (), False),
        ("EL coordinator", (), False),
        ("EL coordinator", ("grace_wu",), False),
        ("family liaison", ("grace_wu",), True),
        ("principal", ("sam_ortiz",), False),
    ],
)
def test_only_permitted_roles_can_host(library: Library, role: str, hosts: tuple[str, ...], may: bool) -> None:
    assert rules.can_host(with_role(library, role, hosts), "grace_wu") is may


def test_teacher_cannot_host_alone(library: Library) -> None:
    district = with_role(library, "ESL teacher")
    wrong = rules.find_problems(district, replace(PLAN, host="grace_wu"), NOW)
    assert "Grace Wu (ESL teacher) cannot host it alone" in wrong["host"] and "helper" in wrong["host"]
    assert rules.find_problems(district, replace(PLAN, helpers=("grace_wu",)), NOW) == {}


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        ({"link": "", "place": ""}, "link"),
        ({"dial_in": ""}, "link"),
        ({"starts_at": NOW - timedelta(hours=1)}, "starts_at"),
        ({"ends_at": STARTS}, "starts_at"),
        ({"title": ""}, "title"),
        ({"title": "Come {name}"}, "title"),
        ({"schools": ("nowhere",)}, "schools"),
        ({"languages": ("xx",)}, "languages"),
        ({"host": ""}, "host"),
    ],
)
def test_plan_requires_each_field(library: Library, given_: dict[str, object], field: str) -> None:
    assert set(rules.find_problems(library.district, replace(PLAN, **given_), NOW)) == {field}  # type: ignore[arg-type]


def test_bilingual_colleague_is_not_an_interpreter() -> None:
    booked = [BookedInterpreter(1, "es", "trained", "Maria", "a"), BookedInterpreter(2, "ht", "bilingual", "Jean", "a")]
    assert rules.find_missing_languages(["en", "es", "ht", "so", "ht", ""], booked) == ("ht", "so")
    assert "Haitian Creole, Somali" in rules.explain_not_ready(("ht", "so")) and rules.explain_not_ready(()) == ""


@given(times)
def test_reminders_are_sent_in_waking_hours_before_the_start(library: Library, starts: datetime) -> None:
    district = library.district
    day, hour = rules.find_day_reminder_time(district, starts), rules.find_hour_reminder_time(district, starts)
    assert day < starts and district.find_next_waking_time(day) == day
    assert hour is None or (hour < starts and district.find_next_waking_time(hour) == hour)
    if 9 <= starts.astimezone(CHICAGO).hour < 20:
        assert hour == starts - timedelta(hours=1)


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200)


@given(TEXTS, times)
def test_ics_file_round_trips(title: str, starts: datetime) -> None:
    assume(r"\N" not in title)  # icalendar reads these two characters as a line break
    one = Meeting(title, "sam_ortiz", starts, starts + timedelta(hours=1), "https://x.example/1", id=1, code="K7Q2MX")
    made = build_ics(one, "Line one\nline two; with, signs", "https://puente.test/g/K7Q2MX", "Riverbend", NOW)
    lines = made.split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines) and made.endswith("END:VCALENDAR\r\n")
    whole = dict(line.split(":", 1) for line in made.replace("\r\n ", "").split("\r\n") if ":" in line)
    assert re.sub(r"\\([\\;,])", r"\1", whole["SUMMARY"].replace("\\\\n", "\0")).replace("\0", "\\n") == title
    assert datetime.strptime(whole["DTSTART"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) == starts.replace(microsecond=0)
    assert whole["DESCRIPTION"] == r"Line one\nline two\; with\, signs" and whole["STATUS"] == "CONFIRMED"
