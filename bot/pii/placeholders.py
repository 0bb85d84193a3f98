"""What a translation must not touch is taken out before the text leaves, and put back after.

Placeholders, because a translated `{due}` is none; numbers, links, e-mail addresses, because a machine may change a
digit, and because nobody promises what becomes of them (docs/dependencies.md: googletrans is unofficial).  What else
must stay here (names, street addresses, terms) the caller finds and hands over as spans.
"""

import re
from collections.abc import Iterable

Span = tuple[int, int]
"""Where something stands in a text: start and end, as `re.Match.span` gives them."""
MARK_FORMAT = "[[{}]]"
MARK_PATTERN = re.compile(r"[\[［]\s*[\[［]\s*(\d{1,4})\s*[\]］]\s*[\]］]")
"""The mark as it comes back: machines add spaces and use the wide brackets of their language."""
PROTECTED_PATTERN = re.compile(
    r"\{[^{}]*\}"  # placeholders
    rf"|{MARK_PATTERN.pattern}"  # what looks like a mark: typed by somebody, or of a shield around this one
    r"|\[…\]"  # what the masking left
    r"|https?://\S+|www\.\S+"  # links
    r"|[\w.+-]+\s?@\s?[\w-]+\.[\w.-]+"  # e-mail
    r"|\+?\d[\d\s().-]{4,}\d"  # telephone and other long numbers
    r"|\d+"  # any other number: 911, 988, 18
)
WORDS_PATTERN = re.compile(r"[^\W\d_]{2,}")


def insert_placeholders(text: str, extra_spans: Iterable[Span] = ()) -> tuple[str, list[str]]:
    """The text with marks in place of what must not change (and of `also`), and what the marks stand for."""
    originals: list[str] = []
    parts: list[str] = []
    end = 0
    for start, stop in _merge_spans([*(match.span() for match in PROTECTED_PATTERN.finditer(text)), *extra_spans]):
        parts += (text[end:start], MARK_FORMAT.format(len(originals)))
        originals.append(text[start:stop])
        end = stop
    return "".join((*parts, text[end:])), originals


def _merge_spans(spans: Iterable[Span]) -> list[Span]:
    """In order, and those that overlap as one: what either of them takes out stays out."""
    merged_spans: list[Span] = []
    for start, stop in sorted(spans):
        if merged_spans and start < merged_spans[-1][1]:
            merged_spans[-1] = (merged_spans[-1][0], max(stop, merged_spans[-1][1]))
        else:
            merged_spans.append((start, stop))
    return merged_spans


def restore_text(text: str, originals: list[str]) -> str | None:
    """The text with everything put back; None if a mark is lost, doubled or was never ours."""
    if _find_marks(text) != list(range(len(originals))):
        return None
    return MARK_PATTERN.sub(lambda match: originals[int(match[1])], text)


def has_same_marks(sent_text: str, received_text: str) -> bool:
    """Whether every mark of the one text stands once in the other, too."""
    return _find_marks(sent_text) == _find_marks(received_text)


def _find_marks(text: str) -> list[int]:
    return sorted(int(number) for number in MARK_PATTERN.findall(text))


def extract_letters(text: str) -> str:
    """Only the letters of a text without its marks: what a translation must have changed."""
    return "".join(filter(str.isalpha, MARK_PATTERN.sub("", text).casefold()))


def has_words(text: str) -> bool:
    """Whether anything is left to translate once the marks are out."""
    return bool(WORDS_PATTERN.search(MARK_PATTERN.sub(" ", text)))
