"""The engine: `advance(flow, state, input) -> (state, effects)`.  Pure: no database, no clock, no network.

Whatever the text and whatever the state (a step that a newer flow no longer has, too), it never raises, never turns
in circles, and always either says something or ends.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bot.conversation.answers import choose
from bot.conversation.effects import Ask, Effect, Escalation, PlanFollowUp, PlanTimeout, Reach, Say, SetNote, StateFact
from bot.conversation.flow import Flow, Step

ANSWER_CHARACTERS = 500
"""So much of a free answer is kept: enough to tell staff what happened, not a place to store letters."""


@dataclass(frozen=True)
class State:
    """Where a conversation stands: at a step that waits for an answer, or (`step` None) before a flow's first step."""

    flow: str
    step: str | None = None
    tries: int = 0
    answers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """What the family did: a text, or a button with its id.

    `kept` is the text with what must not be kept masked; `read` gives a label in the family's language.
    """

    text: str = ""
    kept: str = ""
    payload: str | None = None
    read: Callable[[str], str] = str


Turn = tuple[State | None, tuple[Effect, ...]]


def advance(flow: Flow, state: State | None, given: Input) -> Turn:
    """One step of the conversation: the next state (None: the flow has ended) and what is to be done.

    A state that does not wait at a question of this flow starts the flow from its beginning.
    """
    step = flow.steps.get(state.step) if state and state.step else None
    if state is None or step is None or step.ask is None:
        return _run(flow, flow.first, state.answers if state else {})
    if not step.choices:
        return _keep(flow, state, step, given)
    chosen = choose(given.text, given.payload, step.choices, given.read)
    if chosen is None:
        return _ask_again(flow, state, step)
    option = step.choices[chosen]
    answers = {**state.answers, step.save: option.label} if step.save else state.answers
    return (State(option.go, answers=answers), ()) if option.go else _run(flow, option.then, answers)


def time_out(flow: Flow, state: State) -> Turn:
    """Nobody answered the question that waits: where its `timeout` leads; nothing if it has none (any more)."""
    step = waits_for(flow, state)
    if step is None or step.timeout is None:
        return state, ()
    return _run(flow, step.timeout.then, state.answers)


def waits_for(flow: Flow, state: State) -> Step | None:
    """The question that a state waits at, if this flow still has it."""
    step = flow.steps.get(state.step) if state.step else None
    return step if step and step.ask is not None else None


def ask(step: Step, answers: dict[str, str]) -> Ask:
    """The question of a step, with its choices."""
    labels = tuple(choice.label for choice in step.choices.values())
    return Ask(step.ask or "", labels, tuple(answers.items()))


def _keep(flow: Flow, state: State, step: Step, given: Input) -> Turn:
    text = given.kept.strip()[:ANSWER_CHARACTERS]
    answers = {**state.answers, step.save: text} if step.save else state.answers
    return _run(flow, step.then, answers)


def _ask_again(flow: Flow, state: State, step: Step) -> Turn:
    otherwise = step.otherwise
    if otherwise is None or state.tries + 1 > otherwise.times:
        return _run(flow, otherwise.then if otherwise else None, state.answers)
    retry = Say(otherwise.retry, tuple(state.answers.items()))
    return replace(state, tries=state.tries + 1), (retry, ask(step, state.answers))


def _run(flow: Flow, name: str | None, answers: dict[str, str]) -> Turn:
    """Walk from a step to the next question or to the end; each step at most once."""
    effects: list[Effect] = []
    walked: set[str] = set()
    while name is not None and name in flow.steps and name not in walked:
        walked.add(name)
        step = flow.steps[name]
        effects += [Reach(flow.flow, name), *_effects(flow, step, answers)]
        if step.timeout:
            effects.append(PlanTimeout(step.timeout.after, flow.flow, name))
        if step.ask is not None:
            return State(flow.flow, name, answers=answers), tuple(effects)
        if step.go:
            return State(step.go, answers=answers), tuple(effects)
        name = step.then
    return None, tuple(effects)


def _effects(flow: Flow, step: Step, answers: dict[str, str]) -> list[Effect]:
    given = tuple(answers.items())
    effects: list[Effect] = [SetNote(name, value) for name, value in step.set.items()]
    effects += [StateFact(fact) for fact in step.fact]
    effects += [Say(text, given) for text in step.say]
    if step.escalate:
        wanted = step.escalate
        topic = flow.start_on.intents[0] if flow.start_on.intents else flow.flow
        effects.append(Escalation(wanted.to, wanted.severity, wanted.about, topic, given))
    if step.follow_up:
        effects.append(PlanFollowUp(step.follow_up.after, step.follow_up.flow))
    if step.ask is not None:
        effects.append(ask(step, answers))
    return effects
