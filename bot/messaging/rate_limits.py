"""What a phone may ask of the line in a day, and what we may spend on it: by where its number is.

A number abroad costs up to fifty times a local text.  Somebody who owns premium numbers earns with each of our answers
(SMS pumping, Twilio's "SMS pumping fraud"), so they get few; a mother who was deported still gets hers.
"""

import phonenumbers
from phonenumbers import PhoneNumberType
from redis import RedisError

from bot.messaging.inbound_message import Inbound
from bot.runtime import Services
from bot.store.families import rate_counters
from bot.store.families.rate_counters import MessageRateLimit

HOME = frozenset({"US", "PR", "VI", "GU", "AS", "MP"})
"""Where a text costs what a local one does: the United States with its territories."""
ABROAD = MessageRateLimit(per_ten_minutes=12, per_day=20)
"""Messages of one foreign number that are answered; by WhatsApp all numbers cost alike."""
EARNS = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
NOWHERE = "001"
"""The region of satellite, network and premium codes that belong to no country (+870, +881, +882, +883, +979)."""


def measure_of(address: str) -> MessageRateLimit:
    """How many messages of this address are answered."""
    return ABROAD if address.startswith("+") and region_of(address) not in HOME else rate_counters.get_default_limit()


def silent(services: Services, inbound: Inbound) -> bool:
    """Count a message that is answered without a talk (CHECK, GO); whether its answer is left out now."""
    try:
        found = services.conversations.count_message(services.family(inbound.address), measure_of(inbound.address))
    except RedisError:
        return False
    return found == "silent"


def too_dear(address: str) -> bool:
    """Whether no text or call of ours may go there: somebody is paid for what is sent to such numbers."""
    number = _parsed(address.removeprefix("voice:"))
    if address.startswith("whatsapp:") or number is None:
        return False
    return region_of(address) == NOWHERE or phonenumbers.number_type(number) in EARNS


def region_of(address: str) -> str:
    """The country of a number ("US"); "001" for none, empty for what is no number."""
    number = _parsed(address.removeprefix("voice:"))
    return (phonenumbers.region_code_for_number(number) or _by_code(number.country_code or 0)) if number else ""


def _by_code(code: int) -> str:
    """A number that no plan knows (kept for fiction, or new) belongs where its country code does."""
    return str(phonenumbers.region_code_for_country_code(code))


def _parsed(address: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(address) if address.startswith("+") else None
    except phonenumbers.NumberParseException:
        return None
