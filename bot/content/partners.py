"""Apply the staff's calls to the district's partners, and select those that Puente names to a family.

Puente does not rank partners. Those that serve the family's town are preferred, those that speak its language come
first, and the order among equals rotates daily.
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
"""How many partners one message names."""
ZIP_CODE_PATTERN = re.compile(r"(?<!\d)\d{5}(?!\d)")


class PartnerCheckRecord(Protocol):
    """A call to a partner (`bot.store.community.partner_checks`). It confirms only the number that was called."""

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
    """A family that asks for help. `location` is the town or ZIP code that it wrote."""

    language: str
    location: str = ""


C = TypeVar("C", bound=PartnerCheckRecord)


def find_last_check(name: str, partner: Partner, checks: Iterable[C]) -> C | None:
    """Find the last call to the number in the file, if it is not older than the check in the file."""
    matching_checks = [
        check
        for check in checks
        if (check.partner, check.phone) == (name, partner.phone) and check.checked_on >= partner.checked_on
    ]
    return matching_checks[-1] if matching_checks else None


def apply_checks(partners: Mapping[str, Partner], checks: Sequence[PartnerCheckRecord]) -> dict[str, Partner]:
    """Return the partners with the newer of the file's check and the last call, without those with a wrong number."""
    updated = {}
    for name, partner in partners.items():
        last = find_last_check(name, partner, checks)
        if last is None:
            updated[name] = partner
        elif last.is_number_correct:
            updated[name] = partner.model_copy(update={"checked_on": last.checked_on})
    return updated


def find_matching(partners: Iterable[Partner], need: Need, family: HelpSeeker, today: date) -> list[Partner]:
    """Find up to three recently checked partners for this need. If none serves the location, use all of them."""
    fresh = [partner for partner in partners if partner.is_recently_checked(today) and partner.can_help_with(need)]
    near = [partner for partner in fresh if can_serve(partner, family.location)]
    return order_by_turn(near or fresh, family.language, today)[:MAX_PARTNERS_SHOWN]


def order_by_turn(partners: Iterable[Partner], language: str, today: date) -> list[Partner]:
    """Order partners that speak this language first. Rotate the order among equals daily."""
    ordered = sorted(partners, key=lambda partner: partner.name)
    speakers = [partner for partner in ordered if language in partner.languages]
    others = [partner for partner in ordered if language not in partner.languages]
    return [*_rotate(speakers, today), *_rotate(others, today)]


def _rotate(partners: list[Partner], today: date) -> list[Partner]:
    first = today.toordinal() % len(partners) if partners else 0
    return partners[first:] + partners[:first]


def can_serve(partner: Partner, location: str) -> bool:
    """Return whether it serves the town or ZIP code that a family wrote. Without a location, every partner does."""
    zips, location_text = set(ZIP_CODE_PATTERN.findall(location)), f" {normalize_text(location)} "
    if not partner.area or not location_text.strip():
        return True
    for place in partner.area:
        if ZIP_CODE_PATTERN.fullmatch(place):
            if place in zips:
                return True
        elif f" {normalize_text(place)} " in location_text:
            return True
    return False
