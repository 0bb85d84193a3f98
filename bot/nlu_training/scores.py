"""Score the classifier on the messages of `tests/routing`.

Run `python -m bot.nlu_training.routing_score [-v] [LANG …]`. `make check` runs it too. Each score has a floor a little
under the current score, and the check fails below it. `-v` shows every wrong message. docs/understanding.md explains
the figures.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Final

from bot.base.settings import ROOT
from bot.base.text_normalization import NormalizedText
from bot.content.library import load_library
from bot.nlu import EMERGENCY_INTENTS, NluContext, Understanding, classify_message
from bot.nlu_training.dataset import LabeledPhrase
from bot.nlu_training.evaluate import read_evaluation_messages

SCORE_FLOORS: Final = {
    "topic": 0.80,
    "choices": 0.91,
    "emergency": 0.95,
    "out_of_scope": 0.90,
    "attack": 0.85,
    "language": 0.98,
    "near_miss_quiet": 0.95,
    "ordinary_quiet": 0.97,
}
"""The floors over all languages, as shares. "quiet" is the share of messages that page no staff."""
TOPIC_FLOOR_PER_LANGUAGE: Final = 0.70
"""The floor for the topic in each language."""
_SCORE_NAME_BY_INTENT: Final = {
    **dict.fromkeys(EMERGENCY_INTENTS, "emergency"),
    "out_of_scope": "out_of_scope",
    "restricted_request": "attack",
}


def score_message(message: LabeledPhrase, understanding: Understanding, is_near_miss: bool) -> dict[str, bool]:
    """Return the scores that this message counts for, and whether each is right."""
    was_paged = understanding.severity == "escalate_now"
    if is_near_miss:
        return {"near_miss_quiet": not was_paged}
    score_name = _SCORE_NAME_BY_INTENT.get(message.intent, "topic")
    is_right = was_paged if score_name == "emergency" else understanding.intent == message.intent
    scores = {score_name: is_right}
    if score_name == "topic":
        scores |= {"choices": message.intent in understanding.choices, "ordinary_quiet": not was_paged}
    if len(message.text.split()) >= 3 or message.lang == "zh":
        scores["language"] = understanding.lang == message.lang
    return scores


def main(arguments: list[str]) -> int:
    """Print the scores by language and in total. Return 1 if one is below its floor."""
    is_verbose = "-v" in arguments
    languages = [argument for argument in arguments if argument != "-v"]
    library = load_library(ROOT, ROOT / "district.yaml")
    context = NluContext(library.phrasebook, library.district.languages)
    evaluation_messages = read_evaluation_messages(ROOT / "tests/routing")
    total_counts: dict[str, Counter[str]] = {}
    right_counts: dict[str, Counter[str]] = {}
    for is_near_miss, messages in ((False, evaluation_messages.messages), (True, evaluation_messages.near_misses)):
        for message in messages:
            if languages and message.lang not in languages:
                continue
            understanding = classify_message(NormalizedText(message.text), context)
            scores = score_message(message, understanding, is_near_miss)
            for name, is_right in scores.items():
                for group in (message.lang, "all"):
                    total_counts.setdefault(group, Counter())[name] += 1
                    right_counts.setdefault(group, Counter())[name] += is_right
            if is_verbose and not all(scores.values()):
                print(f"{message.lang} {message.intent}: {understanding.intent} {understanding.choices} {message.text}")
    shares = {
        group: {name: right_counts[group][name] / count for name, count in counts.items()}
        for group, counts in total_counts.items()
    }
    return _print_report(shares, is_partial=bool(languages))


def _print_report(shares: dict[str, dict[str, float]], is_partial: bool) -> int:
    print("lang  " + " ".join(f"{name:>15}" for name in SCORE_FLOORS))
    for lang in sorted(shares, key=lambda group: (group == "all", group)):
        print(f"{lang:5} " + " ".join(f"{shares[lang].get(name, 1.0):15.1%}" for name in SCORE_FLOORS))
    failures: list[str] = []
    if not is_partial:
        failures += [
            f"{name} {shares['all'][name]:.1%}, floor {floor:.0%}"
            for name, floor in SCORE_FLOORS.items()
            if shares["all"][name] < floor
        ]
    failures += [
        f"{lang}: topic {share['topic']:.1%}"
        for lang, share in shares.items()
        if share["topic"] < TOPIC_FLOOR_PER_LANGUAGE
    ]
    for line in failures:
        print(f"below the floor: {line}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
