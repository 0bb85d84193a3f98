"""The district's list of organizations: as it stands after staff have called them, and whom a family is told of.  Pure.

Nobody is recommended over anybody: who speaks the family's language comes first, then who serves its town, and among
equals the first place goes round from day to day.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar

from bot.base.text_normalization import normalise
from bot.content.facts import Partner
from bot.flows.model import Need

SHOWN = 3
"""So many stand in one message."""
ZIP = re.compile(r"(?<!\d)\d{5}(?!\d)")


class Check(Protocol):
    """A call to a partner (`bot.store.community.partner_checks`). It vouches only for the number that was called."""

    @property
    def partner(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def right(self) -> bool: ...
    @property
    def on(self) -> date: ...


@dataclass(frozen=True)
class Family:
    """Who asks: its language, and where it lives if it said so."""

    language: str
    near: str = ""


C = TypeVar("C", bound=Check)


def last_check(name: str, partner: Partner, checks: Iterable[C]) -> C | None:
    """The last call to the number that stands in the file, if it is not older than the file's own check."""
    own = [one for one in checks if (one.partner, one.phone) == (name, partner.phone) and one.on >= partner.checked_on]
    return own[-1] if own else None


def standing(partners: Mapping[str, Partner], checks: Sequence[Check]) -> dict[str, Partner]:
    """The list with the newer of both checks, the file's and the last call's; without those whose number was wrong."""
    found = {}
    for name, partner in partners.items():
        last = last_check(name, partner, checks)
        if last is None:
            found[name] = partner
        elif last.right:
            found[name] = partner.model_copy(update={"checked_on": last.on})
    return found


def fitting(partners: Iterable[Partner], need: Need, family: Family, today: date) -> list[Partner]:
    """Up to three that help with this and were checked lately.  A place that nobody serves leaves nobody out."""
    fresh = [one for one in partners if one.fresh(today) and one.helps_with(need)]
    near = [one for one in fresh if serves(one, family.near)]
    return in_turn(near or fresh, family.language, today)[:SHOWN]


def in_turn(partners: Iterable[Partner], language: str, today: date) -> list[Partner]:
    """Those who speak this language first; among equals every day another one."""
    ordered = sorted(partners, key=lambda one: one.name)
    speak = [one for one in ordered if language in one.languages]
    return [*_turned(speak, today), *_turned([one for one in ordered if language not in one.languages], today)]


def _turned(partners: list[Partner], today: date) -> list[Partner]:
    first = today.toordinal() % len(partners) if partners else 0
    return partners[first:] + partners[:first]


def serves(partner: Partner, near: str) -> bool:
    """Whether it serves the town or ZIP code that a family wrote; everybody does where it wrote none."""
    zips, said = set(ZIP.findall(near)), f" {normalise(near)} "
    if not partner.area or not said.strip():
        return True
    return any(place in zips if ZIP.fullmatch(place) else f" {normalise(place)} " in said for place in partner.area)
