"""Count the SMS segments of a text. GSM-7 fits 160 characters in one segment (153 each in several), UCS-2 70 (67).

The alphabet is from 3GPP TS 23.038, 6.2.1. Characters of its extension table count as two. One other character (ç, or
a curly apostrophe) makes the whole text UCS-2. No maintained Python library counts segments, and the rule is stable.
"""

import math
from dataclasses import dataclass

GSM_BASIC_CHARACTERS = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED_CHARACTERS = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True)
class SmsCost:
    """The cost of one SMS. `non_gsm_characters` are the characters that make the text UCS-2 and double its cost."""

    segments: int
    is_gsm: bool
    non_gsm_characters: str = ""


def compute_sms_cost(text: str) -> SmsCost:
    """Compute the cost of a text as an SMS. Characters beyond the basic plane count as two in UCS-2."""
    non_gsm_characters = sorted(set(text) - GSM_BASIC_CHARACTERS - GSM_EXTENDED_CHARACTERS)
    if not non_gsm_characters:
        units = sum(2 if char in GSM_EXTENDED_CHARACTERS else 1 for char in text)
        return SmsCost(_count_segments(units, 160, 153), True)
    units = len(text.encode("utf-16-le")) // 2
    return SmsCost(_count_segments(units, 70, 67), False, "".join(non_gsm_characters))


def _count_segments(units: int, single_size: int, part_size: int) -> int:
    if units <= single_size:
        return 1
    return math.ceil(units / part_size)
