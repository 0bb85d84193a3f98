"""The district file: who is on call, which languages families get, where the schools are.  Checked like the flows."""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

import phonenumbers
from pydantic import AfterValidator, Field, model_validator

from bot.content.codes import Language
from bot.content.facts import DistrictFact, Partner, Policy
from bot.conversation.flow import Model, Name


def _phone(text: str) -> str:
    """A telephone number as E.164; fictitious 555-01xx numbers are fine for an example district."""
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException:
        raise ValueError("write a phone number with its country code, such as +15551234567") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("this phone number has too few or too many digits")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError):
        raise ValueError("name a time zone such as America/Chicago") from None
    return name


Phone = Annotated[str, AfterValidator(_phone)]
Zone = Annotated[str, AfterValidator(_zone)]


class School(Model):
    """A school of the district."""

    name: str
    phone: Phone


class Staff(Model):
    """Somebody who gets alerts.  `phone` is a work phone; alerts go there by `channel`."""

    name: str
    role: str
    phone: Phone
    channel: Literal["sms", "whatsapp"] = "sms"
    languages: tuple[Language, ...] = ("en",)

    @property
    def address(self) -> str:
        """Where alerts go, as Twilio writes addresses."""
        return f"whatsapp:{self.phone}" if self.channel == "whatsapp" else self.phone


class Hours(Model):
    """The hours in which families may be written to unasked, in the district's time zone."""

    start: time = time(8, 0)
    end: time = time(20, 0)


class District(Model):
    """`district.yaml`: everything that one district sets for itself."""

    name: str
    office_phone: str
    website: str
    time_zone: Zone
    reply_within_days: int = Field(2, ge=1, le=10)
    waking_hours: Hours = Hours()
    languages: tuple[Language, ...] = Field(min_length=1)
    schools: dict[Name, School] = Field(min_length=1)
    staff: dict[Name, Staff] = Field(min_length=1)
    on_call: dict[Name, tuple[Name, ...]]
    policies: dict[Name, Policy] = Field(default_factory=dict)
    partners: dict[Name, Partner] = Field(default_factory=dict)
    facts: dict[Name, DistrictFact] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _someone_answers(self) -> Self:
        if "en" not in self.languages:
            raise ValueError("languages must hold 'en': it is what every text falls back to")
        for role, people in self.on_call.items():
            unknown = [person for person in people if person not in self.staff]
            if unknown:
                raise ValueError(f"on_call '{role}' names '{unknown[0]}', who is not under 'staff'")
            if len(set(people)) < 2:
                raise ValueError(f"on_call '{role}' needs two different people: one may be ill, or asleep")
        if "default" not in self.on_call:
            raise ValueError("on_call needs 'default': who is alerted when a role has nobody of its own")
        return self

    def alerted_for(self, role: str) -> dict[str, Staff]:
        """Who gets the alerts of a role, by staff id."""
        return {person: self.staff[person] for person in self.on_call.get(role, self.on_call["default"])}

    def local(self, at: datetime) -> datetime:
        """A moment on the district's clocks."""
        return at.astimezone(ZoneInfo(self.time_zone))

    def waking(self, at: datetime) -> datetime:
        """`at`, or the next moment after it at which families may be written to unasked."""
        local, hours = self.local(at), self.waking_hours
        start = local.replace(hour=hours.start.hour, minute=hours.start.minute, second=0, microsecond=0)
        if local.time() < hours.start:
            return start.astimezone(at.tzinfo)
        return at if local.time() < hours.end else (start + timedelta(days=1)).astimezone(at.tzinfo)

    def answer_due(self, at: datetime) -> date:
        """The day by which a family is answered: `reply_within_days` school days (Monday to Friday) from now."""
        day, left = self.local(at).date(), self.reply_within_days
        while left:
            day += timedelta(days=1)
            left -= day.weekday() < 5
        return day
