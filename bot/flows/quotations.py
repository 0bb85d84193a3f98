"""Recognize texts that a phone writes by itself: reactions to a message, and automatic replies. Pure.

Phones without a common messenger turn a tap into a text that quotes the whole message: Liked “Reply STOP to …”. Its
words are not the family's words, so they are no command, no emergency, and no topic. `flows/signals/<lang>.yaml` lists
the words around the quote.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal, get_args

from bot.base.text_normalization import NormalizedText, normalize_text
from bot.nlu.own_texts import remove_own_sentences
from bot.nlu.phrasebook import Phrasebook

UnspokenKind = Literal["reaction", "auto_reply"]
UNSPOKEN_KINDS: Final = frozenset(get_args(UnspokenKind))
"""Kinds of messages without words of the family."""

_NO_MARKS: Final = '[^“”"«»„「」『』]'
_QUOTE_PATTERN: Final = re.compile(
    rf'^(?P<lead>{_NO_MARKS}{{0,60}})[“"«„「『](?P<quote>.+)[”"»“」』](?P<tail>{_NO_MARKS}{{0,30}})$', re.DOTALL
)
_MEDIA_PATTERN: Final = re.compile(
    r"(liked|loved|disliked|laughed at|emphasized|questioned|removed an? \w+ from)"
    r" an? (image|photo|video|movie|attachment|audio message|location|sticker|contact)"
)
_LETTER_PATTERN: Final = re.compile(r"[^\W\d_]")
_MIN_LINK_CHARACTERS: Final = 4
"""A shorter word, such as "to", is a reaction only beside an emoji."""
_MIN_OWN_QUOTE_CHARACTERS: Final = 15
_MAX_WORDS_AROUND_OWN_QUOTE: Final = 6
_MAX_AUTO_REPLY_OFFSET: Final = 40
_FIRST_SYMBOL: Final = 0x2190
"""From here, a character that is no letter is an arrow, a sign, or an emoji."""


def find_unspoken_kind(text: str, phrasebook: Phrasebook, own_texts: Iterable[str] = ()) -> UnspokenKind | None:
    """Return what kind of automatic text this is, or None if a person wrote it.

    `own_texts` are texts that Puente sent to this phone. A quote of one of them is a reaction in any language.
    """
    if _is_reaction(text, phrasebook, own_texts) or _is_forwarded(text, phrasebook):
        return "reaction"
    plain = normalize_text(text)
    if any(-1 < plain.find(beginning) <= _MAX_AUTO_REPLY_OFFSET for beginning in phrasebook.auto_replies):
        return "auto_reply"
    return None


def _is_reaction(text: str, phrasebook: Phrasebook, own_texts: Iterable[str]) -> bool:
    stripped = text.strip("\u200b\u200c\u200e\u200f\u2060\ufeff \n\t.")
    if _MEDIA_PATTERN.fullmatch(stripped.lower()):
        return True
    match = _QUOTE_PATTERN.match(stripped)
    if match is None:
        return False
    words = " ".join(f"{normalize_text(match['lead'])} {normalize_text(match['tail'])}".split())
    has_emoji = any(ord(char) >= _FIRST_SYMBOL and not _LETTER_PATTERN.match(char) for char in match["lead"])
    if has_emoji and (not words or words in phrasebook.reactions):
        return True
    if words in phrasebook.reactions and (len(words) >= _MIN_LINK_CHARACTERS or not words.isascii()):
        return True
    return len(words.split()) <= _MAX_WORDS_AROUND_OWN_QUOTE and _is_own_quote(match["quote"], own_texts)


def _is_forwarded(text: str, phrasebook: Phrasebook) -> bool:
    """Return whether the whole message is made of sentences that Puente sends."""
    message = NormalizedText(text)
    return bool(message.plain) and not remove_own_sentences(message, phrasebook.own_sentences).plain


def _is_own_quote(quote: str, own_texts: Iterable[str]) -> bool:
    """Return whether the quote is a text of ours, or the beginning of one that the phone cut off."""
    plain = normalize_text(quote.rstrip("…. "))
    if len(plain) < _MIN_OWN_QUOTE_CHARACTERS:
        return False
    return any(plain in normalize_text(own) or normalize_text(own) in plain for own in own_texts if own.strip())
