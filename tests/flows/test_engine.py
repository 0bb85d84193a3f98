"""The engine: with any text in any state it never raises, never loops, and always answers."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.base.text_normalization import NormalizedText
from bot.content.library import Library
from bot.flows.commands import match_command
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import DialogState, FlowContext, ParsedMessage
from bot.flows.effects import StepReached
from bot.flows.engine import FlowState, TurnInput, advance
from bot.messaging.reply_context import build_flow_context
from bot.nlu import NluContext, classify_message

WORDS = ["1", "2", "9", "yes", "no", "menu", "0", "STOP", "START", "español", "hello", "ICE is here now", "sick", ""]
texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=60))
names = st.text(max_size=20)


def build_context(library: Library) -> FlowContext:
    return build_flow_context(library, datetime(2026, 11, 24, 16, tzinfo=UTC), {})


def build_turn_input(library: Library, text: str, stopped: bool = False) -> ParsedMessage:
    understood = classify_message(NormalizedText(text), NluContext(library.phrasebook, library.district.languages))
    return ParsedMessage(
        NormalizedText(text), understood, match_command(NormalizedText(text), library.phrasebook), is_opted_out=stopped
    )


@settings(max_examples=300, deadline=None)
@given(data=st.data(), text=texts)
def test_any_text_in_any_flow_state_is_handled(library: Library, data: st.DataObject, text: str) -> None:
    flow = data.draw(st.sampled_from(list(library.flows.flows.values())))
    step = data.draw(st.one_of(st.none(), st.sampled_from(list(flow.steps)), names))
    tries = data.draw(st.integers(0, 9))
    after, effects = advance(flow, FlowState(flow.flow, step, tries), TurnInput(NormalizedText(text), text))
    said = [effect for effect in effects if not isinstance(effect, StepReached)]
    called = {step.call for each in library.flows.flows.values() for step in each.steps.values()}
    assert said or (after and after.step is None) or flow.flow in called, "something is said, or another flow follows"
    assert after is None or after.step is None or flow.steps[after.step].ask is not None, "it waits at questions only"


@settings(max_examples=200, deadline=None)
@given(said=st.lists(texts, max_size=12), language=st.sampled_from(["en", "es", None]))
def test_any_conversation_gets_a_reply_every_turn(library: Library, said: list[str], language: str | None) -> None:
    talk, here = DialogState(language=language), build_context(library)
    stopped = False
    for text in said:
        talk, effects = take_turn(here, talk, build_turn_input(library, text, stopped))
        kinds = [type(effect).__name__ for effect in effects]
        stopped = "ChangeConsent" in kinds if not stopped else "ChangeConsent" not in kinds
        assert stopped or any(not isinstance(effect, StepReached) for effect in effects)
        assert talk.state is None or talk.state.step is not None


@settings(max_examples=100, deadline=None)
@given(flow=names, step=names, text=texts)
def test_state_of_a_removed_flow_restarts_politely(library: Library, flow: str, step: str, text: str) -> None:
    talk = DialogState(state=FlowState(flow, step), language="en")
    _, effects = take_turn(build_context(library), talk, build_turn_input(library, text))
    assert effects


def test_emergency_interrupts_every_waiting_step(library: Library) -> None:
    here = build_context(library)
    for flow in library.flows.flows.values():
        for name, step in flow.steps.items():
            if step.ask and flow.flow != "enforcement_now":
                talk = DialogState(state=FlowState(flow.flow, name), language="en")
                after, _ = take_turn(here, talk, build_turn_input(library, "ICE is at my door right now"))
                assert after.state and after.state.flow == "enforcement_now", (flow.flow, name)


def test_every_emergency_in_one_message_alerts_staff(library: Library) -> None:
    one = build_turn_input(library, "ICE is at my door right now")
    both = replace(one, understanding=replace(one.understanding, secondary_intents=("child_alone_now",)))
    _, effects = take_turn(build_context(library), DialogState(language="en"), both)
    topics = [effect.topic for effect in effects if type(effect).__name__ == "Escalation"]  # type: ignore[union-attr]
    assert topics == ["enforcement_now", "child_alone_now"]
