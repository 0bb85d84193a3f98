"""Check-in texts: the attendance office names numbers, each known family is asked kindly, and the list is forgotten.

Nothing of the list is kept, not even the numbers that nobody knows: it comes back as counts.  A family gets one such
text a day at most, in waking hours, and none while its school is held after a verified event.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO

from bot.base.database import Transaction, now
from bot.base.phone_numbers import parse_e164
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.families import contacts, families, follow_ups
from bot.store.families.contacts import Contact

CHECK_IN_FLOW = "absence_check_in"
MAX_LISTED_NUMBERS = 500
PHONE_COLUMN_NAMES = frozenset({"phone", "telephone", "phone number", "mobile", "cell", "teléfono", "telefono"})
TEXT_PLANNED, ALREADY_ASKED_TODAY, UNKNOWN_NUMBER, FAMILY_OPTED_OUT = "asked", "today", "unknown", "stopped"
NO_CONSENT, SCHOOL_ON_HOLD, BAD_NUMBER, UNREADABLE_LINE = "no consent", "held", "bad number", "unreadable"
CHECK_IN_OUTCOMES = (
    TEXT_PLANNED,
    ALREADY_ASKED_TODAY,
    UNKNOWN_NUMBER,
    FAMILY_OPTED_OUT,
    NO_CONSENT,
    SCHOOL_ON_HOLD,
    BAD_NUMBER,
    UNREADABLE_LINE,
)
"""What becomes of a number: a text is planned; there was one today; nobody we know; said STOP; never agreed; after an
event; gets no texts; no telephone number."""


class SchoolOnHoldError(Exception):
    """No text leaves for this school yet: it is held until `again`."""

    def __init__(self, allowed_from: date) -> None:
        super().__init__(allowed_from.isoformat())
        self.allowed_from = allowed_from


class TooManyNumbersError(Exception):
    """More numbers than one list may hold."""


@dataclass(frozen=True)
class PhoneNumberList:
    """The numbers of a list as E.164, each once, and how many lines held none."""

    numbers: tuple[str, ...]
    unreadable_count: int


def parse_list(text: str) -> PhoneNumberList:
    """A pasted list or a CSV file: the column `phone`, or else the whole line.  Raises `TooMany`."""
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    cells = _read_phone_column(lines) if lines else []
    found = [parse_e164(cell.strip().strip('"')) for cell in cells]
    numbers = tuple(dict.fromkeys(number for number in found if number))
    if len(numbers) > MAX_LISTED_NUMBERS:
        raise TooManyNumbersError
    return PhoneNumberList(numbers, sum(number is None for number in found))


def _read_phone_column(lines: Sequence[str]) -> list[str]:
    """The cells with the numbers, without the line of names."""
    mark = max(",;\t", key=lines[0].count)
    names = [name.strip().strip('"').casefold() for name in lines[0].split(mark)]
    at = next((number for number, name in enumerate(names) if name in PHONE_COLUMN_NAMES), None)
    if at is None:
        return list(lines)
    rows = csv.reader(StringIO("\n".join(lines[1:])), delimiter=mark)
    return [row[at] if len(row) > at else "" for row in rows]


def plan_texts(runtime: Runtime, school: str, phone_list: PhoneNumberList, by: str) -> Mapping[str, int]:
    """Plan the texts; how many numbers met which outcome.  Raises `Refused` while this school is held."""
    at, district = now(), runtime.library.district
    with runtime.database.read() as db:
        held = suppression_rules.find_held_schools(db, district, at, [school])
    if held:
        raise SchoolOnHoldError(held[school])
    counts = Counter({UNREADABLE_LINE: phone_list.unreadable_count})
    with runtime.database.write() as db:
        for number in phone_list.numbers:
            counts[_plan_text(runtime, db, number, at)] += 1
        audit_log.record(db, by, "asked for check-in texts", f"school {school}", at, f"{counts[TEXT_PLANNED]} texts")
    return {name: counts[name] for name in CHECK_IN_OUTCOMES}


def _plan_text(runtime: Runtime, db: Transaction, phone_number: str, at: datetime) -> str:
    """What becomes of one number."""
    known = contacts.list_for_number(db, phone_number)
    outcome = _find_refusal(runtime, db, known, at)
    if outcome:
        return outcome
    day = runtime.library.district.to_local_time(at)
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    ids = [one.id for one in known]
    if follow_ups.is_planned_between(db, ids, CHECK_IN_FLOW, start, start + timedelta(days=1)):
        return ALREADY_ASKED_TODAY
    for one in ids:
        follow_ups.drop(db, one, CHECK_IN_FLOW)  # what was planned for a later day: it is asked now
    cause = f"check-in:{known[0].family_id or known[0].id}:{day.date()}"
    due = runtime.library.district.find_next_waking_time(at)
    follow_ups.plan(db, (cause, 0), known[0].id, follow_ups.FollowUpTarget(CHECK_IN_FLOW), due)
    return TEXT_PLANNED


def _find_refusal(runtime: Runtime, db: Transaction, known_contacts: Sequence[Contact], at: datetime) -> str:
    """Why this family gets none; "" if it does."""
    family = known_contacts[0].family_id if known_contacts else None
    if family is None:
        return UNKNOWN_NUMBER
    if any(one.stopped_at for one in known_contacts):
        return FAMILY_OPTED_OUT
    about = families.get(db, family)
    if about.consent_at is None:
        return NO_CONSENT
    if suppression_rules.find_family_hold_end(db, runtime.library.district, known_contacts[0].id, at):
        return SCHOOL_ON_HOLD
    return BAD_NUMBER if about.bad_number and len(known_contacts) == 1 and known_contacts[0].channel == "sms" else ""
