"""What a turn works on: where a family stands, what it said, what may be looked at; and how a flow is started."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from bot.flows.commands import Command
from bot.flows.effects import Effect, SetNote
from bot.flows.engine import Input, State, advance, time_out
from bot.flows.model import FlowSet
from bot.nlu.types import Understanding

HOPS = 8
"""So many flows may follow one another without a question; the loader refuses endless ways, this is the net below."""


@dataclass(frozen=True)
class Talk:
    """Where a family stands between two messages.

    `guessed` says that the language was taken for an emergency or a command without being sure; the next clear
    message settles it.  `held` is what a first message would mean in each language, until the family has named its
    own: topics only, the words themselves are not kept.  `later` is the second topic of a message, to be offered when
    the first has come to its end.  `emergency` is the topic of one whose flow has ended: what is written next joins it.
    """

    state: State | None = None
    language: str | None = None
    guessed: bool = False
    unclear: int = 0
    held: dict[str, str] = field(default_factory=dict)
    later: str | None = None
    told_private: bool = False
    emergency: str | None = None


@dataclass(frozen=True)
class Heard:
    """A message and what was understood of it.

    `volunteered`: it holds numbers or words that nobody asked for and nobody keeps (masking).
    `kind` is text, audio, image, document, contact, location or unknown.
    """

    text: str
    understood: Understanding
    command: Command | None = None
    payload: str | None = None
    kind: str = "text"
    twilio_opt: str | None = None
    stopped: bool = False
    volunteered: bool = False
    talking: bool = False
    """A person of the school talks with this family."""


@dataclass(frozen=True)
class World:
    """What a turn may look at: the flows, the district's languages in order, a label's wording, the understanding.

    `about` holds what conditions ask for (`contact.school`, `district.bus_information` …), `schools` the district's
    schools (id → name), `today` its day.
    """

    flows: FlowSet
    languages: tuple[str, ...]
    understand: Callable[[str, str], Understanding]
    read: Callable[[str, str], str] = lambda language, text: text
    about: Mapping[str, str] = field(default_factory=dict)
    schools: Mapping[str, str] = field(default_factory=dict)
    today: date = date.min
    others: frozenset[str] = frozenset()
    """Languages beyond the district's that a family may choose by name."""

    def given(self, language: str | None, effects: Iterable[Effect] = ()) -> Input:
        """An input that says nothing, with what is known after these effects."""
        return Input(
            read=lambda label: self.read(language or "en", label),
            language=language or "en",
            today=self.today,
            about=known_after(self.about, effects),
            schools=self.schools,
        )


Outcome = tuple[Talk, tuple[Effect, ...]]


def start_flow(world: World, talk: Talk, name: str) -> Outcome:
    """Begin a flow, and whatever flow it goes on to, until a question waits or the conversation ends."""
    return follow(world, talk, State(name), ())


def timed_out(world: World, talk: Talk, flow: str, step: str) -> Outcome:
    """Go on from a question of `flow` that nobody has answered."""
    asked = talk.state if talk.state and (talk.state.flow, talk.state.step) == (flow, step) else State(flow, step)
    state, effects = time_out(world.flows.flows[flow], asked, world.given(talk.language))
    return follow(world, talk, state, effects)


def follow(world: World, talk: Talk, state: State | None, before: tuple[Effect, ...]) -> Outcome:
    """Go on from a state that may stand before a flow (another one's, or the one that called): to the next question."""
    effects = list(before)
    for _ in range(HOPS):
        if state is None or state.step is not None or state.flow not in world.flows.flows:
            break
        state, more = advance(world.flows.flows[state.flow], state, world.given(talk.language, effects))
        effects += more
    waiting = state if state and state.step else None
    return replace(talk, state=waiting), tuple(effects)


def known_after(about: Mapping[str, str], effects: Iterable[Effect]) -> dict[str, str]:
    """What is known when these effects are done: what a flow set counts from the next step on."""
    notes = {f"contact.{effect.name}": effect.value for effect in effects if isinstance(effect, SetNote)}
    return {**about, **notes}


def prepend(effect: Effect, outcome: Outcome) -> Outcome:
    """The outcome with one more thing done first."""
    return outcome[0], (effect, *outcome[1])


def append(effects: tuple[Effect, ...], outcome: Outcome) -> Outcome:
    """The outcome after what was done already."""
    return outcome[0], (*effects, *outcome[1])
