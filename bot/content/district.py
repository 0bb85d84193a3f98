"""The district file: who is on call, which languages families get, where the schools are.  Checked like the flows."""

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
    """A telephone number as E.164; fictitious 555-01xx numbers are fine for an example district."""
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
"""How families are written to; `voice`: those whose way is the telephone are called."""
EL_COORDINATOR_PATTERN = re.compile(
    r"\b(el|ml|ell|esl|english learners?|multilingual)\b.*\b(coordinator|teacher|specialist)\b"
)
DAYS_OF_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _normalize_yes_no(value: object) -> object:
    """YAML reads a bare `yes` as true: both are the same here."""
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


class School(StrictModel):
    """A school of the district.  `facts` are what flows may ask of it (`school.uniform: yes`)."""

    name: str
    phone: Phone
    facts: dict[Name, Annotated[Name, BeforeValidator(_normalize_yes_no)]] = Field(default_factory=dict)
    home_visits: bool = False
    """Whether visits at home are the custom here; if not, the console offers other ways only (SEED_MAP.md, P3)."""


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
    """When somebody works."""

    start: time = time(7, 30)
    end: time = time(16, 30)
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ("mon", "tue", "wed", "thu", "fri")

    def is_working_time(self, local: datetime) -> bool:
        """Whether this moment on the district's clocks lies within them."""
        return DAYS_OF_WEEK[local.weekday()] in self.days and self.start <= local.time() < self.end

    def find_next_moment(self, local: datetime) -> datetime:
        """`local`, or the next beginning of a working day after it."""
        if not self.days or self.is_working_time(local):
            return local
        start = local.replace(hour=self.start.hour, minute=self.start.minute, second=0, microsecond=0)
        days = (start + timedelta(days=number) for number in range(9))
        return next((day for day in days if day > local and self.is_working_time(day)), local)


class StaffMember(StrictModel):
    """Somebody who gets alerts.  `phone` is a work phone; alerts go there by `channel`.

    Outside `hours` the alerts go to `backup` as well, if that person works then.
    """

    name: str
    role: str
    phone: Phone
    channel: StaffChannel = "sms"
    languages: tuple[Language, ...] = ("en",)
    hours: WorkingHours = WorkingHours()
    backup: Name | None = None
    schools: tuple[Name, ...] = ()
    """The schools whose cases this person sees; none: all."""


