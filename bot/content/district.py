"""Define and validate the district file: staff, on-call groups, languages, schools, and policies."""

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from bot.base.language_codes import Language
from bot.base.text_normalization import normalize_text
from bot.content.facts import ContextNote, DistrictFact, Partner, SignedPolicy, WatchedSource
from bot.content.incident_protocol import IncidentProtocol
from bot.flows.model import Name, StrictModel


def _normalize_phone(text: str) -> str:
    """Normalize a phone number to E.164. Fictitious 555-01xx numbers are valid, for example districts."""
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise ValueError("write a phone number with its country code, such as +15551234567") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("this phone number has too few or too many digits")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("name a time zone such as America/Chicago") from None
    return name


Phone = Annotated[str, AfterValidator(_normalize_phone)]
Zone = Annotated[str, AfterValidator(_check_time_zone)]


StaffChannel = Literal["whatsapp", "sms"]
FamilyChannel = Literal["whatsapp", "sms", "voice"]
"""The channels for families. With `voice`, Puente calls families that prefer phone calls."""
EL_COORDINATOR_PATTERN = re.compile(
    r"\b(el|ml|ell|esl|english learners?|multilingual)\b.*\b(coordinator|teacher|specialist)\b"
)
DAYS_OF_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _normalize_yes_no(value: object) -> object:
    """Convert a boolean back to text, since YAML reads a bare `yes` as true."""
    if not isinstance(value, bool):
        return value
    return "yes" if value else "no"


class School(StrictModel):
    """A school of the district. Flows test its `facts` in conditions (`school.uniform: yes`)."""

    name: str
    phone: Phone
    facts: dict[Name, Annotated[Name, BeforeValidator(_normalize_yes_no)]] = Field(default_factory=dict)
    home_visits: bool = False
    """Whether home visits are customary at this school. If not, the console does not offer them (SEED_MAP.md, P3)."""


class DailyHours(StrictModel):
    """Hours of a day, in the district's time zone."""

    start: time = time(8, 0)
    end: time = time(20, 0)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.start >= self.end:
            raise ValueError("'start' must be before 'end', both as \"08:00\"")
        return self


class WorkingHours(DailyHours):
    """The hours and days on which a person or an office works."""

    start: time = time(7, 30)
    end: time = time(16, 30)
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")

    def is_working_time(self, local: datetime) -> bool:
        """Return whether this local time is within the working hours."""
        return DAYS_OF_WEEK[local.weekday()] in self.days and self.start <= local.time() < self.end

    def find_next_moment(self, local: datetime) -> datetime:
        """Return `local` if it is working time, otherwise the next start of a working day."""
        if not self.days or self.is_working_time(local):
            return local
        start = local.replace(hour=self.start.hour, minute=self.start.minute, second=0, microsecond=0)
        days = (start + timedelta(days=number) for number in range(9))
        return next((day for day in days if day > local and self.is_working_time(day)), local)


class StaffMember(StrictModel):
    """A staff member who gets alerts on the work phone `phone` by `channel`.

    Outside `hours`, alerts also go to `backup` if that person is working.
    """

    name: str
    role: str
    phone: Phone
    channel: StaffChannel = "sms"
    languages: tuple[Language, ...] = ("en",)
    hours: WorkingHours = WorkingHours()
    backup: Name | None = None
    schools: tuple[Name, ...] = ()
    """The schools whose cases this person sees. Empty means all schools."""


