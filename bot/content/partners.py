"""The district's list of organizations: as it stands after staff have called them, and whom a family is told of.  Pure.

Nobody is recommended over anybody: who speaks the family's language comes first, then who serves its town, and among
equals the first place goes round from day to day.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar

from bot.base.text_normalization import normalize_text
from bot.content.facts import Partner
from bot.flows.model import Need

MAX_PARTNERS_SHOWN = 3
"""So many stand in one message."""
ZIP_CODE_PATTERN = re.compile(r"(?<!\d)\d{5}(?!\d)")


class PartnerCheckRecord(Protocol):
    """A call to a partner (`bot.store.community.partner_checks`). It vouches only for the number that was called."""

    @property
    def partner(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def is_number_correct(self) -> bool: ...
    @property
    def checked_on(self) -> date: ...


@dataclass(frozen=True)
class HelpSeeker:
    """Who asks: its language, and where it lives if it said so."""

    language: str
    location: str = ""


C = TypeVar("C", bound=PartnerCheckRecord)


def find_last_check(name: str, partner: Partner, checks: Iterable[C]) -> C | None:
    """The last call to the number that stands in the file, if it is not older than the file's own check."""
    matching_checks = [
        check
        for check in checks
        if (check.partner, check.phone) == (name, partner.phone) and check.checked_on >= partner.checked_on
    ]
    return matching_checks[-1] if matching_checks else None


def apply_checks(partners: Mapping[str, Partner], checks: Sequence[PartnerCheckRecord]) -> dict[str, Partner]:
    """The list with the newer of both checks, the file's and the last call's; without those whose number was wrong."""
    updated = {}
    for name, partner in partners.items():
        last = find_last_check(name, partner, checks)
        if last is None:
            updated[name] = partner
        elif last.is_number_correct:
            updated[name] = partner.model_copy(update={"checked_on": last.checked_on})
    return updated


def find_matching(partners: Iterable[Partner], need: Need, family: HelpSeeker, today: date) -> list[Partner]:
    """Up to three that help with this and were checked lately.  A place that nobody serves leaves nobody out."""
    fresh = [partner for partner in partners if partner.is_recently_checked(today) and partner.can_help_with(need)]
    near = [partner for partner in fresh if can_serve(partner, family.location)]
    return order_by_turn(near or fresh, family.language, today)[:MAX_PARTNERS_SHOWN]


def order_by_turn(partners: Iterable[Partner], language: str, today: date) -> list[Partner]:
    """Those who speak this language first; among equals every day another one."""
    ordered = sorted(partners, key=lambda partner: partner.name)
    speakers = [partner for partner in ordered if language in partner.languages]
    return [
        *_rotate(speakers, today),
        *_rotate([partner for partner in ordered if language not in partner.languages], today),
    ]


def _rotate(partners: list[Partner], today: date) -> list[Partner]:
    first = today.toordinal() % len(partners) if partners else 0
    return partners[first:] + partners[:first]


def can_serve(partner: Partner, location: str) -> bool:
    """Whether it serves the town or ZIP code that a family wrote; everybody does where it wrote none."""
    zips, location_text = set(ZIP_CODE_PATTERN.findall(location)), f" {normalize_text(location)} "
    if not partner.area or not location_text.strip():
        return True
    return any(
        place in zips if ZIP_CODE_PATTERN.fullmatch(place) else f" {normalize_text(place)} " in location_text
        for place in partner.area
    )
