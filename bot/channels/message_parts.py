"""Split a long reply into several messages, with lengths counted as Twilio counts them."""

MAX_MESSAGE_UNITS = 1500
"""Twilio refuses a message of more than 1,600 UTF-16 units (21617)."""


def split_message(reply: str) -> list[str]:
    """Split a reply into messages that Twilio accepts, between paragraphs where possible."""
    if not reply:
        return []
    parts: list[str] = []
    for paragraph in reply.split("\n\n"):
        joined = f"{parts[-1]}\n\n{paragraph}" if parts else paragraph
        if parts and count_utf16_units(joined) <= MAX_MESSAGE_UNITS:
            parts[-1] = joined
        else:
            parts += _split_paragraph(paragraph)
    return parts


def _split_paragraph(paragraph: str) -> list[str]:
    """Cut a paragraph that is too long. Half the limit in characters never exceeds the limit in units."""
    if count_utf16_units(paragraph) <= MAX_MESSAGE_UNITS:
        return [paragraph]
    size = MAX_MESSAGE_UNITS // 2
    return [paragraph[start : start + size] for start in range(0, len(paragraph), size)]


def count_utf16_units(text: str) -> int:
    """Return the length in UTF-16 units, as Twilio counts it."""
    return len(text.encode("utf-16-le")) // 2
