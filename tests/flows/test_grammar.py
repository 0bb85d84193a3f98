"""Flow features besides plain questions: conditions, calls, kinds of answer, versions. Tested through the engine."""

from dataclasses import replace
from datetime import date

import pytest

from bot.base.text_normalization import NormalizedText
from bot.content.library import Library
from bot.flows.effects import AskQuestion, Notice, SayText, SetAttribute, StepReached
from bot.flows.engine import FlowState, TurnInput, advance
from bot.flows.loader import FlowReferences, load_flows
from bot.flows.model import FlowSet
from bot.nlu.date_parsing import parse_day
from tests.flows.test_loader import GOOD

TUESDAY = date(2026, 11, 24)


def flows(**texts: str) -> FlowSet:
    files = {f"flows/{name}.yaml": text for name, text in texts.items()}
    return load_flows(files, FlowReferences(frozenset({"a_fact"}), frozenset({"default"})))


def list_texts(effects: tuple[object, ...]) -> list[object]:
    return [effect.text for effect in effects if isinstance(effect, SayText | AskQuestion)]


@pytest.mark.parametrize(
    ("text", "language", "day"),
    [
        ("tomorrow", "en", date(2026, 11, 25)),
        ("on Friday", "en", date(2026, 11, 27)),
        ("mañana", "es", date(2026, 11, 25)),
        ("demen", "ht", date(2026, 11, 25)),
        ("12月1日", "zh", date(2026, 12, 1)),
        ("ngày mai", "vi", date(2026, 11, 25)),
        ("غدا", "ar", date(2026, 11, 25)),
        ("2", "en", None),
        ("yesterday", "en", None),
        ("I do not know", "en", None),
        ("November", "en", None),
    ],
)
def test_day_is_parsed_from_everyday_words(text: str, language: str, day: date | None) -> None:
    assert parse_day(text, language, TUESDAY) == day


def test_changed_choice_list_asks_again_for_number_but_accepts_word() -> None:
    before = flows(visit=GOOD).flows["visit"]
    waiting, _ = advance(before, None, TurnInput())
    assert waiting is not None
    now = flows(
        visit=GOOD.replace('      "yes": {label: "Yes", then: bye}\n', "").replace(
            "    otherwise", '      "yes": {label: "Yes", then: bye}\n    otherwise'
        )
    ).flows["visit"]
    again, effects = advance(now, waiting, TurnInput(NormalizedText("1"), "1"))
    assert again == replace(waiting, version=now.version)
    assert any(effect == Notice("flow_changed") for effect in effects)
    assert advance(now, waiting, TurnInput(NormalizedText("no"), "no"))[0] is None


def test_called_flow_asks_once_keeps_answer_and_returns(library: Library) -> None:
    bus, which = library.flows.flows["transport_bus"], library.flows.flows["which_school"]
    given = TurnInput(
        condition_values={}, schools={name: school.name for name, school in library.district.schools.items()}
    )
    state, _ = advance(bus, FlowState("transport_bus", begin="which"), given)
    assert state is not None and state.flow == "which_school" and state.calls
    asked, effects = advance(which, state, given)
    assert asked is not None and any(isinstance(effect, AskQuestion) and effect.has_proper_names for effect in effects)
    back, effects = advance(which, asked, replace(given, text=NormalizedText("1")))
    assert back is not None and back.flow == "transport_bus" and not back.calls
    assert any(isinstance(effect, SetAttribute) and effect.name == "school" for effect in effects)


def test_known_values_decide_the_next_step(library: Library) -> None:
    visit = library.flows.flows["home_visit"]
    known, _ = advance(visit, None, TurnInput(condition_values={"contact.home_visit": "not_now"}))
    fresh, _ = advance(visit, None, TurnInput(condition_values={}))
    assert known is not None and fresh is not None
    assert (known.step, fresh.step) == ("noted", "rule")


def test_phone_question_accepts_only_a_phone_number(library: Library) -> None:
    visit = library.flows.flows["home_visit"]
    waiting = FlowState("home_visit", "number", version=visit.version)
    again, effects = advance(visit, waiting, TurnInput(NormalizedText("my phone"), "my phone"))
    assert again is not None and again.step == "number" and again.tries == 1
    assert StepReached("home_visit", "number") in effects
    after, _ = advance(visit, waiting, TurnInput(NormalizedText("217-555-0177"), "217-555-0177"))
    assert after is None or after.step != "number"
