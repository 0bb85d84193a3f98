"""The register of all that is stated or rested on: facts, policies, partners, notes for staff, sources to watch.

It follows from the files and the calendar; only when somebody last looked at a source on the watch list is kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.content.facts import PARTNER_CHECK_VALID_DAYS
from bot.content.library import Library
from bot.content.review_queue import WARNING_PERIOD

STATED_STATE, ENDING_SOON_STATE, NOT_STATED_STATE = "said", "soon", "not said"
REVIEW_NEEDED_STATE, REVIEWED_STATE = "look", "looked"
"""States of a source on the watch list."""
REGISTER_STATE_ORDER = (NOT_STATED_STATE, REVIEW_NEEDED_STATE, ENDING_SOON_STATE, STATED_STATE, REVIEWED_STATE)
"""What needs somebody first."""


@dataclass(frozen=True)
class RegisterEntry:
    """`subject` such as `fact home_entry`; `due` the last day on which it counts; `for_families` False: staff only."""

    subject: str
    text: str
    owner: str
    state: str
    due: date | None = None
    source: str = ""
    url: str = ""
    read_on: date | None = None
    is_for_families: bool = True

    @property
    def needs_attention(self) -> bool:
        """Whether an owner has something to do."""
        return self.state in (NOT_STATED_STATE, REVIEW_NEEDED_STATE, ENDING_SOON_STATE)


def build_register(library: Library, today: date, last_reviewed: Mapping[str, date]) -> list[RegisterEntry]:
    """Everything, what needs somebody first.  `looked`: subject → when somebody last looked at it."""
    found = [*_list_facts(library, today), *_list_policies(library, today), *_list_partners(library, today)]
    found += [*_list_notes(library, today), *_list_watched_sources(library, today, last_reviewed)]
    return sorted(found, key=lambda one: (REGISTER_STATE_ORDER.index(one.state), one.due or date.min, one.subject))


def _list_facts(library: Library, today: date) -> Iterator[RegisterEntry]:
    district = library.district
    for name, fact in library.facts.items():
        said = fact.is_usable(today, district.policies, district.partners.values())
        source, due = fact.source, fact.get_review_due_date()
        told = (source.title, source.url or "", source.read_on) if source else (district.name, "", fact.reviewed_on)
        yield RegisterEntry(f"fact {name}", fact.text, fact.owner, _get_state(said, due, today), due, *told)
    for name in sorted(library.district_fact_ids - frozenset(library.facts)):
        yield RegisterEntry(
            f"fact {name}", "Not written yet: only the district can say it.", "office", NOT_STATED_STATE
        )


def _list_policies(library: Library, today: date) -> Iterator[RegisterEntry]:
    policies = library.district.policies
    for name, one in policies.items():
        state = _get_state(one.is_in_force(today), one.review_by, today)
        text = f"Version {one.version}, signed off by {one.signed_off_by}"
        yield RegisterEntry(f"policy {name}", text, one.signed_off_by, state, one.review_by, text, "", one.signed_on)
    for name in sorted({need for fact in library.facts.values() for need in fact.needs} - set(policies)):
        yield RegisterEntry(f"policy {name}", "Not signed off yet.", "district counsel", NOT_STATED_STATE)


def _list_partners(library: Library, today: date) -> Iterator[RegisterEntry]:
    for name, one in library.district.partners.items():
        due = one.checked_on + timedelta(days=PARTNER_CHECK_VALID_DAYS)
        text = f"{one.name}, {one.phone}"
        state = _get_state(one.is_recently_checked(today), due, today)
        yield RegisterEntry(f"partner {name}", text, "family liaison", state, due, one.name, "", one.checked_on)


def _list_notes(library: Library, today: date) -> Iterator[RegisterEntry]:
    for name, one in library.district.context.items():
        state = (
            _get_state(one.is_current(today), one.get_due_date(), today)
            if one.is_current(today)
            else REVIEW_NEEDED_STATE
        )
        source = one.source
        told = (source.title, source.url or "", source.read_on)
        yield RegisterEntry(
            f"note {name}", one.text, one.owner, state, one.get_due_date(), *told, is_for_families=False
        )


def _list_watched_sources(library: Library, today: date, last_reviewed: Mapping[str, date]) -> Iterator[RegisterEntry]:
    for name, one in library.district.watch.items():
        subject = f"watch {name}"
        last = last_reviewed.get(subject)
        due = last + timedelta(days=one.every_days) if last else None
        state = REVIEWED_STATE if due and today < due else REVIEW_NEEDED_STATE
        yield RegisterEntry(subject, one.title, one.owner, state, due, one.title, one.url, last, is_for_families=False)


def _get_state(is_stated: bool, due: date, today: date) -> str:
    if not is_stated:
        return NOT_STATED_STATE
    return ENDING_SOON_STATE if due <= today + WARNING_PERIOD else STATED_STATE
