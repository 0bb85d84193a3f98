"""What a translation must not touch is taken out before the text leaves, and put back after.

Placeholders, because a translated `{due}` is none; numbers, links, e-mail addresses, because a machine may change a
digit, and because nobody promises what becomes of them (docs/dependencies.md: googletrans is unofficial).  What else
must stay here (names, street addresses, terms) the caller finds and hands over as spans.
"""

import re
from collections.abc import Iterable

Span = tuple[int, int]
"""Where something stands in a text: start and end, as `re.Match.span` gives them."""
MARK = "[[{}]]"
MARKED = re.compile(r"[\[［]\s*[\[［]\s*(\d{1,4})\s*[\]］]\s*[\]］]")
"""The mark as it comes back: machines add spaces and use the wide brackets of their language."""
KEPT = re.compile(
    r"\{[^{}]*\}"  # placeholders
    rf"|{MARKED.pattern}"  # what looks like a mark: typed by somebody, or of a shield around this one
    r"|\[…\]"  # what the masking left
    r"|https?://\S+|www\.\S+"  # links
    r"|[\w.+-]+\s?@\s?[\w-]+\.[\w.-]+"  # e-mail
    r"|\+?\d[\d\s().-]{4,}\d"  # telephone and other long numbers
    r"|\d+"  # any other number: 911, 988, 18
)
HAS_WORDS = re.compile(r"[^\W\d_]{2,}")


def shield(text: str, also: Iterable[Span] = ()) -> tuple[str, list[str]]:
    """The text with marks in place of what must not change (and of `also`), and what the marks stand for."""
    kept: list[str] = []
    parts: list[str] = []
    end = 0
    for start, stop in _joined([*(match.span() for match in KEPT.finditer(text)), *also]):
        parts += (text[end:start], MARK.format(len(kept)))
        kept.append(text[start:stop])
        end = stop
    return "".join((*parts, text[end:])), kept


def _joined(spans: Iterable[Span]) -> list[Span]:
    """In order, and those that overlap as one: what either of them takes out stays out."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def unshield(text: str, kept: list[str]) -> str | None:
    """The text with everything put back; None if a mark is lost, doubled or was never ours."""
    if _marks(text) != list(range(len(kept))):
        return None
    return MARKED.sub(lambda match: kept[int(match[1])], text)


def same_marks(sent: str, came: str) -> bool:
    """Whether every mark of the one text stands once in the other, too."""
    return _marks(sent) == _marks(came)


def _marks(text: str) -> list[int]:
    return sorted(int(number) for number in MARKED.findall(text))


def letters(text: str) -> str:
    """Only the letters of a text without its marks: what a translation must have changed."""
    return "".join(filter(str.isalpha, MARKED.sub("", text).casefold()))


def has_words(text: str) -> bool:
    """Whether anything is left to translate once the marks are out."""
    return bool(HAS_WORDS.search(MARKED.sub(" ", text)))
