"""What a translation must not touch is taken out before the text leaves, and put back after.

Placeholders, because a translated `{due}` is none; numbers, links, e-mail addresses, because a machine may change a
digit, and because nobody promises what becomes of them (docs/dependencies.md: googletrans is unofficial).
"""

import re

KEPT = re.compile(
    r"\{[^{}]*\}"  # placeholders
    r"|https?://\S+|www\.\S+"  # links
    r"|[\w.+-]+@[\w-]+\.[\w.-]+"  # e-mail
    r"|\+?\d[\d\s().-]{4,}\d"  # telephone and other long numbers
    r"|\d+"  # any other number: 911, 988, 18
)
MARK = "[[{}]]"
MARKED = re.compile(r"[\[［]\s*[\[［]\s*(\d+)\s*[\]］]\s*[\]］]")
"""The mark as it comes back: machines add spaces and use the wide brackets of their language."""
HAS_WORDS = re.compile(r"[^\W\d_]{2,}")


def shield(text: str) -> tuple[str, list[str]]:
    """The text with marks in place of what must not change, and what the marks stand for."""
    kept: list[str] = []

    def take(match: re.Match[str]) -> str:
        kept.append(match[0])
        return MARK.format(len(kept) - 1)

    return KEPT.sub(take, text), kept


def unshield(text: str, kept: list[str]) -> str | None:
    """The text with everything put back; None if a mark is lost, doubled or was never ours."""
    numbers = [int(number) for number in MARKED.findall(text)]
    if sorted(numbers) != list(range(len(kept))):
        return None
    return MARKED.sub(lambda match: kept[int(match[1])], text)


def has_words(text: str) -> bool:
    """Whether anything is left to translate once the marks are out."""
    return bool(HAS_WORDS.search(MARKED.sub(" ", text)))
