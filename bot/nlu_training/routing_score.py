"""`python -m bot.nlu_training.routing_score [-v] [LANG …]`: the messages of `tests/routing` as the line understands
them now.

`make check` runs it.  Each figure has a floor, a little under what was reached; below it the check fails.  With -v
every message that was understood wrongly is shown.  docs/understanding.md explains the figures.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from typing import Final

from bot.base.settings import ROOT
from bot.content.library import load_library
from bot.nlu import EMERGENCIES, Context, Understanding, understand
from bot.nlu_training.dataset import Lesson
from bot.nlu_training.evaluate import read_scored

FLOORS: Final = {
    "topic": 0.80,
    "choices": 0.91,
    "emergency": 0.95,
    "out_of_scope": 0.90,
    "attack": 0.85,
    "language": 0.98,
    "near_miss_quiet": 0.95,
    "ordinary_quiet": 0.97,
}
"""Over all languages, as shares.  "quiet": nobody was paged."""
FLOOR_OF_A_LANGUAGE: Final = 0.70
"""For the topic."""
_KIND: Final = {
    **dict.fromkeys(EMERGENCIES, "emergency"),
    "out_of_scope": "out_of_scope",
    "restricted_request": "attack",
}


def marks(message: Lesson, found: Understanding, near_miss: bool) -> dict[str, bool]:
    """What this message counts for, and whether it was understood rightly."""
    paged = found.severity == "escalate_now"
    if near_miss:
        return {"near_miss_quiet": not paged}
    right = found.intent == message.intent
    kind = _KIND.get(message.intent, "topic")
    told = {kind: paged if kind == "emergency" else right}
    if kind == "topic":
        told |= {"choices": message.intent in found.choices, "ordinary_quiet": not paged}
    if len(message.text.split()) >= 3 or message.lang == "zh":
        told["language"] = found.lang == message.lang
    return told


def main(arguments: list[str]) -> int:
    """Print the figures, by language and over all; 1 when one is below its floor."""
    verbose, wanted = "-v" in arguments, [one for one in arguments if one != "-v"]
    library = load_library(ROOT, ROOT / "district.yaml")
    context = Context(library.phrasebook, library.district.languages)
    scored = read_scored(ROOT / "tests/routing")
    seen: dict[str, Counter[str]] = {}
    right: dict[str, Counter[str]] = {}
    for near_miss, messages in ((False, scored.messages), (True, scored.near_misses)):
        for message in messages:
            if wanted and message.lang not in wanted:
                continue
            found = understand(message.text, context)
            told = marks(message, found, near_miss)
            for name, good in told.items():
                for group in (message.lang, "all"):
                    seen.setdefault(group, Counter())[name] += 1
                    right.setdefault(group, Counter())[name] += good
            if verbose and not all(told.values()):
                print(f"{message.lang} {message.intent}: {found.intent} {found.choices} {message.text}")
    return _report({group: {n: right[group][n] / seen[group][n] for n in seen[group]} for group in seen}, bool(wanted))


def _report(shares: dict[str, dict[str, float]], part: bool) -> int:
    print("lang  " + " ".join(f"{name:>15}" for name in FLOORS))
    for lang in sorted(shares, key=lambda one: (one == "all", one)):
        print(f"{lang:5} " + " ".join(f"{shares[lang].get(name, 1.0):15.1%}" for name in FLOORS))
    low = (
        []
        if part
        else [f"{name} {shares['all'][name]:.1%}, floor {floor:.0%}" for name, floor in _below(shares["all"])]
    )
    low += [
        f"{lang}: topic {share['topic']:.1%}" for lang, share in shares.items() if share["topic"] < FLOOR_OF_A_LANGUAGE
    ]
    for line in low:
        print(f"below its floor: {line}", file=sys.stderr)
    return 1 if low else 0


def _below(share: dict[str, float]) -> Iterable[tuple[str, float]]:
    return ((name, floor) for name, floor in FLOORS.items() if share[name] < floor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
