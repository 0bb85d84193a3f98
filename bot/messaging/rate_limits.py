"""What a phone may ask of the line in a day, and what we may spend on it: by where its number is.

A number abroad costs up to fifty times a local text.  Somebody who owns premium numbers earns with each of our answers
(SMS pumping, Twilio's "SMS pumping fraud"), so they get few; a mother who was deported still gets hers.
"""

import phonenumbers
from phonenumbers import PhoneNumberType
from redis import RedisError

from bot.messaging.inbound_message import InboundMessage
from bot.runtime import Runtime
from bot.store.families import rate_counters
from bot.store.families.rate_counters import MessageRateLimit

DOMESTIC_REGIONS = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})
"""Where a text costs what a local one does: the United States with its territories."""
FOREIGN_RATE_LIMIT = MessageRateLimit(per_ten_minutes=12, per_day=20)
"""Messages of one foreign number that are answered; by WhatsApp all numbers cost alike."""
HIGH_COST_NUMBER_TYPES = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
NON_GEOGRAPHIC_REGION = "001"
"""The region of satellite, network and premium codes that belong to no country (+870, +881, +882, +883, +979)."""


def get_rate_limit(address: str) -> MessageRateLimit:
    """How many messages of this address are answered."""
    return (
        FOREIGN_RATE_LIMIT
        if address.startswith("+") and get_region(address) not in DOMESTIC_REGIONS
        else rate_counters.get_default_limit()
    )


def should_stay_silent(runtime: Runtime, inbound: InboundMessage) -> bool:
    """Count a message that is answered without a talk (CHECK, GO); whether its answer is left out now."""
    try:
        result = runtime.conversations.count_message(
            runtime.compute_lookup_hash(inbound.address), get_rate_limit(inbound.address)
        )
    except RedisError:
        return False
    return result == "silent"


def is_high_cost_number(address: str) -> bool:
    """Whether no text or call of ours may go there: somebody is paid for what is sent to such numbers."""
    number = _parse_number(address.removeprefix("voice:"))
    if address.startswith("whatsapp:") or number is None:
        return False
    return get_region(address) == NON_GEOGRAPHIC_REGION or phonenumbers.number_type(number) in HIGH_COST_NUMBER_TYPES


def get_region(address: str) -> str:
    """The country of a number ("US"); "001" for none, empty for what is no number."""
    number = _parse_number(address.removeprefix("voice:"))
    return (
        (phonenumbers.region_code_for_number(number) or _get_region_by_code(number.country_code or 0)) if number else ""
    )


def _get_region_by_code(code: int) -> str:
    """A number that no plan knows (kept for fiction, or new) belongs where its country code does."""
    return str(phonenumbers.region_code_for_country_code(code))


def _parse_number(address: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(address) if address.startswith("+") else None
    except phonenumbers.NumberParseException:
        return None
