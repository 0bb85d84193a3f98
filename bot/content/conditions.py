"""Compute the values that conditions (`when:`) test: facts of the district and schools, and contact attributes."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from bot.content.condition_names import BOARD_CONDITION, CONDITION_CHANNELS
from bot.content.library import Library


def build_values(library: Library, today: date, contact: Mapping[str, str]) -> dict[str, str]:
    """Return all values today. A fact or policy is `yes` while it can be stated, a channel while it is on, else `no`.

    Args:
        contact: The attributes of the contact, by name without `contact.`.
    """
    contact_values = {f"contact.{name}": value for name, value in contact.items()}
    return {**_build_district_values(library, today), **contact_values}


@lru_cache(maxsize=64)
def _build_district_values(library: Library, today: date) -> Mapping[str, str]:
    """Compute the values once a day, so that no message waits for them."""
    district, values = library.district, {}
    partners = district.partners.values()
    for name in library.district_fact_ids | set(library.facts):
        fact = library.facts.get(name)
        values[f"district.{name}"] = _format_yes_no(bool(fact and fact.is_usable(today, district.policies, partners)))
    values |= {
        f"district.{name}": _format_yes_no(policy.is_in_force(today)) for name, policy in district.policies.items()
    }
    values |= {f"district.{channel}": _format_yes_no(channel in district.channels) for channel in CONDITION_CHANNELS}
    values[f"district.{BOARD_CONDITION}"] = _format_yes_no(district.find_next_board_meeting(today) is not None)
    for school_id, school in district.schools.items():
        values |= {f"school.{school_id}.{name}": value for name, value in school.facts.items()}
    return values


def _format_yes_no(is_true: bool) -> str:
    return "yes" if is_true else "no"