class OnCallGroup(StrictModel):
    """The people who are alerted for one role. In YAML, a plain list of people is valid too.

    `rotate` changes the first person every day or week. `schools` adds people for one school, who come first.
    """

    people: tuple[Name, ...] = Field(min_length=1)
    rotate: Literal["never", "daily", "weekly"] = "never"
    schools: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)

    def order_people(self, school: str | None, day: date) -> tuple[str, ...]:
        """Return everyone in order: the school's own people, then the group, rotated for this day."""
        turns = {"never": 0, "daily": day.toordinal(), "weekly": day.toordinal() // 7}
        first = turns[self.rotate] % len(self.people)
        rotated = (*self.people[first:], *self.people[:first])
        return tuple(dict.fromkeys((*self.schools.get(school or "", ()), *rotated)))


def _parse_on_call(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return {"people": value}
    return value


class PagingPolicy(StrictModel):
    """How Puente repeats the alerts for an emergency until a staff member takes the case."""

    every_minutes: int = Field(default=5, ge=1, le=60)
    widen_to: tuple[Name, ...] = ("default",)
    """The on-call groups that join with each escalation round, in this order."""
    chase_minutes: int = Field(default=30, ge=5, le=240)
    """After so many minutes without activity by the assignee, the others are alerted again."""


class SendingRate(StrictModel):
    """The provider's limits for one sender: messages per second, and for WhatsApp also new conversations per day.

    Without a value, messages are not limited (twilio.md, sections 3 and 4: 10DLC 1 to 75 per second, WhatsApp 80 per
    second and 250 to 100,000 per day). Calls are limited to one per second, Twilio's default for an account (help page
    "Calls per second (CPS) limits").
    """

    per_second: float | None = Field(default=None, gt=0, le=1000)
    per_day: int | None = Field(default=None, ge=1)


class MessagePrices(StrictModel):
    """The price of one message in dollars, for the preview."""

    sms_segment: float = Field(default=0.0, ge=0)
    whatsapp: float = Field(default=0.0, ge=0)
    whatsapp_template: float = Field(default=0.0, ge=0)
    voice_minute: float = Field(default=0.0, ge=0)


class AnnouncementPolicy(StrictModel):
    """Who can send announcements for the district, and how fast Puente sends them."""

    senders: tuple[Name, ...] = ()
    """The staff members who can sign an announcement. Empty means everyone under `staff`."""
    released_by_sender: tuple[Name, ...] = ()
    """The signers (such as the superintendent) whose announcements need their own approval."""
    two_people_over: int = Field(default=200, ge=0)
    """Above this number of families, two people besides the author must approve."""
    pace: dict[FamilyChannel, SendingRate] = Field(default_factory=dict)
    rates: MessagePrices = MessagePrices()


class AttendancePolicy(StrictModel):
    """How Puente follows up on absences."""

    hold_days: int = Field(default=5, ge=0, le=30)
    """For so many school days after a verified event, the school's families get no text about truancy."""

    reason_target: int = Field(default=80, ge=0, le=100)
    """The target percentage of absences with a known reason. The console shows it beside the actual percentage."""

    @property
    def max_hold_days(self) -> int:
        """The longest hold in calendar days, which allows for three weeks of holidays."""
        return self.hold_days * 3 + 30


class IncidentRecordPolicy(StrictModel):
    """How long Puente keeps the front office's records of incidents, drills, and quizzes."""

    incidents_years: int = Field(default=3, ge=1, le=30)
    drills_years: int = Field(default=1, ge=1, le=30)
    hold: bool = False
    """Set when counsel expects a lawsuit (legal hold). Nothing is deleted until it is removed."""


class CaseRetentionPolicy(StrictModel):
    """How long Puente keeps cases after they are closed (docs/privacy.md has the rule of each table)."""

    cases_days: int = Field(default=30, ge=1, le=3650)
    """Closed cases, with their messages."""


class MeetingPolicy(StrictModel):
    """Who can host meetings with families. Without `hosts`, principals, superintendents, and other leaders can."""

    hosts: tuple[Name, ...] = ()


class SchoolBoard(StrictModel):
    """How families can comment to the school board: in person, by email, or by phone."""

    place: str = ""
    email: Annotated[str, Field(pattern=r"^$|^[^@\s]+@[^@\s]+$")] = ""
    phone: Annotated[str, Field(pattern=r"^$|^[0-9+][0-9 ()-]{6,20}$")] = ""


class District(StrictModel):
    """The district file, `district.yaml`."""

    name: str
    office_phone: str
    website: str
    time_zone: Zone
    reply_within_days: int = Field(2, ge=1, le=10)
    office_hours: WorkingHours = WorkingHours()
    closed_days: tuple[date, ...] = ()
    waking_hours: DailyHours = DailyHours()
    channels: tuple[FamilyChannel, ...] = Field(("whatsapp", "sms"), min_length=1)
    languages: tuple[Language, ...] = Field(min_length=1)
    schools: dict[Name, School] = Field(min_length=1)
    staff: dict[Name, StaffMember] = Field(min_length=1)
    on_call: dict[Name, Annotated[OnCallGroup, BeforeValidator(_parse_on_call)]]
    paging: PagingPolicy = PagingPolicy()
    announcements: AnnouncementPolicy = AnnouncementPolicy()
    attendance: AttendancePolicy = AttendancePolicy()
    records: IncidentRecordPolicy = IncidentRecordPolicy()
    retention: CaseRetentionPolicy = CaseRetentionPolicy()
    policies: dict[Name, SignedPolicy] = Field(default_factory=dict)
    partners: dict[Name, Partner] = Field(default_factory=dict)
    facts: dict[Name, DistrictFact] = Field(default_factory=dict)
    templates: dict[Name, dict[Language, Annotated[str, Field(pattern=r"^HX[0-9a-f]{32}$")]]] = Field(
        default_factory=dict
    )
    """ContentSids of approved WhatsApp templates, by purpose (`follow_up`) and language. {{1}} is the district."""
    template_texts: dict[Name, dict[Language, str]] = Field(default_factory=dict)
    """The text of these templates as Meta approved it, for the preview. {{2}} is the announcement."""
    answers: dict[Name, str] = Field(default_factory=dict)
    """Texts that staff often write to families. The catalogs translate them, so that no machine is needed."""
    protocol: IncidentProtocol | None = None
    """What the front office does when agents come. Counsel signs it."""
    watch: dict[Name, WatchedSource] = Field(default_factory=dict)
    """Sources that their owners read regularly. The digest lists them."""
    context: dict[Name, ContextNote] = Field(default_factory=dict)
    """Dated notes for staff, which the digest page shows."""
    gatherings: MeetingPolicy = MeetingPolicy()
    technical: Name | None = None
    """The technical contact, who gets a text when part of Puente fails."""
    board: SchoolBoard = SchoolBoard()
    board_meetings: tuple[datetime, ...] = ()
    """When the school board meets, in the district's time zone."""

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        if "en" not in self.languages:
            raise ValueError("languages must include 'en', because every text falls back to English")
        for role, group in self.on_call.items():
            self._check_on_call(role, group)
        if "default" not in self.on_call:
            raise ValueError("on_call needs 'default', the people who are alerted for roles without a group")
        for name, person in self.staff.items():
            if person.backup == name or (person.backup and person.backup not in self.staff):
                raise ValueError(f"the backup of '{name}' must be another person under 'staff'")
            unknown = [school for school in person.schools if school not in self.schools]
            if unknown:
                raise ValueError(f"'{name}' works at '{unknown[0]}', which is not under 'schools'")
        if self.technical and self.technical not in self.staff:
            raise ValueError(f"technical names '{self.technical}', who is not under 'staff'")
        announcers = (*self.announcements.senders, *self.announcements.released_by_sender)
        unknown_senders = [staff_id for staff_id in announcers if staff_id not in self.staff]
        if unknown_senders:
            raise ValueError(f"announcements names '{unknown_senders[0]}', who is not under 'staff'")
        unknown_hosts = [staff_id for staff_id in self.gatherings.hosts if staff_id not in self.staff]
        if unknown_hosts:
            raise ValueError(f"gatherings names '{unknown_hosts[0]}', who is not under 'staff'")
        missing = [role for role in self.paging.widen_to if role not in self.on_call]
        if missing:
            raise ValueError(f"paging widens to '{missing[0]}', which is not under 'on_call'")
        return self

    def _check_on_call(self, role: str, group: OnCallGroup) -> None:
        """Require two people with two roles, not only EL/ML coordinators (SEED_MAP.md, C2c)."""
        for school in group.schools:
            if school not in self.schools:
                raise ValueError(f"on_call '{role}' names the school '{school}', which is not under 'schools'")
        people = {*group.people, *(name for school_people in group.schools.values() for name in school_people)}
        unknown = sorted(people - self.staff.keys())
        if unknown:
            raise ValueError(f"on_call '{role}' names '{unknown[0]}', who is not under 'staff'")
        if len(set(group.people)) < 2:
            raise ValueError(f"on_call '{role}' needs two different people, because one can be ill or asleep")
        roles = {self.staff[person].role.casefold() for person in group.people}
        if len(roles) < 2:
            raise ValueError(f"on_call '{role}' has only one role ({roles.pop()}): add a person with another role")
        if all(EL_COORDINATOR_PATTERN.search(name) for name in roles):
            raise ValueError(f"on_call '{role}' has only EL/ML coordinators: add a leader or the office")

    def find_owners(self, role: str) -> tuple[str, ...]:
        """Find the owner of a role's content ("legal partner"): the first of its group or role, else of the default."""
        group = self.on_call.get(role.replace(" ", "_"))
        if group:
            return group.people[:1]
        role_holders = tuple(name for name, staff in self.staff.items() if staff.role.casefold() == role.casefold())
        return (role_holders or self.on_call["default"].people)[:1]

    def find_staff_by_address(self, address: str) -> str | None:
        """Find the ID of the staff member with this phone."""
        number = address.removeprefix("whatsapp:")
        return next((name for name, staff in self.staff.items() if staff.phone == number), None)

    def find_school_in_text(self, text: str) -> str | None:
        """Find the school that a text names by the first word of its name. None if it names no school or several."""
        words = set(normalize_text(text).split())
        matches = [name for name, school in self.schools.items() if normalize_text(school.name).split()[0] in words]
        if len(matches) != 1:
            return None
        return matches[0]

    def list_on_call(self, role: str, school: str | None, moment: datetime) -> tuple[str, ...]:
        """List the people of a role in this day's order, the school's own first. Other roles use the default group."""
        group = self.on_call.get(role, self.on_call["default"])
        return group.order_people(school, self.to_local_time(moment).date())

    def list_alert_recipients(self, role: str, moment: datetime, school: str | None = None) -> dict[str, StaffMember]:
        """Return who gets the alerts of a role, by staff ID: people at work, then backups, then everyone off duty."""
        people = list(self.list_on_call(role, school, moment))
        local = self.to_local_time(moment)
        working = [person for person in people if self.staff[person].hours.is_working_time(local)]
        off_duty = [person for person in people if person not in working]
        backups = [self.staff[person].backup for person in off_duty]
        working_backups = [backup for backup in backups if backup and self.staff[backup].hours.is_working_time(local)]
        return {person: self.staff[person] for person in dict.fromkeys([*working, *working_backups, *off_duty])}

    def find_next_work_time(self, person: str, moment: datetime) -> datetime:
        """Return `moment` if this person works then, otherwise the next start of a working day."""
        return self.staff[person].hours.find_next_moment(self.to_local_time(moment)).astimezone(moment.tzinfo)

    def find_first_read_time(self, role: str, moment: datetime, school: str | None = None) -> datetime:
        """Return the first moment at which a recipient of the role reads an alert that can wait."""
        recipients = self.list_alert_recipients(role, moment, school)
        return min(self.find_next_work_time(person, moment) for person in recipients)

    def find_next_board_meeting(self, day: date) -> datetime | None:
        """Return the next board meeting on or after this day. None without a date or without ways to comment."""
        if not (self.board.place and self.board.email and self.board.phone):
            return None
        return min((meeting for meeting in self.board_meetings if meeting.date() >= day), default=None)

    def get_alert_address(self, staff: StaffMember) -> str:
        """Return the address for alerts as Twilio writes it. If WhatsApp is off, alerts go by SMS."""
        if staff.channel == "whatsapp" and "whatsapp" in self.channels:
            return f"whatsapp:{staff.phone}"
        return staff.phone

    def get_place_name(self, school_id: str) -> str:
        """Return the name of the school, or the district's name for an unknown school."""
        if school := self.schools.get(school_id):
            return school.name
        return self.name

    def resolve_send_time(self, day_spec: str, hour: time, not_before: datetime) -> datetime:
        """Return the first waking time at or after this hour of a day, and not before `not_before`.

        Args:
            day_spec: An ISO date, or `next_school_day`.
        """
        local = self.to_local_time(not_before)
        is_next = day_spec == "next_school_day"
        day = self.find_next_school_day(local.date()) if is_next else date.fromisoformat(day_spec)
        requested = datetime.combine(day, hour, tzinfo=local.tzinfo).astimezone(not_before.tzinfo)
        return self.find_next_waking_time(max(requested, not_before))

    def to_local_time(self, moment: datetime) -> datetime:
        """Convert a moment to the district's time zone."""
        return moment.astimezone(ZoneInfo(self.time_zone))

    def find_next_waking_time(self, moment: datetime) -> datetime:
        """Return `moment`, or the next moment at which Puente can message families on its own initiative."""
        local, hours = self.to_local_time(moment), self.waking_hours
        start = local.replace(hour=hours.start.hour, minute=hours.start.minute, second=0, microsecond=0)
        if local.time() < hours.start:
            return start.astimezone(moment.tzinfo)
        if local.time() < hours.end:
            return moment
        return (start + timedelta(days=1)).astimezone(moment.tzinfo)

    def get_answer_due_date(self, moment: datetime, severity: str = "follow_up") -> date:
        """Return the day by which staff answer: in `reply_within_days` school days, or one for `escalate_day`."""
        day = self.to_local_time(moment).date()
        day_count = self.reply_within_days
        if severity == "escalate_day":
            day_count = 1
        for _ in range(day_count):
            day = self.find_next_school_day(day)
        return day

    def find_next_school_day(self, day: date) -> date:
        """Return the next day from Monday to Friday that is not one of the `closed_days`."""
        day += timedelta(days=1)
        while day.weekday() >= 5 or day in self.closed_days:
            day += timedelta(days=1)
        return day
