"""Run flows with `advance(flow, state, input) -> (state, effects)`. Pure: no database, no clock, no network.

The engine never raises and never runs in cycles, whatever the text and state are. The state can name a step that a
newer version of the flow doesn't have. The engine always sends something or ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bot.base.text_normalization import NO_TEXT, NormalizedText
from bot.flows.choice_matching import match_choice, parse_number
from bot.flows.effects import AskQuestion, Effect, Notice, PlanTimeout, SayText, SetAttribute, StepReached
from bot.flows.model import UNSET, Choice, Flow, Step
from bot.flows.steps import list_step_effects
from bot.flows.typed_answers import read_answer

MAX_ANSWER_CHARACTERS = 500
"""The maximum length of a free answer: enough to tell staff what happened."""
MAX_CALL_DEPTH = 5
"""The maximum number of nested calls of flows. With more calls, the engine forgets the oldest."""


@dataclass(frozen=True)
class FlowState:
    """Hold the place in a flow: a question that waits, or (`step` is None) the step `begin` that comes next.

    If `begin` is None, the flow starts at its first step. `version` is the version of the flow that asked. `calls` are
    the (flow, step) pairs to return to when this flow ends, the innermost last.
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
    """Hold what the family sent (a text, or the ID of a button) and the known values.

    `masked_text` is the text after masking. `translate` returns a label in the family's language. `condition_values`
    are the values for conditions. `schools` maps school IDs to names. `today` is the date in the district.
    """

    text: NormalizedText = NO_TEXT
    masked_text: str = ""
    payload: str | None = None
    translate: Callable[[str], str] = str
    language: str = "en"
    today: date = date.min
    condition_values: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)


StepResult = tuple[FlowState | None, tuple[Effect, ...]]


def advance(flow: Flow, state: FlowState | None, turn_input: TurnInput) -> StepResult:
    """Return the next state (None after the end of the flow) and the effects of one turn.

    If the state doesn't wait at a question of this flow, start the flow from `begin` or from its first step.
    """
    state = state or FlowState(flow.flow)
    step = find_open_question(flow, state)
    if step is None:
        return _run_steps(flow, state, turn_input)
    if step.choices or step.answer:
        return _handle_answer(flow, state, step, turn_input)
    answer = turn_input.masked_text.strip()[:MAX_ANSWER_CHARACTERS]
    return _continue_at(flow, state, step.then, turn_input, **_build_saved_answer(step, answer))


def apply_timeout(flow: Flow, state: FlowState, turn_input: TurnInput) -> StepResult:
    """Continue at the target of `timeout` of the open question. Do nothing if the question has no timeout."""
    step = find_open_question(flow, state)
    if step is None or step.timeout is None:
        return state, ()
    return _continue_at(flow, state, step.timeout.then, turn_input)


def find_open_question(flow: Flow, state: FlowState) -> Step | None:
    """Return the question at which the state waits, if this flow still has it."""
    if not state.step:
        return None
    step = flow.steps.get(state.step)
    if step is None or step.ask is None:
        return None
    return step


def build_question(step: Step, answers: Mapping[str, str], schools: Mapping[str, str]) -> AskQuestion:
    """Build the question of a step with its choices. Names of schools are choices that need no translation."""
    placeholders = tuple(answers.items())
    if step.timeout:
        placeholders = (*placeholders, ("wait_minutes", str(int(step.timeout.after.total_seconds() // 60))))
    if step.answer == "school":
        return AskQuestion(step.ask or "", tuple(schools.values()), placeholders, has_proper_names=True)
    return AskQuestion(step.ask or "", step.choice_labels, placeholders)


def _handle_answer(flow: Flow, state: FlowState, step: Step, turn_input: TurnInput) -> StepResult:
    """Handle the answer to a question with choices or with a kind of answer."""
    if _is_number_for_old_version(flow, state, turn_input):
        question = build_question(step, state.answers, turn_input.schools)
        effects = (StepReached(flow.flow, state.step or ""), Notice("flow_changed"), question)
        return replace(state, version=flow.version), effects
    if step.answer == "school":
        return _handle_school_answer(flow, state, step, turn_input)
    if step.answer:
        answer = read_answer(step.answer, turn_input.text.raw, turn_input.language, turn_input.today)
        if not answer:
            return _retry_question(flow, state, step, turn_input)
        return _continue_at(flow, state, step.then, turn_input, **_build_saved_answer(step, answer))
    choice_name = match_choice(turn_input.text, turn_input.payload, step.choices, turn_input.translate)
    if choice_name is None:
        return _retry_question(flow, state, step, turn_input)
    choice = step.choices[choice_name]
    answers = {**state.answers, **_build_saved_answer(step, choice.label)}
    if choice.go:
        return FlowState(choice.go, answers=answers), ()
    return _continue_at(flow, state, choice.then, turn_input, **answers)


def _is_number_for_old_version(flow: Flow, state: FlowState, turn_input: TurnInput) -> bool:
    """Return whether a bare number answers an old version of the question, in which 2 can mean another choice."""
    if not state.version or state.version == flow.version:
        return False
    return turn_input.payload is None and parse_number(turn_input.text.plain) is not None


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
    if not step.save:
        return {}
    return {step.save: value}


def _retry_question(flow: Flow, state: FlowState, step: Step, turn_input: TurnInput) -> StepResult:
    otherwise = step.otherwise
    if otherwise is None:
        return _continue_at(flow, state, None, turn_input)
    if state.tries + 1 > otherwise.times:
        return _continue_at(flow, state, otherwise.then, turn_input)
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
    """Run steps up to the next question or the end, each step at most once."""
    effects: list[Effect] = []
    visited: set[str] = set()
    condition_values = turn_input.condition_values
    name: str | None = state.begin if state.begin in flow.steps else flow.first_step
    while name is not None and name in flow.steps and name not in visited:
        visited.add(name)
        step = flow.steps[name]
        effects.append(StepReached(flow.flow, name))
        target = next((condition.then for condition in step.when if condition.is_met(condition_values)), None)
        if target:
            name = target
            continue
        effects += list_step_effects(flow, step, state.answers)
        if step.find:  # only this step needs the place where a family lives
            answers = {key: answer for key, answer in state.answers.items() if key != step.find.near}
            state = replace(state, answers=answers)
        if step.set:
            attributes = {f"contact.{attribute}": value for attribute, value in step.set.items() if value != UNSET}
            condition_values = {**condition_values, **attributes}
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
    """Return the state of the flow that called this one, or None if no flow did."""
    if not state.calls:
        return None
    *outer_calls, (flow, step) = state.calls
    return FlowState(flow, answers=state.answers, begin=step, calls=tuple(outer_calls))
