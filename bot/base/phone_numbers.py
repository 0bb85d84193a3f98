"""Telephone numbers as people here write them."""

import phonenumbers

DEFAULT_COUNTRY = "US"


def parse_e164(text: str) -> str | None:
    """The number as E.164 (+12175550100), its extension left out; None for what can be no number."""
    try:
        number = phonenumbers.parse(text, DEFAULT_COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if is_possible else None
