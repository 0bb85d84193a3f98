"""The engine alone: turns a second on one core, over every flow of the district, with typical answers."""

import random
import time
from dataclasses import dataclass
from datetime import date
from itertools import cycle, islice

from bot.base import settings
from bot.base.text_normalization import NormalizedText
from bot.content.library import Library, load_library
from bot.flows.engine import FlowState, TurnInput, advance
from bot.flows.model import Flow
from bot.nlu import NluContext, classify_message
from tests.bench.load import TEXTS

TURNS, ROUNDS, WALKS, LONGEST = 20_000, 7, 40, 12
ANSWERS = ("1", "2", "3", "1", "2", "yes", "no", "my son comes late today", "tomorrow", "0")
"""Mostly numbers, as for any menu, and sometimes words."""


@dataclass(frozen=True)
class Turn:
    """The arguments of `advance`."""

    flow: Flow
    state: FlowState | None
    turn_input: TurnInput


def engine() -> dict[str, float]:
    """Turns a second (wanted 70,000 on one core), and what understanding a text takes, in microseconds."""
    library = load_library(settings.ROOT, settings.ROOT / "district.yaml")
    turns = list(islice(cycle(_turns(library)), TURNS))
    return {
        "turns_per_second": round(TURNS / min(_seconds(turns) for _ in range(ROUNDS))),
        "understanding_us": round(min(_understanding(library) for _ in range(ROUNDS)) * 1e6, 1),
    }


def _seconds(turns: list[Turn]) -> float:
    began = time.perf_counter()
    for turn in turns:
        advance(turn.flow, turn.state, turn.turn_input)
    return time.perf_counter() - began


def _turns(library: Library) -> list[Turn]:
    """Walk through every flow, the same in every run."""
    chance, turns = random.Random(7), list[Turn]()
    schools = {name: school.name for name, school in library.district.schools.items()}
    for first in library.flows.flows.values():
        for _ in range(WALKS):
            flow, state = first, None
            for _ in range(LONGEST):
                text = chance.choice(ANSWERS)
                turn_input = TurnInput(
                    NormalizedText(text), text, translate=lambda label: label, today=date(2026, 11, 24), schools=schools
                )
                turns.append(Turn(flow, state, turn_input))
                state, _ = advance(flow, state, turn_input)
                if state is None:
                    break
                flow = library.flows.flows[state.flow]
    chance.shuffle(turns)
    return turns


def _understanding(library: Library) -> float:
    """Measure the seconds for a text in free words that isn't a training phrase."""
    texts = [f"{text} {number}a" for number in range(20) for text in TEXTS]
    context = NluContext(library.phrasebook, library.district.languages, "en")
    began = time.perf_counter()
    for text in texts:
        classify_message(NormalizedText(text), context)
    return (time.perf_counter() - began) / len(texts)
