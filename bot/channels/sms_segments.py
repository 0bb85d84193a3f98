"""How many SMS a text costs.  GSM-7 fits 160 characters in one segment (153 each in several), UCS-2 70 (67).

The alphabet is that of 3GPP TS 23.038, 6.2.1; its extension table costs two.  One letter outside it (ç, or a curly
apostrophe) makes the whole text UCS-2.  No well-kept Python library counts this, and the rule does not change.
"""

from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€\f")


@dataclass(frozen=True)
class Cost:
    """`spoilers` are the letters for which a text that could nearly be GSM-7 costs more than twice as much."""

    segments: int
    gsm: bool
    spoilers: str = ""


def cost(text: str) -> Cost:
    """What sending this as an SMS costs; characters beyond the basic plane count as two in UCS-2."""
    outside = sorted({char for char in text if char not in BASIC and char not in EXTENDED})
    if not outside:
        units = sum(2 if char in EXTENDED else 1 for char in text)
        return Cost(_parts(units, 160, 153), True)
    units = len(text.encode("utf-16-le")) // 2
    return Cost(_parts(units, 70, 67), False, "".join(outside))


def _parts(units: int, one: int, each: int) -> int:
    return 1 if units <= one else -(-units // each)
