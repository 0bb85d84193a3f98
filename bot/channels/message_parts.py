"""How long a message may be, counted as Twilio counts, and a longer text in several messages.  Pure."""

MAX_MESSAGE_UNITS = 1500
"""Twilio refuses a message of more than 1,600 UTF-16 units (21617); a longer reply is cut at a paragraph."""


def split_message(reply: str) -> list[str]:
    """The reply in messages that Twilio takes, cut between paragraphs where it can be."""
    parts: list[str] = []
    for paragraph in reply.split("\n\n") if reply else []:
        joined = f"{parts[-1]}\n\n{paragraph}" if parts else paragraph
        if parts and count_utf16_units(joined) <= MAX_MESSAGE_UNITS:
            parts[-1] = joined
        else:
            parts += _split_paragraph(paragraph)
    return parts


def _split_paragraph(paragraph: str) -> list[str]:
    """A paragraph, whole if it fits, else cut; half the limit in characters never exceeds it in units."""
    if count_utf16_units(paragraph) <= MAX_MESSAGE_UNITS:
        return [paragraph]
    size = MAX_MESSAGE_UNITS // 2
    return [paragraph[start : start + size] for start in range(0, len(paragraph), size)]


def count_utf16_units(text: str) -> int:
    """Length as Twilio counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
