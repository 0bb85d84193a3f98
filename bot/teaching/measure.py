"""How well is a message understood that nobody taught?  `make measure`; docs/understanding.md explains the figures.

The messages to be scored stand in `tests/routing/<lang>.yaml`: other people wrote them than the phrases.  Whatever
phrase is nearly one of them (the same words in another order, a letter more) is left out before teaching, so that
understanding is measured and not memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rapidfuzz import fuzz, process

from bot.teaching import train
from bot.teaching.lessons import Lesson, Lessons, PhraseFile, checked
from bot.understanding.concepts import Lexicon
from bot.understanding.text import normalise, words
from bot.understanding.types import EMERGENCIES
from bot.understanding.weights import softmax

NEAR_COPY: Final = 84
"""A likeness (0 to 100, words in any order) from which a phrase counts as a copy of a message."""
FEW: Final = 120
"""So many phrases taught the method that the first try was made with."""

Ranker = Callable[[Lesson], list[str]]
"""The topics of a message, best first."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The messages to be scored: ordinary ones and emergencies, and what only sounds like one."""

    messages: tuple[Lesson, ...]
    near_misses: tuple[Lesson, ...]


def read_scored(folder: Path) -> Scored:
    """The messages of `tests/routing`; ValueError names the file and what is wrong in it."""
    messages: list[Lesson] = []
    near: list[Lesson] = []
    for path in sorted(folder.glob("*.yaml")):
        file = checked(path, PhraseFile)
        for target, group in ((messages, file.topics), (near, file.near_misses)):
            target += [Lesson(text, path.stem, intent) for intent, texts in group.items() for text in texts]
    return Scored(tuple(messages), tuple(near))


def without_copies(lessons: Lessons, scored: Scored) -> tuple[Lesson, ...]:
    """The phrases that are no near copy of a scored message of their language."""
    kept: list[Lesson] = []
    for lang in {lesson.lang for lesson in lessons.phrases}:
        wanted = [_spaced(one.text) for one in (*scored.messages, *scored.near_misses) if one.lang == lang]
        phrases = [lesson for lesson in lessons.phrases if lesson.lang == lang]
        spaced = [_spaced(lesson.text) for lesson in phrases]
        likeness = process.cdist(spaced, wanted, scorer=fuzz.token_sort_ratio, workers=-1) if wanted else None
        best = likeness.max(axis=1) if likeness is not None else [0.0] * len(phrases)
        kept += [lesson for lesson, like in zip(phrases, best, strict=True) if like < NEAR_COPY]
    return tuple(kept)


def methods(lessons: Sequence[Lesson], lexicons: Mapping[str, Lexicon]) -> dict[str, Ranker]:
    """The methods that are compared, each taught with the same phrases."""
    few = _spread(lessons, FEW)
    return {
        "fuzzy, 120 phrases": _fuzzy(few),
        "letters, 120 phrases": _linear(few, lexicons, (0.0, 1.5, 0.0)),
        "fuzzy": _fuzzy(lessons),
        "letters": _linear(lessons, lexicons, (0.0, 1.5, 0.0)),
        "words and letters": _linear(lessons, lexicons, (1.5, 1.5, 0.0)),
        "concepts": _linear(lessons, lexicons, (0.0, 0.0, 2.0)),
        "all": _linear(lessons, lexicons, train.GAINS),
    }


def right(rank: Ranker, messages: Sequence[Lesson], among: int = 1) -> float:
    """The share of messages whose topic is among the first `among`."""
    return sum(one.intent in rank(one)[:among] for one in messages) / max(1, len(messages))


def _spaced(text: str) -> str:
    return " ".join(words(normalise(text)))


def _spread(lessons: Sequence[Lesson], count: int) -> list[Lesson]:
    return [lessons[number * len(lessons) // count] for number in range(count)]


def _linear(lessons: Sequence[Lesson], lexicons: Mapping[str, Lexicon], gains: Sequence[float]) -> Ranker:
    weights = train.topics(lessons, lexicons, gains)

    def rank(message: Lesson) -> list[str]:
        scores = softmax(weights.scores(train.features(message.text, message.lang, lexicons)))
        return [weights.classes[at] for at in scores.argsort()[::-1]]

    return rank


def _fuzzy(lessons: Sequence[Lesson]) -> Ranker:
    by_language: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        by_language.setdefault(lesson.lang, []).append(lesson)
    spaced = {lang: [_spaced(lesson.text) for lesson in group] for lang, group in by_language.items()}

    def rank(message: Lesson) -> list[str]:
        phrases = spaced.get(message.lang, [])
        likest = process.extract(_spaced(message.text), phrases, scorer=fuzz.token_sort_ratio, limit=10)
        return list(dict.fromkeys(by_language[message.lang][number].intent for _, _, number in likest))

    return rank


ORDINARY: Final = frozenset({"out_of_scope", "restricted_request", *EMERGENCIES})
"""Not counted among ordinary messages: they have figures of their own."""
