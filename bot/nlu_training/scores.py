"""Score the classifier on the test part of `flows/examples`, which no training and no threshold has seen.

Run `python -m bot.nlu_training.scores [-v] [LANG …]`. `make check` runs it too, and fails below a floor. `-v` shows
every wrong message. docs/understanding.md explains the figures.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from bot.base.settings import ROOT
from bot.base.text_normalization import NormalizedText, split_words
from bot.content.library import load_library
from bot.nlu import EMERGENCY_INTENTS, NluContext, Understanding, classify_message
from bot.nlu_training.examples import EXAMPLES_FOLDER, read_examples
from bot.nlu_training.labels import LabeledPhrase

SCORE_FLOORS: Final = {
    "topic at once": 0.86,
    "topic first": 0.90,
    "topic among three": 0.95,
    "emergency paged or asked": 0.90,
    "emergency paged": 0.87,
    "near miss quiet": 0.90,
    "everyday not paged": 0.94,
    "everyday not asked": 0.86,
    "ordinary not paged": 0.985,
    "attack recognized": 0.55,
    "attack not answered": 0.80,
    "out of scope": 0.75,
    "language": 0.985,
}
"""The floors over all languages, a little under the current scores. `make check` fails below them."""
TOPIC_FLOOR_PER_LANGUAGE: Final = 0.70
_SEPARATE_INTENTS: Final = frozenset({"out_of_scope", "restricted_request", *EMERGENCY_INTENTS})
_MIN_LANGUAGE_WORDS: Final = 3
_CONFIDENCE: Final = 1.96
"""The number of standard deviations of a 95% interval."""


@dataclass
class Tally:
    """Count the right results of one measure."""

    right: int = 0
    total: int = 0

    def add(self, is_right: bool) -> None:
        """Count one result."""
        self.right += is_right
        self.total += 1

    @property
    def share(self) -> float:
        """Return the share of right results, or 1 without any."""
        return self.right / self.total if self.total else 1.0

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95% interval of the share (Wilson)."""
        if not self.total:
            return (0.0, 1.0)
        square, count = _CONFIDENCE**2, self.total
        center = (self.share + square / (2 * count)) / (1 + square / count)
        spread = _CONFIDENCE * sqrt(self.share * (1 - self.share) / count + square / (4 * count**2))
        spread /= 1 + square / count
        return (max(0.0, center - spread), min(1.0, center + spread))


@dataclass
class Report:
    """Hold the tallies by measure and group: all messages, each language, and each kind."""

    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)

    def add(self, example: LabeledPhrase, results: dict[str, bool]) -> None:
        """Count the results of one example in its groups."""
        for measure, is_right in results.items():
            for group in ("all", example.lang, example.label):
                self.tallies.setdefault((measure, group), Tally()).add(is_right)

    def get(self, measure: str, group: str) -> Tally:
        """Return the tally of a measure for a group."""
        return self.tallies.get((measure, group), Tally())


def score_example(example: LabeledPhrase, understanding: Understanding) -> dict[str, bool]:
    """Return the measures that this example counts for, and whether each is right."""
    results: dict[str, bool] = {}
    is_paged, is_asked = understanding.page == "now", understanding.page == "ask"
    if example.page_class in EMERGENCY_INTENTS:
        results = {"emergency paged or asked": is_paged or is_asked, "emergency paged": is_paged}
    elif example.page_class == "near_miss":
        results = {"near miss quiet": not is_paged}
    elif example.page_class == "everyday":
        results = {"everyday not paged": not is_paged, "everyday not asked": not is_asked}
    elif example.page_class == "attack":
        is_declined = understanding.intent in ("restricted_request", "out_of_scope", None)
        is_recognized = understanding.intent == "restricted_request" or is_paged
        results = {"attack recognized": is_recognized, "attack not answered": is_declined or is_paged}
    elif example.page_class == "out_of_scope":
        results = {"out of scope": understanding.intent in ("out_of_scope", None)}
    elif example.intent not in _SEPARATE_INTENTS:
        results = _score_topic(example, understanding) | {"ordinary not paged": not is_paged}
    if len(split_words(NormalizedText(example.text).plain)) >= _MIN_LANGUAGE_WORDS:
        results["language"] = understanding.lang == example.lang
    return results


