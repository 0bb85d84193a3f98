"""The register of all that is stated or rested on: facts, policies, partners, notes for staff, sources to watch.

It follows from the files and the calendar; only when somebody last looked at a source on the watch list is kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.content.facts import PARTNER_DAYS
from bot.content.library import Library
from bot.content.review_queue import SOON

SAID, ENDS_SOON, NOT_SAID = "said", "soon", "not said"
TO_LOOK_AT, LOOKED_AT = "look", "looked"
"""States of a source on the watch list."""
STATES = (NOT_SAID, TO_LOOK_AT, ENDS_SOON, SAID, LOOKED_AT)
"""What needs somebody first."""


@dataclass(frozen=True)
class Entry:
    """`subject` such as `fact home_entry`; `due` the last day on which it counts; `for_families` False: staff only."""

    subject: str
    text: str
    owner: str
    state: str
    due: date | None = None
    source: str = ""
    url: str = ""
    read_on: date | None = None
    for_families: bool = True

    @property
    def needs_somebody(self) -> bool:
        """Whether an owner has something to do."""
        return self.state in (NOT_SAID, TO_LOOK_AT, ENDS_SOON)


def register(library: Library, today: date, looked: Mapping[str, date]) -> list[Entry]:
    """Everything, what needs somebody first.  `looked`: subject → when somebody last looked at it."""
    found = [*_facts(library, today), *_policies(library, today), *_partners(library, today)]
    found += [*_notes(library, today), *_watched(library, today, looked)]
    return sorted(found, key=lambda one: (STATES.index(one.state), one.due or date.min, one.subject))


def _facts(library: Library, today: date) -> Iterator[Entry]:
    district = library.district
    for name, fact in library.facts.items():
        said = fact.usable(today, district.policies, district.partners.values())
        source, due = fact.source, fact.review_due()
        told = (source.title, source.url or "", source.read_on) if source else (district.name, "", fact.reviewed_on)
        yield Entry(f"fact {name}", fact.text, fact.owner, _state(said, due, today), due, *told)
    for name in sorted(library.from_district - frozenset(library.facts)):
        yield Entry(f"fact {name}", "Not written yet: only the district can say it.", "office", NOT_SAID)


def _policies(library: Library, today: date) -> Iterator[Entry]:
    policies = library.district.policies
    for name, one in policies.items():
        state = _state(one.in_force(today), one.review_by, today)
        text = f"Version {one.version}, signed off by {one.signed_off_by}"
        yield Entry(f"policy {name}", text, one.signed_off_by, state, one.review_by, text, "", one.signed_on)
    for name in sorted({need for fact in library.facts.values() for need in fact.needs} - set(policies)):
        yield Entry(f"policy {name}", "Not signed off yet.", "district counsel", NOT_SAID)


def _partners(library: Library, today: date) -> Iterator[Entry]:
    for name, one in library.district.partners.items():
        due = one.checked_on + timedelta(days=PARTNER_DAYS)
        text = f"{one.name}, {one.phone}"
        state = _state(one.fresh(today), due, today)
        yield Entry(f"partner {name}", text, "family liaison", state, due, one.name, "", one.checked_on)


def _notes(library: Library, today: date) -> Iterator[Entry]:
    for name, one in library.district.context.items():
        state = _state(one.current(today), one.due(), today) if one.current(today) else TO_LOOK_AT
        source = one.source
        told = (source.title, source.url or "", source.read_on)
        yield Entry(f"note {name}", one.text, one.owner, state, one.due(), *told, for_families=False)


def _watched(library: Library, today: date, looked: Mapping[str, date]) -> Iterator[Entry]:
    for name, one in library.district.watch.items():
        subject = f"watch {name}"
        last = looked.get(subject)
        due = last + timedelta(days=one.every_days) if last else None
        state = LOOKED_AT if due and today < due else TO_LOOK_AT
        yield Entry(subject, one.title, one.owner, state, due, one.title, one.url, last, for_families=False)


def _state(said: bool, due: date, today: date) -> str:
    if not said:
        return NOT_SAID
    return ENDS_SOON if due <= today + SOON else SAID
