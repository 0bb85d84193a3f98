"""Count the length of a text in SMS, independently of the app's own code, so that tests can check that code."""

GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà0123456789"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
GSM7_DOUBLE = frozenset("^{}\\[~]|€\f")


def utf16_units(text: str) -> int:
    """Return the length of a body as Twilio counts it: an emoji is two."""
    return len(text.encode("utf-16-le")) // 2


def segments(body: str) -> int:
    """Return the number of SMS segments (3GPP TS 23.038).

    One segment has 160 septets in GSM-7 or 70 units in UCS-2. In several segments, each has 153 septets or 67 units.
    A pair that doesn't fit into a segment moves to the next one. This rare loss isn't counted.
    """
    if GSM7.union(GSM7_DOUBLE).issuperset(body):
        size, limit, part_limit = len(body) + sum(character in GSM7_DOUBLE for character in body), 160, 153
    else:
        size, limit, part_limit = utf16_units(body), 70, 67
    if size <= limit:
        return 1
    return -(-size // part_limit)
