"""List everything that Puente states or relies on: facts, policies, partners, notes for staff, and watched sources.

The list follows from the files and the calendar. Only the last review of each watched source is stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bot.content.facts import PARTNER_CHECK_VALID_DAYS
from bot.content.library import Library
from bot.content.review_queue import WARNING_PERIOD

STATED_STATE, ENDING_SOON_STATE, NOT_STATED_STATE = "said", "soon", "not said"
REVIEW_NEEDED_STATE, REVIEWED_STATE = "look", "looked"
"""States of a watched source."""
REGISTER_STATE_ORDER = (NOT_STATED_STATE, REVIEW_NEEDED_STATE, ENDING_SOON_STATE, STATED_STATE, REVIEWED_STATE)
"""The order of the list: entries that need attention come first."""


@dataclass(frozen=True)
class RegisterEntry:
    """One entry of the list. `subject` is such as `fact home_entry`; `due` is the last day on which it is valid."""

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
        """Whether the owner has something to do."""
        return self.state in (NOT_STATED_STATE, REVIEW_NEEDED_STATE, ENDING_SOON_STATE)


def build_register(library: Library, today: date, last_reviewed: Mapping[str, date]) -> list[RegisterEntry]:
    """List all entries, those that need attention first.

    Args:
        last_reviewed: The last review of each watched source, by subject.
    """
    entries = [*_list_facts(library, today), *_list_policies(library, today), *_list_partners(library, today)]
    entries += [*_list_notes(library, today), *_list_watched_sources(library, today, last_reviewed)]
    return sorted(entries, key=_get_sort_key)


def _get_sort_key(entry: RegisterEntry) -> tuple[int, date, str]:
    return REGISTER_STATE_ORDER.index(entry.state), entry.due or date.min, entry.subject


def _list_facts(library: Library, today: date) -> Iterator[RegisterEntry]:
    district = library.district
    for name, fact in library.facts.items():
        is_usable = fact.is_usable(today, district.policies, district.partners.values())
        source, due = fact.source, fact.get_review_due_date()
        source_fields = (district.name, "", fact.reviewed_on)
        if source:
            source_fields = (source.title, source.url or "", source.read_on)
        state = _get_state(is_usable, due, today)
        yield RegisterEntry(f"fact {name}", fact.text, fact.owner, state, due, *source_fields)
    for name in sorted(library.district_fact_ids - frozenset(library.facts)):
        text = "Not written yet: only the district knows it."
        yield RegisterEntry(f"fact {name}", text, "office", NOT_STATED_STATE)


def _list_policies(library: Library, today: date) -> Iterator[RegisterEntry]:
    policies = library.district.policies
    for name, policy in policies.items():
        state = _get_state(policy.is_in_force(today), policy.review_by, today)
        text = f"Version {policy.version}, signed by {policy.signed_off_by}"
        yield RegisterEntry(
            f"policy {name}", text, policy.signed_off_by, state, policy.review_by, text, "", policy.signed_on
        )
    for name in sorted({need for fact in library.facts.values() for need in fact.needs} - set(policies)):
        yield RegisterEntry(f"policy {name}", "Not signed yet.", "district counsel", NOT_STATED_STATE)


def _list_partners(library: Library, today: date) -> Iterator[RegisterEntry]:
    for name, partner in library.district.partners.items():
        due = partner.checked_on + timedelta(days=PARTNER_CHECK_VALID_DAYS)
        text = f"{partner.name}, {partner.phone}"
        state = _get_state(partner.is_recently_checked(today), due, today)
        yield RegisterEntry(f"partner {name}", text, "family liaison", state, due, partner.name, "", partner.checked_on)


def _list_notes(library: Library, today: date) -> Iterator[RegisterEntry]:
    for name, note in library.district.context.items():
        state = REVIEW_NEEDED_STATE
        if note.is_current(today):
            state = _get_state(True, note.get_due_date(), today)
        source = note.source
        source_fields = (source.title, source.url or "", source.read_on)
        yield RegisterEntry(
            f"note {name}", note.text, note.owner, state, note.get_due_date(), *source_fields, is_for_families=False
        )


def _list_watched_sources(library: Library, today: date, last_reviewed: Mapping[str, date]) -> Iterator[RegisterEntry]:
    for name, source in library.district.watch.items():
        subject = f"watch {name}"
        last = last_reviewed.get(subject)
        due = last + timedelta(days=source.every_days) if last else None
        state = REVIEWED_STATE if due and today < due else REVIEW_NEEDED_STATE
        yield RegisterEntry(
            subject, source.title, source.owner, state, due, source.title, source.url, last, is_for_families=False
        )


def _get_state(is_stated: bool, due: date, today: date) -> str:
    if not is_stated:
        return NOT_STATED_STATE
    if due <= today + WARNING_PERIOD:
        return ENDING_SOON_STATE
    return STATED_STATE
