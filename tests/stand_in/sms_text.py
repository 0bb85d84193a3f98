"""How long a text is on the wire: written apart from the app's own counting, so that it can check that."""

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà0123456789"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
GSM7_DOUBLE = frozenset("^{}\\[~]|€\f")


def utf16_units(text: str) -> int:
    """Length as Twilio counts a body: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def segments(body: str) -> int:
    """SMS segments: 160, then 153 septets in GSM-7; 70, then 67 units in UCS-2 (3GPP TS 23.038).

    A pair that would straddle two segments moves to the next one whole; that rare loss is not counted here.
    """
    if GSM7.union(GSM7_DOUBLE).issuperset(body):
        size, one, each = len(body) + sum(c in GSM7_DOUBLE for c in body), 160, 153
    else:
        size, one, each = utf16_units(body), 70, 67
    return 1 if size <= one else -(-size // each)
