"""From what was understood to the flow that answers it, or to the one question that makes it clear.  Pure."""

from dataclasses import replace

from bot.base.text_normalization import normalise
from bot.flows.choice_matching import number_in
from bot.flows.dialog_state import Heard, Outcome, Talk, World, prepend, start_flow
from bot.flows.effects import AskTopic, Consent, Escalation, Notice
from bot.flows.engine import ANSWER_CHARACTERS, State
from bot.nlu.intents import EMERGENCIES, SEVERITY
from bot.nlu.types import Understanding
from bot.pii.masking import mask

PERSON, STOP = "talk_to_human", "stop"
UNCLEAR, STOP_QUESTION, FISHING = "unclear", "stop_question", "fishing"
OPT_OUT_TOPIC, FISHED_FOR = "opt_out", "restricted_request"
SURE_OF_STOP = 0.8
"""Below this a family that seems to want no more messages is asked once; nobody is silenced by a guess."""
MORE = "more"
"""What a family adds to an emergency after its questions; each addition is kept (store/cases/cases)."""
ASKED_FOR_TOPIC = "ask_topic"
"""The state's flow while two or three topics are offered; its step says "which" or "beside"."""
ANSWERED_BY_A_PERSON = frozenset(SEVERITY) - {"short_reply", "greeting_identity", "out_of_scope", FISHED_FOR}
"""Topics: where no flow answers one of them, a person does."""


def start_topic(world: World, talk: Talk, heard: Heard) -> Outcome:
    """What a message that no step waits for leads to."""
    understood = heard.understood
    if understood.intent == OPT_OUT_TOPIC:
        return _stop_in_own_words(world, talk, understood)
    name = world.flows.for_words(heard.text) or _flow_of(world, understood)
    if name:
        return start_flow(world, replace(talk, unclear=0), name)
    if talk.unclear or understood.intent in ANSWERED_BY_A_PERSON:
        return start_flow(world, replace(talk, unclear=0), PERSON)
    return _ask_which(world, talk, understood)


def _flow_of(world: World, understood: Understanding) -> str | None:
    if understood.intent == FISHED_FOR and understood.severity != "info":
        return FISHING if FISHING in world.flows.flows else world.flows.for_intent(FISHED_FOR)
    return world.flows.for_intent(understood.intent)


def _stop_in_own_words(world: World, talk: Talk, understood: Understanding) -> Outcome:
    if understood.confidence < SURE_OF_STOP and STOP_QUESTION in world.flows.flows:
        return start_flow(world, talk, STOP_QUESTION)
    return prepend(Consent("stop", "own words"), start_flow(world, talk, STOP))


def _ask_which(world: World, talk: Talk, understood: Understanding) -> Outcome:
    """One question with the two or three likeliest topics; the menu's question where none can be named."""
    flows = [name for intent in understood.choices if (name := _named(world, intent))]
    if not flows:
        return start_flow(world, replace(talk, unclear=1), UNCLEAR)
    answers = {str(number): name for number, name in enumerate(flows, 1)}
    waiting = State(ASKED_FOR_TOPIC, "which", answers=answers)
    return replace(talk, state=waiting, unclear=1), (AskTopic(tuple(flows)),)


def _named(world: World, intent: str) -> str | None:
    """The flow of a topic, if it has a line for the list of choices."""
    name = world.flows.for_intent(intent)
    return name if name and world.flows.flows[name].label and name != PERSON else None


def topic_was_asked(world: World, talk: Talk, state: State, heard: Heard) -> Outcome:
    """The number of a topic, the last number (a person, or no), or a new attempt in other words."""
    fresh = replace(talk, state=None)
    number = number_in(normalise(heard.text))
    chosen = state.answers.get(str(number))
    if chosen in world.flows.flows:
        return start_flow(world, replace(fresh, unclear=0), chosen)
    beside = state.step == "beside"
    if number is None and not (beside and heard.understood.intent == "short_reply"):
        return start_topic(world, fresh, heard)
    return (fresh, (Notice("all_right"),)) if beside else start_flow(world, replace(fresh, unclear=0), PERSON)


def remember_later(world: World, talk: Talk, heard: Heard) -> Talk:
    """A second topic in the same message: after an emergency, or after the first topic."""
    understood = heard.understood
    urgent = understood.intent in EMERGENCIES
    if heard.command or heard.stopped or not understood.also or (talk.state and not urgent):
        return talk
    beside = [intent for intent in understood.also if intent not in EMERGENCIES]
    return replace(talk, later=world.flows.for_intent(beside[0])) if beside else talk


def remember_emergency(world: World, outcome: Outcome) -> Outcome:
    """Where an emergency's flow has just ended, what the family writes next still belongs to it."""
    talk, effects = outcome
    paged = [one.topic for one in effects if isinstance(one, Escalation) and one.topic in EMERGENCIES]
    if talk.state is not None:
        return replace(talk, emergency=None), effects
    if not paged or world.flows.for_intent(paged[-1]) is None:
        return outcome
    return replace(talk, emergency=paged[-1]), effects


def add_to_emergency(world: World, talk: Talk, heard: Heard) -> Outcome:
    """More words after an emergency ("yes, kids are outside", "what do I do"): to the same people, not a new topic."""
    flow = world.flows.flows[world.flows.for_intent(talk.emergency) or PERSON]
    asked = [step.escalate for step in flow.steps.values() if step.escalate][-1]
    told = mask(heard.text)[0].strip()[:ANSWER_CHARACTERS]
    again = Escalation(asked.to, asked.severity, asked.about, talk.emergency or "", ((MORE, told),))
    return talk, (again, Notice("added"))


def offer_later(world: World, outcome: Outcome) -> Outcome:
    """Where the first topic has come to its end, the second is offered."""
    talk, effects = outcome
    if talk.later is None or talk.state is not None or any(isinstance(effect, Consent) for effect in effects):
        return outcome
    name = talk.later
    waiting = State(ASKED_FOR_TOPIC, "beside", answers={"1": name})
    return replace(talk, state=waiting, later=None), (*effects, AskTopic((name,), beside=True))
