"""What a turn works on: where a family stands, what it said, what may be looked at; and how a flow is started."""

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
"""So many flows may follow one another without a question; the loader refuses endless ways, this is the net below."""


@dataclass(frozen=True)
class DialogState:
    """Where a family stands between two messages.

    `guessed` says that the language was taken for an emergency or a command without being sure; the next clear
    message settles it.  `held` is what a first message would mean in each language, until the family has named its
    own: topics only, the words themselves are not kept.  `later` is the second topic of a message, to be offered when
    the first has come to its end.  `emergency` is the topic of one whose flow has ended: what is written next joins it.
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
    """A message and what was understood of it.

    `volunteered`: it holds numbers or words that nobody asked for and nobody keeps (masking).
    `kind` is text, audio, image, document, contact, location or unknown.
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
    """A person of the school talks with this family."""


@dataclass(frozen=True)
class FlowContext:
    """What a turn may look at: the flows, the district's languages in order, a label's wording, the understanding.

    `about` holds what conditions ask for (`contact.school`, `district.bus_information` …), `schools` the district's
    schools (id → name), `today` its day.
    """

    flows: FlowSet
    languages: tuple[str, ...]
    understand: Callable[[NormalizedText, str], Understanding]
    translate: Callable[[str, str], str] = lambda language, text: text
    condition_values: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)
    today: date = date.min
    other_languages: frozenset[str] = frozenset()
    """Languages beyond the district's that a family may choose by name."""

    def build_input(self, language: str | None, effects: Iterable[Effect] = ()) -> TurnInput:
        """An input that says nothing, with what is known after these effects."""
        return TurnInput(
            translate=lambda label: self.translate(language or "en", label),
            language=language or "en",
            today=self.today,
            condition_values=apply_attributes(self.condition_values, effects),
            schools=self.schools,
        )


Outcome = tuple[DialogState, tuple[Effect, ...]]


def start_flow(context: FlowContext, state: DialogState, name: str) -> Outcome:
    """Begin a flow, and whatever flow it goes on to, until a question waits or the conversation ends."""
    return follow_flows(context, state, FlowState(name), ())


def handle_timeout(context: FlowContext, state: DialogState, flow: str, step: str) -> Outcome:
    """Go on from a question of `flow` that nobody has answered."""
    asked_state = (
        state.state if state.state and (state.state.flow, state.state.step) == (flow, step) else FlowState(flow, step)
    )
    next_state, effects = apply_timeout(context.flows.flows[flow], asked_state, context.build_input(state.language))
    return follow_flows(context, state, next_state, effects)


def follow_flows(
    context: FlowContext, state: DialogState, flow_state: FlowState | None, previous_effects: tuple[Effect, ...]
) -> Outcome:
    """Go on from a state that may stand before a flow (another one's, or the one that called): to the next question."""
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
    """What is known when these effects are done: what a flow set counts from the next step on."""
    attributes = {f"contact.{effect.name}": effect.value for effect in effects if isinstance(effect, SetAttribute)}
    return {**condition_values, **attributes}


def prepend_effect(effect: Effect, outcome: Outcome) -> Outcome:
    """The outcome with one more thing done first."""
    return outcome[0], (effect, *outcome[1])


def prepend_effects(effects: tuple[Effect, ...], outcome: Outcome) -> Outcome:
    """The outcome after what was done already."""
    return outcome[0], (*effects, *outcome[1])
