"""The engine: `advance(flow, state, input) -> (state, effects)`.  Pure: no database, no clock, no network.

Whatever the text and whatever the state (a step that a newer flow no longer has, too), it never raises, never turns
in circles, and always either says something or ends.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache

from bot.base.text_normalization import normalise
from bot.flows.choice_matching import choose, number_in
from bot.flows.effects import Ask, Effect, Notice, PlanTimeout, Reach, Say, SetNote
from bot.flows.model import UNSET, Choice, Flow, Step
from bot.flows.steps import effects_of
from bot.flows.typed_answers import read_answer

ANSWER_CHARACTERS = 500
"""So much of a free answer is kept: enough to tell staff what happened, not a place to store letters."""
CALLS = 5
"""So deep may flows call one another; beyond it the oldest is not come back to."""


@dataclass(frozen=True)
class State:
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
class Input:
    """What the family did (a text, or a button with its id), and what is known.

    `kept` is the text with what must not be kept masked; `read` gives a label in the family's language; `about` is
    what conditions ask for, `schools` the district's (id → name), `today` the district's day.
    """

    text: str = ""
    kept: str = ""
    payload: str | None = None
    read: Callable[[str], str] = str
    language: str = "en"
    today: date = date.min
    about: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)


Turn = tuple[State | None, tuple[Effect, ...]]


def advance(flow: Flow, state: State | None, given: Input) -> Turn:
    """One step of the conversation: the next state (None: the flow has ended) and what is to be done.

    A state that does not wait at a question of this flow starts it from `begin`, or from its first step.
    """
    state = state or State(flow.flow)
    step = waits_for(flow, state)
    if step is None:
        return _run(flow, state, given)
    if step.choices or step.answer:
        return _choose(flow, state, step, given)
    return _on(flow, state, step.then, given, **_saved(step, given.kept.strip()[:ANSWER_CHARACTERS]))


def time_out(flow: Flow, state: State, given: Input) -> Turn:
    """Nobody answered the question that waits: where its `timeout` leads; nothing if it has none (any more)."""
    step = waits_for(flow, state)
    if step is None or step.timeout is None:
        return state, ()
    return _on(flow, state, step.timeout.then, given)


def waits_for(flow: Flow, state: State) -> Step | None:
    """The question that a state waits at, if this flow still has it."""
    step = flow.steps.get(state.step) if state.step else None
    return step if step and step.ask is not None else None


def ask(step: Step, answers: Mapping[str, str], schools: Mapping[str, str]) -> Ask:
    """The question of a step, with its choices; the district's schools are choices that nobody translates."""
    given = tuple(answers.items())
    if step.timeout:
        given = (*given, ("wait_minutes", str(int(step.timeout.after.total_seconds() // 60))))
    if step.answer == "school":
        return Ask(step.ask or "", tuple(schools.values()), given, names=True)
    return Ask(step.ask or "", step.labels, given)


def _choose(flow: Flow, state: State, step: Step, given: Input) -> Turn:
    """An answer that must be one of several, or of a kind."""
    if _meant_an_older_list(flow, state, given):
        again = replace(state, version=flow.version)
        return again, (
            Reach(flow.flow, state.step or ""),
            Notice("flow_changed"),
            ask(step, state.answers, given.schools),
        )
    if step.answer == "school":
        return _school(flow, state, step, given)
    if step.answer:
        found = read_answer(step.answer, given.text, given.language, given.today)
        return _on(flow, state, step.then, given, **_saved(step, found)) if found else _again(flow, state, step, given)
    chosen = choose(given.text, given.payload, step.choices, given.read)
    if chosen is None:
        return _again(flow, state, step, given)
    option = step.choices[chosen]
    answers = {**state.answers, **_saved(step, option.label)}
    if option.go:
        return State(option.go, answers=answers), ()
    return _on(flow, state, option.then, given, **answers)


def _meant_an_older_list(flow: Flow, state: State, given: Input) -> bool:
    """A bare number that answers the question as it stood before the flow was changed: 2 may mean another thing now."""
    if not state.version or state.version == flow.version:
        return False
    return given.payload is None and number_in(normalise(given.text)) is not None


def _school(flow: Flow, state: State, step: Step, given: Input) -> Turn:
    schools = {name: Choice(label=label, then=step.then) for name, label in given.schools.items()}
    chosen = choose(given.text, given.payload, schools, str)
    if chosen is None:
        return _again(flow, state, step, given)
    after = replace(given, about={**given.about, "contact.school": chosen})
    end, effects = _on(flow, state, step.then, after, **_saved(step, given.schools[chosen]))
    return end, (SetNote("school", chosen), *effects)


def _saved(step: Step, value: str) -> dict[str, str]:
    return {step.save: value} if step.save else {}


def _again(flow: Flow, state: State, step: Step, given: Input) -> Turn:
    otherwise = step.otherwise
    if otherwise is None or state.tries + 1 > otherwise.times:
        return _on(flow, state, otherwise.then if otherwise else None, given)
    retry = Say(otherwise.retry, tuple(state.answers.items()))
    asked = Reach(flow.flow, state.step or ""), retry, ask(step, state.answers, given.schools)
    return replace(state, tries=state.tries + 1), asked


def _on(flow: Flow, state: State, name: str | None, given: Input, **answers: str) -> Turn:
    if name is None:
        return _over(state), ()
    after = State(flow.flow, answers={**state.answers, **answers}, begin=name, calls=state.calls)
    return _run(flow, after, given)


def _run(flow: Flow, state: State, given: Input) -> Turn:
    """Walk from a step to the next question or to the end; each step at most once."""
    effects: list[Effect] = []
    walked: set[str] = set()
    about = given.about
    name: str | None = state.begin if state.begin in flow.steps else flow.first
    while name is not None and name in flow.steps and name not in walked:
        walked.add(name)
        step = flow.steps[name]
        effects.append(reached(flow.flow, name))
        if step.when and (aside := next((one.then for one in step.when if one.holds(about)), None)):
            name = aside
            continue
        effects += effects_of(flow, step, state.answers)
        if step.find:  # where a family lives was asked for this step only
            state = replace(
                state, answers={name: said for name, said in state.answers.items() if name != step.find.near}
            )
        if step.set:
            about = {**about, **{f"contact.{note}": value for note, value in step.set.items() if value != UNSET}}
        if step.timeout:
            effects.append(PlanTimeout(step.timeout.after, flow.flow, name))
        if step.ask is not None:
            effects.append(ask(step, state.answers, given.schools))
            waiting = State(flow.flow, name, answers=state.answers, version=flow.version, calls=state.calls)
            return waiting, tuple(effects)
        if step.call:
            calls = (*state.calls, (flow.flow, step.then or ""))[-CALLS:]
            return State(step.call, answers=state.answers, calls=calls), tuple(effects)
        if step.go:
            return State(step.go, answers=state.answers), tuple(effects)
        name = step.then
    return _over(state), tuple(effects)


reached = lru_cache(maxsize=4096)(Reach)
"""The same few hundred marks again and again."""


def _over(state: State) -> State | None:
    """The flow has ended: back to the one that called it, if one did."""
    if not state.calls:
        return None
    *others, (flow, step) = state.calls
    return State(flow, answers=state.answers, begin=step, calls=tuple(others))