class OnCallGroup(StrictModel):
    """Who is alerted for one kind of thing.  In YAML a plain list of people will do.

    `rotate`: who comes first changes every day or week.  `schools`: a chain of its own for a school.
    """

    people: tuple[Name, ...] = Field(min_length=1)
    rotate: Literal["never", "daily", "weekly"] = "never"
    schools: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)

    def order_people(self, school: str | None, day: date) -> tuple[str, ...]:
        """Everybody, the school's own people first; the first of the others is whose turn it is."""
        turn = {"never": 0, "daily": day.toordinal(), "weekly": day.toordinal() // 7}[self.rotate] % len(self.people)
        rotated = (*self.people[turn:], *self.people[:turn])
        return tuple(dict.fromkeys((*self.schools.get(school or "", ()), *rotated)))


def _parse_on_call(value: object) -> object:
    return {"people": value} if isinstance(value, (list, tuple)) else value


class PagingPolicy(StrictModel):
    """How an emergency is carried on until somebody takes it."""

    every_minutes: int = Field(default=5, ge=1, le=60)
    widen_to: tuple[Name, ...] = ("default",)
    """The chains that join round by round, in this order."""
    chase_minutes: int = Field(default=30, ge=5, le=240)
    """After so long without a sign of the one who took it, the others are told."""


class SendingRate(StrictModel):
    """What the provider allows one sender: messages a second, and for WhatsApp people a day outside a talk.

    Left out: as fast as it goes (twilio.md, sections 3 and 4: 10DLC 1 to 75, WhatsApp 80 a second and 250 to 100,000
    a day); calls one a second, which is what Twilio places for an account that has not asked for more (its help page
    "Calls per second (CPS) limits").
    """

    per_second: float | None = Field(default=None, gt=0, le=1000)
    per_day: int | None = Field(default=None, ge=1)


class MessagePrices(StrictModel):
    """What one message costs, in dollars, for the preview."""

    sms_segment: float = Field(default=0.0, ge=0)
    whatsapp: float = Field(default=0.0, ge=0)
    whatsapp_template: float = Field(default=0.0, ge=0)
    voice_minute: float = Field(default=0.0, ge=0)


class AnnouncementPolicy(StrictModel):
    """Who may speak for the district to many families, and how fast it goes out."""

    senders: tuple[Name, ...] = ()
    """In whose name an announcement may stand; none: anybody's under `staff`."""
    released_by_sender: tuple[Name, ...] = ()
    """Whose announcements leave only when this person has approved them (the superintendent)."""
    two_people_over: int = Field(default=200, ge=0)
    """Over so many families two people besides the writer approve."""
    pace: dict[FamilyChannel, SendingRate] = Field(default_factory=dict)
    rates: MessagePrices = MessagePrices()


class AttendancePolicy(StrictModel):
    """How absences are followed up."""

    hold_days: int = Field(default=5, ge=0, le=30)
    """For so many school days after a verified event no text about truancy leaves for that school's families."""

    reason_target: int = Field(default=80, ge=0, le=100)
    """For so many of a hundred absences the reason should be known; shown beside how it is."""

    @property
    def max_hold_days(self) -> int:
        """No hold lasts longer than so many days of the calendar: three weeks of holidays may lie in it."""
        return self.hold_days * 3 + 30


class IncidentRecordPolicy(StrictModel):
    """How long the front office's records are kept: of agents who came, and of drills and quizzes."""

    incidents_years: int = Field(default=3, ge=1, le=30)
    drills_years: int = Field(default=1, ge=1, le=30)
    hold: bool = False
    """Counsel expects a case in court: nothing is deleted until this is taken away."""


class CaseRetentionPolicy(StrictModel):
    """How long what families tell stays after a person has seen to it (docs/privacy.md has the rule of each table)."""

    cases_days: int = Field(default=30, ge=1, le=3650)
    """Requests, with all that was said about them, after they are done."""


class MeetingPolicy(StrictModel):
    """Meetings with families: `hosts` may stand behind one; none: whoever's role leads (principal, superintendent)."""

    hosts: tuple[Name, ...] = ()


class SchoolBoard(StrictModel):
    """How anyone comments to the school board: in person at a place, by email, by phone."""

    place: str = ""
    email: Annotated[str, Field(pattern=r"^$|^[^@\s]+@[^@\s]+$")] = ""
    phone: Annotated[str, Field(pattern=r"^$|^[0-9+][0-9 ()-]{6,20}$")] = ""


class District(StrictModel):
    """`district.yaml`: everything that one district sets for itself."""

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
    """Approved WhatsApp templates: for what (`follow_up`), in which language, the ContentSid; {{1}} is the district."""
    template_texts: dict[Name, dict[Language, str]] = Field(default_factory=dict)
    """What these templates say, as Meta approved them ({{1}} the district, {{2}} an announcement): for the preview."""
    answers: dict[Name, str] = Field(default_factory=dict)
    """What staff often write to families: drafted and reviewed in the catalogs, so that no machine is needed."""
    protocol: IncidentProtocol | None = None
    """What the front office does when agents come; counsel signs it."""
    watch: dict[Name, WatchedSource] = Field(default_factory=dict)
    """Sources that somebody reads every week; the digest names them."""
    context: dict[Name, ContextNote] = Field(default_factory=dict)
    """Dated notes for staff, on the page of the digest."""
    gatherings: MeetingPolicy = MeetingPolicy()
    technical: Name | None = None
    """Who looks after the machines: is told by text when the line is not well."""
    board: SchoolBoard = SchoolBoard()
    board_meetings: tuple[datetime, ...] = ()
    """When the school board meets, on the district's clocks."""

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        if "en" not in self.languages:
            raise ValueError("languages must hold 'en': it is what every text falls back to")
        for role, chain in self.on_call.items():
            self._check_on_call(role, chain)
        if "default" not in self.on_call:
            raise ValueError("on_call needs 'default': who is alerted when a role has nobody of its own")
        for name, person in self.staff.items():
            if person.backup == name or (person.backup and person.backup not in self.staff):
                raise ValueError(f"the backup of '{name}' must be somebody else who stands under 'staff'")
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

    def _check_on_call(self, role: str, chain: OnCallGroup) -> None:
        """Nobody alone, no role alone, never the EL/ML coordinator alone (SEED_MAP.md, C2c)."""
        for school in chain.schools:
            if school not in self.schools:
                raise ValueError(f"on_call '{role}' names the school '{school}', which is not under 'schools'")
        people = {*chain.people, *(name for school_people in chain.schools.values() for name in school_people)}
        unknown = sorted(people - self.staff.keys())
        if unknown:
            raise ValueError(f"on_call '{role}' names '{unknown[0]}', who is not under 'staff'")
        if len(set(chain.people)) < 2:
            raise ValueError(f"on_call '{role}' needs two different people: one may be ill, or asleep")
        roles = {self.staff[person].role.casefold() for person in chain.people}
        if len(roles) < 2:
            raise ValueError(f"on_call '{role}' ends in one role only ({roles.pop()}): add somebody of another role")
        if all(EL_COORDINATOR_PATTERN.search(name) for name in roles):
            raise ValueError(f"on_call '{role}' rests on the EL/ML coordinator alone: add a leader or the office")

    def find_owners(self, role: str) -> tuple[str, ...]:
        """Who owns content that is `role`'s ("legal partner"): the first of that chain or role, else the default."""
        group = self.on_call.get(role.replace(" ", "_"))
        chain = group.people if group else ()
        role_holders = tuple(name for name, staff in self.staff.items() if staff.role.casefold() == role.casefold())
        return (chain or role_holders or self.on_call["default"].people)[:1]

    def find_staff_by_address(self, address: str) -> str | None:
        """The id of the member of staff whose registered phone this address is."""
        number = address.removeprefix("whatsapp:")
        return next((name for name, staff in self.staff.items() if staff.phone == number), None)

    def find_school_in_text(self, text: str) -> str | None:
        """The school that a text names by the first word of its name; None if it names none, or two."""
        words = set(normalize_text(text).split())
        matches = [name for name, school in self.schools.items() if normalize_text(school.name).split()[0] in words]
        return matches[0] if len(matches) == 1 else None

    def list_on_call(self, role: str, school: str | None, moment: datetime) -> tuple[str, ...]:
        """The people of a role, the school's own first, in this day's order; the default chain for an unknown role."""
        group = self.on_call.get(role, self.on_call["default"])
        return group.order_people(school, self.to_local_time(moment).date())

    def list_alert_recipients(self, role: str, moment: datetime, school: str | None = None) -> dict[str, StaffMember]:
        """Who gets the alerts of a role, by staff id: who works at this moment first, backups of the others after."""
        people = list(self.list_on_call(role, school, moment))
        local = self.to_local_time(moment)
        working = [person for person in people if self.staff[person].hours.is_working_time(local)]
        off_duty = [person for person in people if person not in working]
        backups = [self.staff[person].backup for person in off_duty]
        working_backups = [backup for backup in backups if backup and self.staff[backup].hours.is_working_time(local)]
        return {person: self.staff[person] for person in dict.fromkeys([*working, *working_backups, *off_duty])}

    def find_next_work_time(self, person: str, moment: datetime) -> datetime:
        """`at`, or the next moment after it at which this person works."""
        return self.staff[person].hours.find_next_moment(self.to_local_time(moment)).astimezone(moment.tzinfo)

    def find_first_read_time(self, role: str, moment: datetime, school: str | None = None) -> datetime:
        """The first moment at which somebody of a chain reads an alert that can wait."""
        return min(
            self.find_next_work_time(person, moment) for person in self.list_alert_recipients(role, moment, school)
        )

    def find_next_board_meeting(self, day: date) -> datetime | None:
        """The next meeting of the school board, on this day or after it; None: no date is set, or no way to comment."""
        can_comment = self.board.place and self.board.email and self.board.phone
        upcoming = [meeting for meeting in self.board_meetings if meeting.date() >= day] if can_comment else []
        return min(upcoming, default=None)

    def get_alert_address(self, staff: StaffMember) -> str:
        """Where alerts go, as Twilio writes addresses; by SMS where WhatsApp is off."""
        is_whatsapp = staff.channel == "whatsapp" and "whatsapp" in self.channels
        return f"whatsapp:{staff.phone}" if is_whatsapp else staff.phone

    def resolve_send_time(self, day_spec: str, hour: time, not_before: datetime) -> datetime:
        """A time of a day (ISO, or `next_school_day`) when families may be written to; never before `after`."""
        local = self.to_local_time(not_before)
        day = self.find_next_school_day(local.date()) if day_spec == "next_school_day" else date.fromisoformat(day_spec)
        requested = datetime.combine(day, hour, tzinfo=local.tzinfo).astimezone(not_before.tzinfo)
        return self.find_next_waking_time(max(requested, not_before))

    def to_local_time(self, moment: datetime) -> datetime:
        """A moment on the district's clocks."""
        return moment.astimezone(ZoneInfo(self.time_zone))

    def find_next_waking_time(self, moment: datetime) -> datetime:
        """`at`, or the next moment after it at which families may be written to unasked."""
        local, hours = self.to_local_time(moment), self.waking_hours
        start = local.replace(hour=hours.start.hour, minute=hours.start.minute, second=0, microsecond=0)
        if local.time() < hours.start:
            return start.astimezone(moment.tzinfo)
        return moment if local.time() < hours.end else (start + timedelta(days=1)).astimezone(moment.tzinfo)

    def get_answer_due_date(self, moment: datetime, severity: str = "follow_up") -> date:
        """The day by which a family is answered: `reply_within_days` school days from now; `escalate_day` the next."""
        day = self.to_local_time(moment).date()
        for _ in range(1 if severity == "escalate_day" else self.reply_within_days):
            day = self.find_next_school_day(day)
        return day

    def find_next_school_day(self, day: date) -> date:
        """The next day from Monday to Friday that is not one of the `closed_days`."""
        day += timedelta(days=1)
        return day if day.weekday() < 5 and day not in self.closed_days else self.find_next_school_day(day)
