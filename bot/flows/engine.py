"""The engine: `advance(flow, state, input) -> (state, effects)`.  Pure: no database, no clock, no network.

Whatever the text and whatever the state (a step that a newer flow no longer has, too), it never raises, never turns
in circles, and always either says something or ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bot.base.text_normalization import normalize_text
from bot.flows.choice_matching import match_choice, parse_number
from bot.flows.effects import AskQuestion, Effect, Notice, PlanTimeout, SayText, SetAttribute, StepReached
from bot.flows.model import UNSET, Choice, Flow, Step
from bot.flows.steps import list_step_effects
from bot.flows.typed_answers import read_answer

MAX_ANSWER_CHARACTERS = 500
"""So much of a free answer is kept: enough to tell staff what happened, not a place to store letters."""
MAX_CALL_DEPTH = 5
"""So deep may flows call one another; beyond it the oldest is not come back to."""


@dataclass(frozen=True)
class FlowState:
    """Where a conversation stands: at a step that waits for an answer, or (`step` None) before the step `begin`.

    `begin` None is the flow's first step.  `version` is the flow's when it asked.  `calls` are the (flow, step) to
    come back to when this flow ends, the innermost last.
    """

    flow: str
    step: str | None = None
    tries: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    begin: str | None = None
    version: str = ""
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TurnInput:
    """What the family did (a text, or a button with its id), and what is known.

    `kept` is the text with what must not be kept masked; `read` gives a label in the family's language; `about` is
    what conditions ask for, `schools` the district's (id → name), `today` the district's day.
    """

    text: str = ""
    masked_text: str = ""
    payload: str | None = None
    translate: Callable[[str], str] = str
    language: str = "en"
    today: date = date.min
    condition_values: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)


StepResult = tuple[FlowState | None, tuple[Effect, ...]]


def advance(flow: Flow, state: FlowState | None, turn_input: TurnInput) -> StepResult:
    """One step of the conversation: the next state (None: the flow has ended) and what is to be done.

    A state that does not wait at a question of this flow starts it from `begin`, or from its first step.
    """
    state = state or FlowState(flow.flow)
    step = find_open_question(flow, state)
    if step is None:
        return _run_steps(flow, state, turn_input)
    if step.choices or step.answer:
        return _handle_answer(flow, state, step, turn_input)
    return _continue_at(
        flow,
        state,
        step.then,
        turn_input,
        **_build_saved_answer(step, turn_input.masked_text.strip()[:MAX_ANSWER_CHARACTERS]),
    )


def apply_timeout(flow: Flow, state: FlowState, turn_input: TurnInput) -> StepResult:
    """Nobody answered the question that waits: where its `timeout` leads; nothing if it has none (any more)."""
    step = find_open_question(flow, state)
    if step is None or step.timeout is None:
        return state, ()
    return _continue_at(flow, state, step.timeout.then, turn_input)


def find_open_question(flow: Flow, state: FlowState) -> Step | None:
    """The question that a state waits at, if this flow still has it."""
    step = flow.steps.get(state.step) if state.step else None
    return step if step and step.ask is not None else None


def build_question(step: Step, answers: Mapping[str, str], schools: Mapping[str, str]) -> AskQuestion:
    """The question of a step, with its choices; the district's schools are choices that nobody translates."""
    placeholders = tuple(answers.items())
    if step.timeout:
        placeholders = (*placeholders, ("wait_minutes", str(int(step.timeout.after.total_seconds() // 60))))
    if step.answer == "school":
        return AskQuestion(step.ask or "", tuple(schools.values()), placeholders, has_proper_names=True)
    return AskQuestion(step.ask or "", step.choice_labels, placeholders)


def _handle_answer(flow: Flow, state: FlowState, step: Step, turn_input: TurnInput) -> StepResult:
    """An answer that must be one of several, or of a kind."""
    if _is_number_for_old_version(flow, state, turn_input):
        updated_state = replace(state, version=flow.version)
        return updated_state, (
            StepReached(flow.flow, state.step or ""),
            Notice("flow_changed"),
            build_question(step, state.answers, turn_input.schools),
        )
    if step.answer == "school":
        return _handle_school_answer(flow, state, step, turn_input)
    if step.answer:
        answer = read_answer(step.answer, turn_input.text, turn_input.language, turn_input.today)
        return (
            _continue_at(flow, state, step.then, turn_input, **_build_saved_answer(step, answer))
            if answer
            else _retry_question(flow, state, step, turn_input)
        )
    choice_name = match_choice(turn_input.text, turn_input.payload, step.choices, turn_input.translate)
    if choice_name is None:
        return _retry_question(flow, state, step, turn_input)
    choice = step.choices[choice_name]
    answers = {**state.answers, **_build_saved_answer(step, choice.label)}
    if choice.go:
        return FlowState(choice.go, answers=answers), ()
    return _continue_at(flow, state, choice.then, turn_input, **answers)


def _is_number_for_old_version(flow: Flow, state: FlowState, turn_input: TurnInput) -> bool:
    """A bare number that answers the question as it stood before the flow was changed: 2 may mean another thing now."""
    if not state.version or state.version == flow.version:
        return False
    return turn_input.payload is None and parse_number(normalize_text(turn_input.text)) is not None


def _handle_school_answer(flow: Flow, state: FlowState, step: Step, turn_input: TurnInput) -> StepResult:
    schools = {name: Choice(label=label, then=step.then) for name, label in turn_input.schools.items()}
    school_id = match_choice(turn_input.text, turn_input.payload, schools, str)
    if school_id is None:
        return _retry_question(flow, state, step, turn_input)
    updated_input = replace(turn_input, condition_values={**turn_input.condition_values, "contact.school": school_id})
    next_state, effects = _continue_at(
        flow, state, step.then, updated_input, **_build_saved_answer(step, turn_input.schools[school_id])
    )
    return next_state, (SetAttribute("school", school_id), *effects)


def _build_saved_answer(step: Step, value: str) -> dict[str, str]:
    return {step.save: value} if step.save else {}


def _retry_question(flow: Flow, state: FlowState, step: Step, turn_input: TurnInput) -> StepResult:
    otherwise = step.otherwise
    if otherwise is None or state.tries + 1 > otherwise.times:
        return _continue_at(flow, state, otherwise.then if otherwise else None, turn_input)
    retry = SayText(otherwise.retry, tuple(state.answers.items()))
    effects = StepReached(flow.flow, state.step or ""), retry, build_question(step, state.answers, turn_input.schools)
    return replace(state, tries=state.tries + 1), effects


def _continue_at(
    flow: Flow, state: FlowState, step_name: str | None, turn_input: TurnInput, **answers: str
) -> StepResult:
    if step_name is None:
        return _return_to_caller(state), ()
    next_state = FlowState(flow.flow, answers={**state.answers, **answers}, begin=step_name, calls=state.calls)
    return _run_steps(flow, next_state, turn_input)


def _run_steps(flow: Flow, state: FlowState, turn_input: TurnInput) -> StepResult:
    """Walk from a step to the next question or to the end; each step at most once."""
    effects: list[Effect] = []
    visited: set[str] = set()
    condition_values = turn_input.condition_values
    name: str | None = state.begin if state.begin in flow.steps else flow.first_step
    while name is not None and name in flow.steps and name not in visited:
        visited.add(name)
        step = flow.steps[name]
        effects.append(StepReached(flow.flow, name))
        if step.when and (
            target := next((condition.then for condition in step.when if condition.is_met(condition_values)), None)
        ):
            name = target
            continue
        effects += list_step_effects(flow, step, state.answers)
        if step.find:  # where a family lives was asked for this step only
            state = replace(
                state, answers={name: answer for name, answer in state.answers.items() if name != step.find.near}
            )
        if step.set:
            condition_values = {
                **condition_values,
                **{f"contact.{attribute}": value for attribute, value in step.set.items() if value != UNSET},
            }
        if step.timeout:
            effects.append(PlanTimeout(step.timeout.after, flow.flow, name))
        if step.ask is not None:
            effects.append(build_question(step, state.answers, turn_input.schools))
            waiting_state = FlowState(flow.flow, name, answers=state.answers, version=flow.version, calls=state.calls)
            return waiting_state, tuple(effects)
        if step.call:
            calls = (*state.calls, (flow.flow, step.then or ""))[-MAX_CALL_DEPTH:]
            return FlowState(step.call, answers=state.answers, calls=calls), tuple(effects)
        if step.go:
            return FlowState(step.go, answers=state.answers), tuple(effects)
        name = step.then
    return _return_to_caller(state), tuple(effects)


def _return_to_caller(state: FlowState) -> FlowState | None:
    """The flow has ended: back to the one that called it, if one did."""
    if not state.calls:
        return None
    *outer_calls, (flow, step) = state.calls
    return FlowState(flow, answers=state.answers, begin=step, calls=tuple(outer_calls))
