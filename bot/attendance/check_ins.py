"""Plan check-in texts for a list of phone numbers from the attendance office. The list itself is not stored.

The office gets only counts back, also for unknown numbers. A family gets at most one check-in a day, in waking hours,
and none while its school is on hold after a verified event.
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
"""The outcomes for a number: text planned, already asked today, unknown, opted out, no consent, school on hold after an
event, gets no texts, not a phone number."""


class SchoolOnHoldError(Exception):
    """No text may be sent for this school before `allowed_from`."""

    def __init__(self, allowed_from: date) -> None:
        super().__init__(allowed_from.isoformat())
        self.allowed_from = allowed_from


class TooManyNumbersError(Exception):
    """The list contains more numbers than allowed."""


@dataclass(frozen=True)
class PhoneNumberList:
    """The distinct numbers of a list as E.164, and the count of lines without a number."""

    numbers: tuple[str, ...]
    unreadable_count: int


def parse_list(text: str) -> PhoneNumberList:
    """Parse a pasted list or a CSV file: the `phone` column, or the whole line. Raises `TooManyNumbersError`."""
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    cells = _read_phone_column(lines)
    parsed = [parse_e164(cell.strip().strip('"')) for cell in cells]
    numbers = tuple(dict.fromkeys(number for number in parsed if number))
    if len(numbers) > MAX_LISTED_NUMBERS:
        raise TooManyNumbersError
    return PhoneNumberList(numbers, sum(number is None for number in parsed))


def _read_phone_column(lines: Sequence[str]) -> list[str]:
    """Return the cells of the phone column without the header, or all lines if there is no such column."""
    if not lines:
        return []
    delimiter = max(",;\t", key=lines[0].count)
    names = [name.strip().strip('"').casefold() for name in lines[0].split(delimiter)]
    column = next((index for index, name in enumerate(names) if name in PHONE_COLUMN_NAMES), None)
    if column is None:
        return list(lines)
    rows = csv.reader(StringIO("\n".join(lines[1:])), delimiter=delimiter)
    return [row[column] if len(row) > column else "" for row in rows]


def plan_texts(runtime: Runtime, school: str, phone_list: PhoneNumberList, by: str) -> Mapping[str, int]:
    """Plan the texts, and return the count of numbers by outcome. Raises `SchoolOnHoldError`."""
    current_time, district = now(), runtime.library.district
    with runtime.database.read() as db:
        held = suppression_rules.find_held_schools(db, district, current_time, [school])
    if held:
        raise SchoolOnHoldError(held[school])
    counts = Counter({UNREADABLE_LINE: phone_list.unreadable_count})
    with runtime.database.write() as db:
        for number in phone_list.numbers:
            counts[_plan_text(runtime, db, number, current_time)] += 1
        about, result = f"school {school}", f"{counts[TEXT_PLANNED]} texts"
        audit_log.record(db, by, "asked for check-in texts", about, current_time, result)
    return {name: counts[name] for name in CHECK_IN_OUTCOMES}


def _plan_text(runtime: Runtime, db: Transaction, phone_number: str, current_time: datetime) -> str:
    """Plan the text for one number, and return the outcome."""
    matching = contacts.list_for_number(db, phone_number)
    refusal = _find_refusal(runtime, db, matching, current_time)
    if refusal:
        return refusal
    local_time = runtime.library.district.to_local_time(current_time)
    day_start = local_time.replace(hour=0, minute=0, second=0, microsecond=0)
    contact_ids = [contact.id for contact in matching]
    if follow_ups.is_planned_between(db, contact_ids, CHECK_IN_FLOW, day_start, day_start + timedelta(days=1)):
        return ALREADY_ASKED_TODAY
    for contact_id in contact_ids:
        follow_ups.drop(db, contact_id, CHECK_IN_FLOW)  # today's text replaces one planned for a later day
    cause = f"check-in:{matching[0].family_id or matching[0].id}:{local_time.date()}"
    due_at = runtime.library.district.find_next_waking_time(current_time)
    follow_ups.plan(db, (cause, 0), matching[0].id, follow_ups.FollowUpTarget(CHECK_IN_FLOW), due_at)
    return TEXT_PLANNED


def _find_refusal(runtime: Runtime, db: Transaction, matching: Sequence[Contact], current_time: datetime) -> str:
    """Return why this family gets no text, or ""."""
    family_id = matching[0].family_id if matching else None
    if family_id is None:
        return UNKNOWN_NUMBER
    if any(contact.opted_out_at for contact in matching):
        return FAMILY_OPTED_OUT
    family = families.get(db, family_id)
    if family.consent_at is None:
        return NO_CONSENT
    if suppression_rules.find_family_hold_end(db, runtime.library.district, matching[0].id, current_time):
        return SCHOOL_ON_HOLD
    if family.bad_number and len(matching) == 1 and matching[0].channel == "sms":
        return BAD_NUMBER
    return ""