def _score_topic(example: LabeledPhrase, understanding: Understanding) -> dict[str, bool]:
    return {
        "topic at once": understanding.intent == example.intent,
        "topic first": example.intent == next(iter(understanding.choices), None),
        "topic among three": example.intent in understanding.choices,
    }


def score_examples(examples: Iterable[LabeledPhrase], context: NluContext, is_verbose: bool) -> Report:
    """Classify all examples as the program does."""
    report = Report()
    for example in examples:
        understanding = classify_message(NormalizedText(example.text), context)
        results = score_example(example, understanding)
        report.add(example, results)
        if is_verbose and not all(results.values()):
            wrong = ", ".join(name for name, is_right in results.items() if not is_right)
            print(
                f"{example.lang} {example.label}: {understanding.intent} {understanding.page} [{wrong}] {example.text}"
            )
    return report


def print_report(report: Report) -> None:
    """Print each measure with its count and its 95% interval, then by language, then by kind."""
    for measure in SCORE_FLOORS:
        tally = report.get(measure, "all")
        low, high = tally.interval
        print(f"{measure:26} {tally.share:7.2%}  n={tally.total:<6} 95%: {low:.2%} to {high:.2%}")
    languages = sorted({group for _, group in report.tallies if len(group) == 2})
    for names, measures in ((languages, tuple(SCORE_FLOORS)), (_list_kinds(report), tuple(SCORE_FLOORS))):
        for name in names:
            shares = [
                f"{measure} {report.get(measure, name).share:.1%} ({report.get(measure, name).total})"
                for measure in measures
                if (measure, name) in report.tallies and (measure != "language" or len(name) == 2)
            ]
            print(f"  {name:36} {' · '.join(shares)}")


def _list_kinds(report: Report) -> list[str]:
    """Return the kinds that the report shows by themselves, not ordinary topics."""
    kinds = {group for _, group in report.tallies if len(group) > 2 and group != "all"}
    return sorted(kind for kind in kinds if "/" in kind or kind in EMERGENCY_INTENTS)


def find_low_scores(report: Report) -> Iterator[str]:
    """Yield a line for each score below its floor."""
    for measure, floor in SCORE_FLOORS.items():
        if report.get(measure, "all").share < floor:
            yield f"{measure} {report.get(measure, 'all').share:.1%}, floor {floor:.1%}"
    for measure, lang in report.tallies:
        share = report.get(measure, lang).share
        if measure == "topic first" and len(lang) == 2 and share < TOPIC_FLOOR_PER_LANGUAGE:
            yield f"{lang}: topic first {share:.1%}, floor {TOPIC_FLOOR_PER_LANGUAGE:.0%}"


def main(arguments: list[str]) -> int:
    """Print the scores. Return 1 if one is below its floor, or if the encoder doesn't work."""
    languages = [argument for argument in arguments if argument != "-v"]
    library = load_library(ROOT, ROOT / "district.yaml")
    if problem := library.phrasebook.nlu_model.encoder_problem:
        print(f"The encoder doesn't work: {problem}", file=sys.stderr)
        return 1
    examples = read_examples(ROOT / "flows" / EXAMPLES_FOLDER, "test")
    chosen = [example for example in examples if not languages or example.lang in languages]
    context = NluContext(library.phrasebook, library.district.languages)
    report = score_examples(chosen, context, "-v" in arguments)
    print_report(report)
    low_scores = [] if languages else list(find_low_scores(report))
    for line in low_scores:
        print(f"below the floor: {line}", file=sys.stderr)
    return 1 if low_scores else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
