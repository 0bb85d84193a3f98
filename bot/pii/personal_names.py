"""Find personal names in a text, by the cues before them, by capitals, and by a list of common names.

A provider must not learn whose child is ill. A wrong match only leaves a word untranslated, so the search finds too
many names rather than too few. It still leaves enough text to translate.
"""

import re
from collections.abc import Iterator

from bot.pii.name_cues import (
    CHINESE_CUE_PATTERN,
    CHINESE_NAME_PATTERN,
    INTRODUCTION_PATTERN,
    KIN_PATTERN,
    LETTER_PATTERN,
    TITLE_PATTERN,
)
from bot.pii.name_lists import is_name, is_ordinary
from bot.pii.placeholders import Span

CASED_WORD_PATTERN = re.compile(rf"{LETTER_PATTERN}+(?:['’ʼ-]{LETTER_PATTERN}+)*")
"""A word in a script with capitals: Latin or Cyrillic."""
ANY_WORD_PATTERN = re.compile(r"[^\W\d_]+(?:['’ʼ-][^\W\d_]+)*")
CAPITALIZED_NOUN_LANGUAGES = frozenset({"de", "lb"})
"""Languages in which every noun has a capital."""
_NAME_PARTICLES = "de del la las los da das do dos di du van von der den bin ibn al el e y san santa st"
NAME_PARTICLES = frozenset(_NAME_PARTICLES.split())
OPENING_MARKS = " \t\"'“”„«»‘’(*¡¿-–—•>"
SENTENCE_ENDS = ".!?…\n。！？؟"
MAX_NAME_WORDS = 4
"""The maximum number of words in one name."""


def find_names(text: str, language: str) -> list[Span]:
    """Return the spans of personal names in a text of this language."""
    introduced_spans = [*_find_introduced(text, language), *_find_kin_names(text, language)]
    words = list(CASED_WORD_PATTERN.finditer(text))
    name_indexes = _find_capitalized(text, words, language)
    name_indexes |= {index for index, word in enumerate(words) if is_name(word[0])}
    name_words = {words[index][0] for index in name_indexes}
    name_words |= {word for start, stop in introduced_spans for word in text[start:stop].split()}
    repeated_indexes = {index for index, word in enumerate(words) if word[0] in name_words}
    name_indexes |= {index for index in repeated_indexes if words[index][0].casefold() not in NAME_PARTICLES}
    return [*introduced_spans, *_merge_runs(text, words, _extend_names(text, words, name_indexes, language))]


def _find_introduced(text: str, language: str) -> Iterator[Span]:
    """Find names after "my name is", "Mrs.", and similar cues."""
    for cue in (*INTRODUCTION_PATTERN.finditer(text), *TITLE_PATTERN.finditer(text)):
        span = _read_name(text, cue.end(), language)
        if span:
            yield span
    for cue in CHINESE_CUE_PATTERN.finditer(text):
        name = CHINESE_NAME_PATTERN.match(text, cue.end())
        if name:
            yield name.span()


def _read_name(text: str, start: int, language: str) -> Span | None:
    """Return the span of the name at `start`: its words with capitals, or at most two words without capitals."""
    end, word_count = start, 0
    has_capitals = text[start : start + 1].isupper() and not text.isupper()
    max_words = 2
    if has_capitals:
        max_words = MAX_NAME_WORDS
    while word_count < max_words:
        word = ANY_WORD_PATTERN.match(text, end if not word_count else end + 1)
        if word is None or (word_count and text[end] not in " -"):
            break
        is_particle = word_count and has_capitals and word[0] in NAME_PARTICLES
        if not is_particle and (is_ordinary(word[0], language) or (has_capitals and not word[0][0].isupper())):
            break
        end, word_count = word.end(), word_count + 1
    if not word_count:
        return None
    return start, end


def _find_kin_names(text: str, language: str) -> Iterator[Span]:
    """Find names in texts without capitals, such as "my son juan is ill": words between the child and the verb."""
    for match in KIN_PATTERN.finditer(text):
        first, second = (1, 2) if match[1] else (3, 4)
        if not is_ordinary(match[first], language):
            last = first
            if match[second] and not is_ordinary(match[second], language):
                last = second
            yield match.start(first), match.end(last)


def _find_capitalized(text: str, words: list[re.Match[str]], language: str) -> set[int]:
    """Find words with a capital inside sentences. Find none if nearly Every Word Has One."""
    is_mostly_uncased = 2 * sum(len(word[0]) for word in words) < sum(map(str.isalpha, text))
    inner_indexes = [
        index for index, word in enumerate(words) if is_mostly_uncased or not is_sentence_start(text, word.start())
    ]
    capitalized_indexes = [index for index in inner_indexes if is_capitalized(words[index][0])]
    is_title_case = len(inner_indexes) > MAX_NAME_WORDS and len(capitalized_indexes) > 0.6 * len(inner_indexes)
    if language in CAPITALIZED_NOUN_LANGUAGES or is_title_case:
        return set()
    return {index for index in capitalized_indexes if not is_ordinary(words[index][0], language)}


def is_capitalized(word: str) -> bool:
    """Return whether a word is written like a name: Ana, O'Brien; not ICE, not I'm."""
    return word[0].isupper() and any(map(str.islower, word[1:])) and word[:2] not in ("I'", "I’")


def is_sentence_start(text: str, position: int) -> bool:
    """Return whether a sentence starts at `position`. The dot of an initial ("Ana P. Ruiz") ends no sentence."""
    preceding_text = text[:position].rstrip(OPENING_MARKS)
    if not preceding_text:
        return True
    is_initial = re.search(r"(?:^|\s)[^\W\d_]\.$", preceding_text) is not None
    return preceding_text[-1] in SENTENCE_ENDS and not is_initial


def _extend_names(text: str, words: list[re.Match[str]], name_indexes: set[int], language: str) -> set[int]:
    """Add capitalized words next to names: a word before the name that starts a sentence, and words after it."""
    if language in CAPITALIZED_NOUN_LANGUAGES:
        return name_indexes
    extended_indexes = set(name_indexes)
    for index, word in enumerate(words):
        is_name_like = word[0][0].isupper() and (len(word[0]) != 2 or is_capitalized(word[0])) and not text.isupper()
        if index not in extended_indexes and is_name_like and not is_ordinary(word[0], language):
            is_before_name = (
                index + 1 in name_indexes and is_capitalized(word[0]) and _get_text_between(text, words, index) == " "
            )
            if is_before_name or (
                index - 1 in extended_indexes and _get_text_between(text, words, index - 1) in (" ", ". ", "-")
            ):
                extended_indexes.add(index)
    return extended_indexes


def _get_text_between(text: str, words: list[re.Match[str]], index: int) -> str:
    return text[words[index].end() : words[index + 1].start()]


def _merge_runs(text: str, words: list[re.Match[str]], name_indexes: set[int]) -> Iterator[Span]:
    """Yield the spans of names. Names side by side, or with "de la" between them, become one span."""
    start = end = -1
    for index in sorted(name_indexes):
        word = words[index]
        if end >= 0:
            between = text[end : word.start()]
            if not between.strip(" .-") or _is_only_particles(between):
                end = word.end()
                continue
            yield start, end
        start, end = word.span()
    if end >= 0:
        yield start, end


def _is_only_particles(between: str) -> bool:
    return not any(mark in between for mark in ",.;:!?\n") and all(part in NAME_PARTICLES for part in between.split())
