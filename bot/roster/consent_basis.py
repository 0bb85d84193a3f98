"""What a roster may say about consent, beside what families said themselves.

What a family said itself (STOP, JOIN) always counts more.  Of what rosters say with a date the newest counts, and of
one day a no.  A yes without a date gives way to anything with one, and never undoes a no: the same file, read again
next week, must change nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.store.families.consent_events import ConsentEvent

DATED_PREFIX, UNDATED_PREFIX = "roster:d:", "roster:u:"


@dataclass(frozen=True)
class RosterConsent:
    """What one line says: on which basis (None: it says no), since when, and whether that date stands in the file."""

    basis: str | None
    at: datetime
    is_dated: bool

    @property
    def kind(self) -> str:
        """As the events call it."""
        return "denied" if self.basis is None else "given"

    def build_event(self, person_index: str) -> ConsentEvent:
        """The proof to be kept; its id is the same whenever the same is said of the same number."""
        said = f"{person_index}|{self.kind}|{self.basis}|{self.at.isoformat()}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:48]
        return ConsentEvent(
            self.kind, self.basis or "roster", f"{DATED_PREFIX if self.is_dated else UNDATED_PREFIX}{digest}", self.at
        )


@dataclass(frozen=True)
class PersonConsent:
    """Where a person stands: the consent that counts, all that was said, and whether one of its addresses stopped."""

    basis: str | None
    at: datetime | None
    events: tuple[ConsentEvent, ...]
    has_opted_out: bool = False

    def apply_event(self, event: ConsentEvent) -> "PersonConsent":
        """Where it stands once this was said."""
        given = event.kind == "given"
        basis, at = (event.basis, event.at) if given else (None, None)
        return replace(self, basis=basis, at=at, events=(*self.events, event))

    @property
    def last_family_event(self) -> ConsentEvent | None:
        """The last thing that the family said itself."""
        return next((event for event in reversed(self.events) if not _is_from_roster(event)), None)

    @property
    def has_refused(self) -> bool:
        """Whether the family itself wants nothing from us."""
        return self.has_opted_out or (
            self.last_family_event is not None and self.last_family_event.kind in ("stop", "denied")
        )


def select_events(standing: PersonConsent, consents: Iterable[RosterConsent], person_index: str) -> list[ConsentEvent]:
    """The events to be kept of what a file says, in order; after the last of them stands what counts."""
    kept = []
    for consent in consents:
        event = consent.build_event(person_index)
        if _should_record(standing, consent, event):
            standing = standing.apply_event(event)
            kept.append(event)
    return kept


def _should_record(standing: PersonConsent, consent: RosterConsent, event: ConsentEvent) -> bool:
    return _can_deny(standing, consent, event) if consent.basis is None else _can_give(standing, consent)


def _can_give(standing: PersonConsent, consent: RosterConsent) -> bool:
    if standing.has_refused:
        return False
    if standing.at is None:
        no = _find_newest(standing, "denied")
        return no is None or (consent.is_dated and consent.at > no)
    counting = _find_current_grant(standing)
    return bool(counting and consent.is_dated and (_is_undated(counting) or consent.at > standing.at))


def _can_deny(standing: PersonConsent, consent: RosterConsent, event: ConsentEvent) -> bool:
    if consent.is_dated:
        known = any(one.message_sid == event.message_sid for one in standing.events)
        return not known and (
            standing.at is None or consent.at >= standing.at or _is_undated(_find_current_grant(standing))
        )
    no, yes = _find_newest(standing, "denied"), _find_newest(standing, "given")
    return no is None or (yes is not None and yes > no)


def _find_current_grant(standing: PersonConsent) -> ConsentEvent | None:
    """The roster's word on which the present consent rests, if it rests on one."""
    given = (event for event in reversed(standing.events) if _is_from_roster(event) and event.kind == "given")
    return next((event for event in given if (event.basis, event.at) == (standing.basis, standing.at)), None)


def _is_undated(event: ConsentEvent | None) -> bool:
    return event is not None and event.message_sid.startswith(UNDATED_PREFIX)


def _find_newest(standing: PersonConsent, kind: str) -> datetime | None:
    return max((event.at for event in standing.events if _is_from_roster(event) and event.kind == kind), default=None)


def _is_from_roster(event: ConsentEvent) -> bool:
    return event.message_sid.startswith((DATED_PREFIX, UNDATED_PREFIX))
