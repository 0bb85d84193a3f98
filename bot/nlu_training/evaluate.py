"""How well is a message understood that nobody taught?  `make measure`; docs/understanding.md explains the figures.

The messages to be scored stand in `tests/routing/<lang>.yaml`: other people wrote them than the phrases.  Whatever
phrase is nearly one of them (the same words in another order, a letter more) is left out before teaching, so that
understanding is measured and not memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.base.settings import ROOT
from bot.base.text_normalization import normalise, words
from bot.nlu.concepts import Lexicon
from bot.nlu.intents import EMERGENCIES
from bot.nlu.linear_model import softmax
from bot.nlu.model import Taught
from bot.nlu_training import train
from bot.nlu_training.dataset import Lesson, Lessons, PhraseFile, checked, read_lessons

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
    from rapidfuzz import fuzz, process  # taught with, not run with

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
        "words, letters, concepts": _linear(lessons, lexicons, train.GAINS),
        "net over concepts": _net(lessons, lexicons),
        "all together": _together(lessons, lexicons),
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


def _net(lessons: Sequence[Lesson], lexicons: Mapping[str, Lexicon]) -> Ranker:
    net = train.net(lessons, lexicons)
    classes = sorted({lesson.intent for lesson in lessons})

    def rank(message: Lesson) -> list[str]:
        scores = net.scores(train.features(message.text, message.lang, lexicons)[2])
        return [classes[at] for at in scores.argsort()[::-1]]

    return rank


def _together(lessons: Sequence[Lesson], lexicons: Mapping[str, Lexicon]) -> Ranker:
    taught = Taught(
        train.topics(lessons, lexicons), train.net(lessons, lexicons), train.languages(lessons), lexicons, {}, ""
    )

    def rank(message: Lesson) -> list[str]:
        rows = train.features(message.text, message.lang, lexicons)
        likely = taught.likely(rows, rows[2])
        return sorted(likely, key=lambda intent: -likely[intent])

    return rank


def _fuzzy(lessons: Sequence[Lesson]) -> Ranker:
    from rapidfuzz import fuzz, process

    by_language: dict[str, list[Lesson]] = {}
    for lesson in lessons:
        by_language.setdefault(lesson.lang, []).append(lesson)
    spaced = {lang: [_spaced(lesson.text) for lesson in group] for lang, group in by_language.items()}

    def rank(message: Lesson) -> list[str]:
        phrases = spaced.get(message.lang, [])
        likest = process.extract(_spaced(message.text), phrases, scorer=fuzz.token_sort_ratio, limit=10)
        return list(dict.fromkeys(by_language[message.lang][number].intent for _, _, number in likest))

    return rank


APART: Final = frozenset({"out_of_scope", "restricted_request", *EMERGENCIES})
"""Not counted among ordinary messages: they have figures of their own (bot.nlu_training.routing_score)."""


def main() -> int:
    """Teach every method with the same phrases and print how many ordinary messages each gets right."""
    lessons = read_lessons(ROOT / "flows")
    scored = read_scored(ROOT / "tests/routing")
    lexicons = {lang: Lexicon.build(lang, words) for lang, words in lessons.concepts.items()}
    kept = without_copies(lessons, scored)
    ordinary = [one for one in scored.messages if one.intent not in APART]
    print(f"{len(lessons.phrases)} phrases, {len(lessons.phrases) - len(kept)} left out as near copies")
    print(f"{len(ordinary)} ordinary messages in {len({one.lang for one in ordinary})} languages")
    for name, rank in methods(kept, lexicons).items():
        print(f"{name:24} right {right(rank, ordinary):6.1%}   among three {right(rank, ordinary, 3):6.1%}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
