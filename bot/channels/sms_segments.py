"""How many SMS a text costs.  GSM-7 fits 160 characters in one segment (153 each in several), UCS-2 70 (67).

The alphabet is that of 3GPP TS 23.038, 6.2.1; its extension table costs two.  One letter outside it (ç, or a curly
apostrophe) makes the whole text UCS-2.  No well-kept Python library counts this, and the rule does not change.
"""

from dataclasses import dataclass

GSM_BASIC_CHARACTERS = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED_CHARACTERS = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True)
class SmsCost:
    """`spoilers` are the letters for which a text that could nearly be GSM-7 costs more than twice as much."""

    segments: int
    is_gsm: bool
    non_gsm_characters: str = ""


def compute_sms_cost(text: str) -> SmsCost:
    """What sending this as an SMS costs; characters beyond the basic plane count as two in UCS-2."""
    non_gsm_characters = sorted(
        {char for char in text if char not in GSM_BASIC_CHARACTERS and char not in GSM_EXTENDED_CHARACTERS}
    )
    if not non_gsm_characters:
        units = sum(2 if char in GSM_EXTENDED_CHARACTERS else 1 for char in text)
        return SmsCost(_count_segments(units, 160, 153), True)
    units = len(text.encode("utf-16-le")) // 2
    return SmsCost(_count_segments(units, 70, 67), False, "".join(non_gsm_characters))


def _count_segments(units: int, single_size: int, part_size: int) -> int:
    return 1 if units <= single_size else -(-units // part_size)
