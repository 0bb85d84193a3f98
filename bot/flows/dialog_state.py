"""Define the input and state of a turn, and start flows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bot.base.text_normalization import NormalizedText
from bot.flows.commands import Command
from bot.flows.effects import Effect, SetAttribute
from bot.flows.engine import FlowState, TurnInput, advance, apply_timeout
from bot.flows.model import FlowSet
from bot.nlu.types import Understanding

MAX_FLOW_HOPS = 8
"""The maximum number of flows that follow one another without a question. The loader already rejects endless cycles;
this limit is a second protection."""


@dataclass(frozen=True)
class DialogState:
    """Hold the state of a family's conversation between two messages.

    `guessed`: an emergency or a command needed a language before Puente was sure. The next clear message corrects it.

    `held`: the intent of a first message in each language, until the family chooses one. It never holds the text.

    `later`: the second topic of a message. Puente offers it after the first topic ends.

    `emergency`: the topic of an emergency whose flow has ended. The next messages join it.
    """

    state: FlowState | None = None
    language: str | None = None
    guessed: bool = False
    unclear: int = 0
    held: dict[str, str] = field(default_factory=dict)
    later: str | None = None
    told_private: bool = False
    emergency: str | None = None


@dataclass(frozen=True)
class ParsedMessage:
    """Hold a message and what Puente understood of it.

    `has_unneeded_pii`: the message has numbers or details that no question asked for and that masking removes.

    `kind` is text, audio, image, document, contact, location, or unknown.
    """

    text: NormalizedText
    understanding: Understanding
    command: Command | None = None
    payload: str | None = None
    kind: str = "text"
    twilio_opt: str | None = None
    is_opted_out: bool = False
    has_unneeded_pii: bool = False
    is_talking_to_staff: bool = False
    """A staff member talks with this family."""


@dataclass(frozen=True)
class FlowContext:
    """Hold everything that a turn can read.

    `languages` are the languages of the district, in order. `translate` returns a label in a language.
    `condition_values` are the values for conditions (`contact.school`, `district.bus_information`). `schools` maps
    school IDs to names. `today` is the date in the district.
    """

    flows: FlowSet
    languages: tuple[str, ...]
    understand: Callable[[NormalizedText, str], Understanding]
    translate: Callable[[str, str], str] = lambda language, text: text
    condition_values: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)
    today: date = date.min
    other_languages: frozenset[str] = frozenset()
    """Languages beyond those of the district that a family can choose by name."""

    def build_input(self, language: str | None, effects: Iterable[Effect] = ()) -> TurnInput:
        """Build an input without text, with the values that are known after these effects."""
        return TurnInput(
            translate=lambda label: self.translate(language or "en", label),
            language=language or "en",
            today=self.today,
            condition_values=apply_attributes(self.condition_values, effects),
            schools=self.schools,
        )


Outcome = tuple[DialogState, tuple[Effect, ...]]


def start_flow(context: FlowContext, state: DialogState, name: str) -> Outcome:
    """Start a flow and the flows that follow it, up to the next question or the end."""
    return follow_flows(context, state, FlowState(name), ())


def handle_timeout(context: FlowContext, state: DialogState, flow: str, step: str) -> Outcome:
    """Continue from a question of `flow` that got no answer."""
    asked_state = state.state
    if asked_state is None or (asked_state.flow, asked_state.step) != (flow, step):
        asked_state = FlowState(flow, step)
    next_state, effects = apply_timeout(context.flows.flows[flow], asked_state, context.build_input(state.language))
    return follow_flows(context, state, next_state, effects)


def follow_flows(
    context: FlowContext, state: DialogState, flow_state: FlowState | None, previous_effects: tuple[Effect, ...]
) -> Outcome:
    """Continue from a state at the start of a flow or after a call, up to the next question."""
    effects = list(previous_effects)
    for _ in range(MAX_FLOW_HOPS):
        if flow_state is None or flow_state.step is not None or flow_state.flow not in context.flows.flows:
            break
        flow_state, new_effects = advance(
            context.flows.flows[flow_state.flow], flow_state, context.build_input(state.language, effects)
        )
        effects += new_effects
    waiting_state = flow_state if flow_state and flow_state.step else None
    return replace(state, state=waiting_state), tuple(effects)


def apply_attributes(condition_values: Mapping[str, str], effects: Iterable[Effect]) -> dict[str, str]:
    """Return the condition values after these effects. An attribute that a flow sets counts from the next step."""
    attributes = {f"contact.{effect.name}": effect.value for effect in effects if isinstance(effect, SetAttribute)}
    return {**condition_values, **attributes}


def prepend_effect(effect: Effect, outcome: Outcome) -> Outcome:
    """Return the outcome with one more effect in front."""
    return outcome[0], (effect, *outcome[1])


def prepend_effects(effects: tuple[Effect, ...], outcome: Outcome) -> Outcome:
    """Return the outcome with these effects in front."""
    return outcome[0], (*effects, *outcome[1])
