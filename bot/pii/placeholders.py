"""Replace what a translation must not change with marks, and put it back after the translation.

A provider would translate `{due}`, and it can change digits, links, and email addresses (docs/dependencies.md:
googletrans is unofficial). The caller passes the spans of other protected texts: names, street addresses, and terms.
"""

import re
from collections.abc import Iterable

Span = tuple[int, int]
"""The start and end of a part of a text, as in `re.Match.span`."""
MARK_FORMAT = "[[{}]]"
MARK_PATTERN = re.compile(r"[\[［]\s*[\[［]\s*(\d{1,4})\s*[\]］]\s*[\]］]")
"""The mark in a translation. Machines add spaces and use the wide brackets of their language."""
PROTECTED_PATTERN = re.compile(
    r"\{[^{}]*\}"  # placeholders
    rf"|{MARK_PATTERN.pattern}"  # marks that a person typed, or that an outer call inserted
    r"|\[…\]"  # masks
    r"|https?://\S+|www\.\S+"  # links
    r"|[\w.+-]+\s?@\s?[\w-]+\.[\w.-]+"  # email addresses
    r"|\+?\d[\d\s().-]{4,}\d"  # phone numbers and other long numbers
    r"|\d+"  # any other number: 911, 988, 18
)
WORDS_PATTERN = re.compile(r"[^\W\d_]{2,}")


def insert_placeholders(text: str, extra_spans: Iterable[Span] = ()) -> tuple[str, list[str]]:
    """Return the text with marks for protected parts and `extra_spans`, and the originals of the marks."""
    originals: list[str] = []
    parts: list[str] = []
    end = 0
    for start, stop in _merge_spans([*(match.span() for match in PROTECTED_PATTERN.finditer(text)), *extra_spans]):
        parts += (text[end:start], MARK_FORMAT.format(len(originals)))
        originals.append(text[start:stop])
        end = stop
    return "".join((*parts, text[end:])), originals


def _merge_spans(spans: Iterable[Span]) -> list[Span]:
    """Return the spans in order. Overlapping spans become one."""
    merged_spans: list[Span] = []
    for start, stop in sorted(spans):
        if merged_spans and start < merged_spans[-1][1]:
            merged_spans[-1] = (merged_spans[-1][0], max(stop, merged_spans[-1][1]))
        else:
            merged_spans.append((start, stop))
    return merged_spans


def restore_text(text: str, originals: list[str]) -> str | None:
    """Return the text with the originals. Return None if a mark is missing, doubled, or unknown."""
    if _find_marks(text) != list(range(len(originals))):
        return None
    return MARK_PATTERN.sub(lambda match: originals[int(match[1])], text)


def has_same_marks(sent_text: str, received_text: str) -> bool:
    """Return whether both texts have the same marks."""
    return _find_marks(sent_text) == _find_marks(received_text)


def _find_marks(text: str) -> list[int]:
    return sorted(int(number) for number in MARK_PATTERN.findall(text))


def extract_letters(text: str) -> str:
    """Return the letters of a text without its marks, to check that a translation changed them."""
    return "".join(filter(str.isalpha, MARK_PATTERN.sub("", text).casefold()))


def has_words(text: str) -> bool:
    """Return whether the text has words to translate besides its marks."""
    return bool(WORDS_PATTERN.search(MARK_PATTERN.sub(" ", text)))
