"""The question before a page: Puente asks if it isn't sure, and pages without an answer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.base.text_normalization import NormalizedText
from bot.content.library import Library
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, ParsedMessage, handle_timeout
from bot.flows.effects import Escalation, PlanTimeout
from bot.messaging.reply_context import build_flow_context
from bot.nlu import EMERGENCY_INTENTS
from bot.nlu.types import Understanding
from tests.conftest import NOW

ENGLISH = DialogState(language="en")


@pytest.fixture
def context(library: Library) -> FlowContext:
    return build_flow_context(library, NOW, {})


def suspect(intent: str, topic: str | None = "school_info") -> Understanding:
    return Understanding("en", 0.99, topic, 0.7, "info", page="ask", suspected_intent=intent)


def say(context: FlowContext, state: DialogState, text: str, understanding: Understanding | None = None) -> Outcome:
    plain = understanding or Understanding("en", 0.99, "short_reply", 0.99, "info")
    return take_turn(context, state, ParsedMessage(NormalizedText(text), plain))


def list_pages(outcome: Outcome) -> list[str]:
    return [
        effect.topic for effect in outcome[1] if isinstance(effect, Escalation) and effect.severity == "escalate_now"
    ]


@pytest.mark.parametrize("intent", EMERGENCY_INTENTS)
def test_every_emergency_has_a_question(intent: str, context: FlowContext) -> None:
    name = context.flows.find_by_suspicion(intent)
    assert name and context.flows.flows[name].start_on.suspected == (intent,)


@pytest.mark.parametrize("intent", ["enforcement_now", "danger_now", "abuse_violence_home"])
def test_question_pages_no_one_until_three_minutes_pass(intent: str, context: FlowContext) -> None:
    asked = say(context, ENGLISH, "they are outside", suspect(intent))
    assert list_pages(asked) == []
    timeouts = [effect for effect in asked[1] if isinstance(effect, PlanTimeout)]
    assert [timeout.delay for timeout in timeouts] == [timedelta(minutes=3)]
    assert list_pages(handle_timeout(context, asked[0], timeouts[0].flow, timeouts[0].step))


@pytest.mark.parametrize("intent", ["self_harm_now", "child_alone_now"])
def test_suspected_self_harm_and_child_alone_page_with_the_question(intent: str, context: FlowContext) -> None:
    asked = say(context, ENGLISH, "i cant anymore", suspect(intent))
    assert list_pages(asked) and asked[0].state is not None


@pytest.mark.parametrize("intent", EMERGENCY_INTENTS)
def test_yes_starts_the_emergency(intent: str, context: FlowContext) -> None:
    asked, _ = say(context, ENGLISH, "they are outside", suspect(intent))
    assert intent in list_pages(say(context, asked, "yes"))


def test_no_pages_no_one_and_answers_the_message(context: FlowContext) -> None:
    asked, _ = say(context, ENGLISH, "is the bus gone", suspect("danger_now", "transport_bus"))
    answered = say(context, asked, "no")
    assert list_pages(answered) == [] and answered[0].later is None
    reached = [effect.flow for effect in answered[1] if hasattr(effect, "step") and hasattr(effect, "flow")]
    assert "check_danger" in reached and "transport_bus" in reached


def test_unclear_answer_is_asked_again_and_then_pages(context: FlowContext) -> None:
    asked, _ = say(context, ENGLISH, "they are outside", suspect("enforcement_now"))
    other_topic = Understanding("en", 0.99, "school_info", 0.99, "info")
    again = say(context, asked, "when is school over", other_topic)
    assert list_pages(again) == []
    assert list_pages(say(context, again[0], "hm", other_topic)) == ["enforcement_now"]


def test_second_suspicion_counts_as_yes(context: FlowContext) -> None:
    asked, _ = say(context, ENGLISH, "they are outside", suspect("enforcement_now"))
    assert list_pages(say(context, asked, "the men came closer", suspect("enforcement_now"))) == ["enforcement_now"]


def test_question_about_violence_is_neutral_and_timeout_is_silent(context: FlowContext, library: Library) -> None:
    flow = library.flows.flows["check_violence"]
    words = f"{flow.steps['open'].ask} {flow.steps['open'].choice_labels}".lower()
    assert not any(word in words for word in ("hurt", "violence", "hit", "danger", "safe", "husband", "police"))
    asked, _ = say(context, ENGLISH, "he is home", suspect("abuse_violence_home"))
    outcome = handle_timeout(context, asked, "check_violence", "open")
    assert list_pages(outcome) and {type(effect).__name__ for effect in outcome[1]} <= {"Escalation", "StepReached"}


def test_family_that_opted_out_is_not_asked_but_paged(context: FlowContext) -> None:
    parsed = ParsedMessage(NormalizedText("they are outside"), suspect("danger_now"), is_opted_out=True)
    assert list_pages(take_turn(context, ENGLISH, parsed)) == ["danger_now"]


def test_answer_to_an_open_question_is_not_questioned(context: FlowContext) -> None:
    asked, _ = say(context, ENGLISH, "?", replace(suspect("danger_now"), page="no", suspected_intent=None, intent=None))
    assert asked.state is not None
    answered = say(context, asked, "1", suspect("danger_now"))
    assert answered[0].state is None or answered[0].state.flow != "check_danger"
