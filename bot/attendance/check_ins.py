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

from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.base.phone_numbers import e164
from bot.messaging import suppression_rules
from bot.runtime import Services
from bot.store import audit_log
from bot.store.families import contacts, families, follow_ups
from bot.store.families.contacts import Contact

FLOW = "absence_check_in"
MOST = 500
PHONE_COLUMNS = frozenset({"phone", "telephone", "phone number", "mobile", "cell", "teléfono", "telefono"})
ASKED, TODAY, UNKNOWN, STOPPED = "asked", "today", "unknown", "stopped"
NO_CONSENT, HELD, BAD_NUMBER, UNREADABLE = "no consent", "held", "bad number", "unreadable"
OUTCOMES = (ASKED, TODAY, UNKNOWN, STOPPED, NO_CONSENT, HELD, BAD_NUMBER, UNREADABLE)
"""What becomes of a number: a text is planned; there was one today; nobody we know; said STOP; never agreed; after an
event; gets no texts; no telephone number."""


class Refused(Exception):
    """No text leaves for this school yet: it is held until `again`."""

    def __init__(self, again: date) -> None:
        super().__init__(again.isoformat())
        self.again = again


class TooMany(Exception):
    """More numbers than one list may hold."""


@dataclass(frozen=True)
class Listed:
    """The numbers of a list as E.164, each once, and how many lines held none."""

    numbers: tuple[str, ...]
    unreadable: int


def read(pasted: str) -> Listed:
    """A pasted list or a CSV file: the column `phone`, or else the whole line.  Raises `TooMany`."""
    lines = [line for line in pasted.lstrip("\ufeff").splitlines() if line.strip()]
    cells = _column(lines) if lines else []
    found = [e164(cell.strip().strip('"')) for cell in cells]
    numbers = tuple(dict.fromkeys(number for number in found if number))
    if len(numbers) > MOST:
        raise TooMany
    return Listed(numbers, sum(number is None for number in found))


def _column(lines: Sequence[str]) -> list[str]:
    """The cells with the numbers, without the line of names."""
    mark = max(",;\t", key=lines[0].count)
    names = [name.strip().strip('"').casefold() for name in lines[0].split(mark)]
    at = next((number for number, name in enumerate(names) if name in PHONE_COLUMNS), None)
    if at is None:
        return list(lines)
    rows = csv.reader(StringIO("\n".join(lines[1:])), delimiter=mark)
    return [row[at] if len(row) > at else "" for row in rows]


def send(services: Services, school: str, listed: Listed, by: str) -> Mapping[str, int]:
    """Plan the texts; how many numbers met which outcome.  Raises `Refused` while this school is held."""
    at, district = now(), services.library.district
    with services.database.read() as db:
        held = suppression_rules.held_schools(db, district, at, [school])
    if held:
        raise Refused(held[school])
    counts = Counter({UNREADABLE: listed.unreadable})
    with services.database.write() as db:
        for number in listed.numbers:
            counts[_plan(services, db, number, at)] += 1
        audit_log.record(db, by, "asked for check-in texts", f"school {school}", at, f"{counts[ASKED]} texts")
    return {name: counts[name] for name in OUTCOMES}


def _plan(services: Services, db: Connection, number: str, at: datetime) -> str:
    """What becomes of one number."""
    known = contacts.of_number(db, services.database.vault, number)
    outcome = _refusal(services, db, known, at)
    if outcome:
        return outcome
    day = services.library.district.local(at)
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    ids = [one.id for one in known]
    if follow_ups.on_day(db, ids, FLOW, start, start + timedelta(days=1)):
        return TODAY
    for one in ids:
        follow_ups.drop(db, one, FLOW)  # what was planned for a later day: it is asked now
    cause = f"check-in:{known[0].family_id or known[0].id}:{day.date()}"
    due = services.library.district.waking(at)
    follow_ups.plan(db, (cause, 0), known[0].id, follow_ups.Place(FLOW), due)
    return ASKED


def _refusal(services: Services, db: Connection, known: Sequence[Contact], at: datetime) -> str:
    """Why this family gets none; "" if it does."""
    family = known[0].family_id if known else None
    if family is None:
        return UNKNOWN
    if any(one.stopped_at for one in known):
        return STOPPED
    about = families.get(db, family)
    if about.consent_at is None:
        return NO_CONSENT
    if suppression_rules.family_held(db, services.library.district, known[0].id, at):
        return HELD
    return BAD_NUMBER if about.bad_number and len(known) == 1 and known[0].channel == "sms" else ""
