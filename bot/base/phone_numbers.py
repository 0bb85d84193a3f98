"""Phone numbers: how people write them, where they belong, and which ones cost too much."""

import phonenumbers
from phonenumbers import PhoneNumberType

DEFAULT_COUNTRY = "US"
HIGH_COST_NUMBER_TYPES = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
NON_GEOGRAPHIC_REGION = "001"
"""The region of satellite, network and premium codes that belong to no country (+870, +881, +882, +883, +979)."""


def parse_e164(text: str) -> str | None:
    """The number as E.164 (+12175550100), its extension left out; None for what can be no number."""
    try:
        number = phonenumbers.parse(text, DEFAULT_COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if is_possible else None


def get_region(address: str) -> str:
    """The country of a number ("US"); "001" for none, empty for what is no number."""
    number = _parse_number(address.removeprefix("voice:"))
    return (
        (phonenumbers.region_code_for_number(number) or _get_region_by_code(number.country_code or 0)) if number else ""
    )


def is_high_cost_number(address: str) -> bool:
    """Whether no text or call of ours may go there: somebody is paid for what is sent to such numbers."""
    number = _parse_number(address.removeprefix("voice:"))
    if address.startswith("whatsapp:") or number is None:
        return False
    return get_region(address) == NON_GEOGRAPHIC_REGION or phonenumbers.number_type(number) in HIGH_COST_NUMBER_TYPES


def _get_region_by_code(code: int) -> str:
    """A number that no plan knows (kept for fiction, or new) belongs where its country code does."""
    return str(phonenumbers.region_code_for_country_code(code))


def _parse_number(address: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(address) if address.startswith("+") else None
    except phonenumbers.NumberParseException:
        return None
