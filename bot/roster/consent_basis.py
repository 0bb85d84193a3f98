"""Decide which consents of a roster to record beside what families decided themselves.

A family's own decision (STOP, JOIN) always wins. Among dated roster consents, the newest wins; on the same day, a
refusal wins. A grant without a date gives way to any dated consent and never cancels a refusal. Importing the same
file again must change nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.store.families.consent_events import ConsentEvent

DATED_PREFIX, UNDATED_PREFIX = "roster:d:", "roster:u:"


@dataclass(frozen=True)
class RosterConsent:
    """The consent in one line. `basis` is None for a refusal. `is_dated` is whether the file has the date `at`."""

    basis: str | None
    at: datetime
    is_dated: bool

    @property
    def kind(self) -> str:
        """The kind of the consent event."""
        return "denied" if self.basis is None else "given"

    def build_event(self, person_index: str) -> ConsentEvent:
        """Build the event to store as proof. The same consent of the same number always has the same ID."""
        identity = f"{person_index}|{self.kind}|{self.basis}|{self.at.isoformat()}"
        digest = hashlib.sha256(identity.encode()).hexdigest()[:48]
        prefix = DATED_PREFIX if self.is_dated else UNDATED_PREFIX
        return ConsentEvent(self.kind, self.basis or "roster", f"{prefix}{digest}", self.at)


@dataclass(frozen=True)
class PersonConsent:
    """The current consent of a person, all consent events, and whether one of the person's addresses opted out."""

    basis: str | None
    at: datetime | None
    events: tuple[ConsentEvent, ...]
    has_opted_out: bool = False

    def apply_event(self, event: ConsentEvent) -> "PersonConsent":
        """Return the consent after this event."""
        events = (*self.events, event)
        if event.kind == "given":
            return replace(self, basis=event.basis, at=event.at, events=events)
        return replace(self, basis=None, at=None, events=events)

    @property
    def last_family_event(self) -> ConsentEvent | None:
        """The last decision of the family itself."""
        return next((event for event in reversed(self.events) if not _is_from_roster(event)), None)

    @property
    def has_refused(self) -> bool:
        """Whether the family itself opted out or refused consent."""
        if self.has_opted_out:
            return True
        return self.last_family_event is not None and self.last_family_event.kind in ("stop", "denied")


def select_events(current: PersonConsent, consents: Iterable[RosterConsent], person_index: str) -> list[ConsentEvent]:
    """Return the events to record for a file's consents, in order. The last one decides the current consent."""
    recorded = []
    for consent in consents:
        event = consent.build_event(person_index)
        if _should_record(current, consent, event):
            current = current.apply_event(event)
            recorded.append(event)
    return recorded


def _should_record(current: PersonConsent, consent: RosterConsent, event: ConsentEvent) -> bool:
    if consent.basis is None:
        return _can_deny(current, consent, event)
    return _can_give(current, consent)


def _can_give(current: PersonConsent, consent: RosterConsent) -> bool:
    if current.has_refused:
        return False
    if current.at is None:
        denied_at = _find_newest(current, "denied")
        return denied_at is None or (consent.is_dated and consent.at > denied_at)
    grant = _find_current_grant(current)
    return bool(grant and consent.is_dated and (_is_undated(grant) or consent.at > current.at))


def _can_deny(current: PersonConsent, consent: RosterConsent, event: ConsentEvent) -> bool:
    if not consent.is_dated:
        denied_at, given_at = _find_newest(current, "denied"), _find_newest(current, "given")
        return denied_at is None or (given_at is not None and given_at > denied_at)
    if any(recorded.message_sid == event.message_sid for recorded in current.events):
        return False
    return current.at is None or consent.at >= current.at or _is_undated(_find_current_grant(current))


def _find_current_grant(current: PersonConsent) -> ConsentEvent | None:
    """Find the roster event on which the current consent is based, if there is one."""
    for event in reversed(current.events):
        if _is_from_roster(event) and event.kind == "given" and (event.basis, event.at) == (current.basis, current.at):
            return event
    return None


def _is_undated(event: ConsentEvent | None) -> bool:
    return event is not None and event.message_sid.startswith(UNDATED_PREFIX)


def _find_newest(current: PersonConsent, kind: str) -> datetime | None:
    return max((event.at for event in current.events if _is_from_roster(event) and event.kind == kind), default=None)


def _is_from_roster(event: ConsentEvent) -> bool:
    return event.message_sid.startswith((DATED_PREFIX, UNDATED_PREFIX))
