"""What a roster may say about consent, beside what families said themselves.

What a family said itself (STOP, JOIN) always counts more.  Of what rosters say with a date the newest counts, and of
one day a no.  A yes without a date gives way to anything with one, and never undoes a no: the same file, read again
next week, must change nothing.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.store.families.consent_events import Event

DATED, UNDATED = "roster:d:", "roster:u:"


@dataclass(frozen=True)
class Consent:
    """What one line says: on which basis (None: it says no), since when, and whether that date stands in the file."""

    basis: str | None
    at: datetime
    dated: bool

    @property
    def kind(self) -> str:
        """As the events call it."""
        return "denied" if self.basis is None else "given"

    def event(self, person_index: str) -> Event:
        """The proof to be kept; its id is the same whenever the same is said of the same number."""
        said = f"{person_index}|{self.kind}|{self.basis}|{self.at.isoformat()}"
        digest = hashlib.sha256(said.encode()).hexdigest()[:48]
        return Event(self.kind, self.basis or "roster", f"{DATED if self.dated else UNDATED}{digest}", self.at)


@dataclass(frozen=True)
class Standing:
    """Where a person stands: the consent that counts, all that was said, and whether one of its addresses stopped."""

    basis: str | None
    at: datetime | None
    events: tuple[Event, ...]
    stopped: bool = False

    def after(self, event: Event) -> "Standing":
        """Where it stands once this was said."""
        given = event.kind == "given"
        basis, at = (event.basis, event.at) if given else (None, None)
        return replace(self, basis=basis, at=at, events=(*self.events, event))

    @property
    def own_last(self) -> Event | None:
        """The last thing that the family said itself."""
        return next((event for event in reversed(self.events) if not _by_roster(event)), None)

    @property
    def refuses(self) -> bool:
        """Whether the family itself wants nothing from us."""
        return self.stopped or (self.own_last is not None and self.own_last.kind in ("stop", "denied"))


def weigh(standing: Standing, said: Iterable[Consent], person_index: str) -> list[Event]:
    """The events to be kept of what a file says, in order; after the last of them stands what counts."""
    kept = []
    for consent in said:
        event = consent.event(person_index)
        if _counts(standing, consent, event):
            standing = standing.after(event)
            kept.append(event)
    return kept


def _counts(standing: Standing, consent: Consent, event: Event) -> bool:
    return _may_deny(standing, consent, event) if consent.basis is None else _may_give(standing, consent)


def _may_give(standing: Standing, consent: Consent) -> bool:
    if standing.refuses:
        return False
    if standing.at is None:
        no = _newest(standing, "denied")
        return no is None or (consent.dated and consent.at > no)
    counting = _counting(standing)
    return bool(counting and consent.dated and (_undated(counting) or consent.at > standing.at))


def _may_deny(standing: Standing, consent: Consent, event: Event) -> bool:
    if consent.dated:
        known = any(one.message_sid == event.message_sid for one in standing.events)
        return not known and (standing.at is None or consent.at >= standing.at or _undated(_counting(standing)))
    no, yes = _newest(standing, "denied"), _newest(standing, "given")
    return no is None or (yes is not None and yes > no)


def _counting(standing: Standing) -> Event | None:
    """The roster's word on which the present consent rests, if it rests on one."""
    given = (event for event in reversed(standing.events) if _by_roster(event) and event.kind == "given")
    return next((event for event in given if (event.basis, event.at) == (standing.basis, standing.at)), None)


def _undated(event: Event | None) -> bool:
    return event is not None and event.message_sid.startswith(UNDATED)


def _newest(standing: Standing, kind: str) -> datetime | None:
    return max((event.at for event in standing.events if _by_roster(event) and event.kind == kind), default=None)


def _by_roster(event: Event) -> bool:
    return event.message_sid.startswith((DATED, UNDATED))
