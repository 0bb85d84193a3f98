"""Choose the flow for an understood message, or ask one question to make the topic clear. Pure."""

from dataclasses import replace

from bot.flows.choice_matching import parse_number
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, ParsedMessage, prepend_effect, start_flow
from bot.flows.effects import AskTopic, ChangeConsent, Escalation, Notice
from bot.flows.engine import MAX_ANSWER_CHARACTERS, FlowState
from bot.nlu.intents import EMERGENCY_INTENTS, SEVERITY_BY_INTENT
from bot.nlu.types import Understanding
from bot.pii.masking import mask_pii

PERSON_FLOW, STOP_FLOW = "talk_to_human", "stop"
UNCLEAR_FLOW, STOP_QUESTION_FLOW, FISHING_FLOW = "unclear", "stop_question", "fishing"
OPT_OUT_TOPIC, RESTRICTED_REQUEST_TOPIC = "opt_out", "restricted_request"
MIN_OPT_OUT_CONFIDENCE = 0.8
"""Below this confidence, Puente asks the family once whether it wants no more messages. A guess opts out no family."""
ADDITION_KEY = "more"
"""The answer key for what a family adds to an emergency after its questions. Puente stores each addition."""
TOPIC_QUESTION = "ask_topic"
"""The flow name in the state while Puente offers topics. The step is "which" or "beside"."""
HUMAN_ANSWERED_TOPICS = frozenset(SEVERITY_BY_INTENT) - {
    "short_reply",
    "greeting_identity",
    "out_of_scope",
    RESTRICTED_REQUEST_TOPIC,
}
"""Topics that a person answers if no flow does."""


def start_topic(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Start the flow for a message that answers no open question."""
    understanding = parsed.understanding
    if understanding.intent == OPT_OUT_TOPIC:
        return _handle_opt_out_wish(context, state, understanding)
    name = context.flows.find_by_words(parsed.text) or _find_flow(context, understanding)
    if name:
        return start_flow(context, replace(state, unclear=0), name)
    if state.unclear or understanding.intent in HUMAN_ANSWERED_TOPICS:
        return start_flow(context, replace(state, unclear=0), PERSON_FLOW)
    return _ask_topic(context, state, understanding)


def _find_flow(context: FlowContext, understanding: Understanding) -> str | None:
    is_fishing = understanding.intent == RESTRICTED_REQUEST_TOPIC and understanding.severity != "info"
    if is_fishing and FISHING_FLOW in context.flows.flows:
        return FISHING_FLOW
    return context.flows.find_by_intent(understanding.intent)


def _handle_opt_out_wish(context: FlowContext, state: DialogState, understanding: Understanding) -> Outcome:
    if understanding.confidence < MIN_OPT_OUT_CONFIDENCE and STOP_QUESTION_FLOW in context.flows.flows:
        return start_flow(context, state, STOP_QUESTION_FLOW)
    return prepend_effect(ChangeConsent("stop", "own words"), start_flow(context, state, STOP_FLOW))


def _ask_topic(context: FlowContext, state: DialogState, understanding: Understanding) -> Outcome:
    """Ask one question with the two or three likeliest topics, or the menu's question if no topic is likely."""
    flow_names = [name for intent in understanding.choices if (name := _find_labeled_flow(context, intent))]
    if not flow_names:
        return start_flow(context, replace(state, unclear=1), UNCLEAR_FLOW)
    answers = {str(number): name for number, name in enumerate(flow_names, 1)}
    waiting_state = FlowState(TOPIC_QUESTION, "which", answers=answers)
    return replace(state, state=waiting_state, unclear=1), (AskTopic(tuple(flow_names)),)


def _find_labeled_flow(context: FlowContext, intent: str) -> str | None:
    """Return the flow of a topic, if it has a label for the list of choices."""
    name = context.flows.find_by_intent(intent)
    if name is None or name == PERSON_FLOW:
        return None
    return name if context.flows.flows[name].label else None


def handle_topic_answer(
    context: FlowContext, state: DialogState, flow_state: FlowState, parsed: ParsedMessage
) -> Outcome:
    """Handle the number of a topic, the last number (a person, or no), or a new text."""
    cleared_state = replace(state, state=None)
    number = parse_number(parsed.text.plain)
    flow_name = flow_state.answers.get(str(number))
    if flow_name in context.flows.flows:
        return start_flow(context, replace(cleared_state, unclear=0), flow_name)
    is_secondary = flow_state.step == "beside"
    if number is None and not (is_secondary and parsed.understanding.intent == "short_reply"):
        return start_topic(context, cleared_state, parsed)
    if is_secondary:
        return cleared_state, (Notice("all_right"),)
    return start_flow(context, replace(cleared_state, unclear=0), PERSON_FLOW)


def queue_secondary_topic(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> DialogState:
    """Queue a second topic of the same message, to offer after an emergency or after the first topic."""
    understanding = parsed.understanding
    is_urgent = understanding.intent in EMERGENCY_INTENTS
    if parsed.command or parsed.is_opted_out or not understanding.secondary_intents or (state.state and not is_urgent):
        return state
    other_intents = [intent for intent in understanding.secondary_intents if intent not in EMERGENCY_INTENTS]
    if not other_intents:
        return state
    return replace(state, later=context.flows.find_by_intent(other_intents[0]))


def remember_emergency(context: FlowContext, outcome: Outcome) -> Outcome:
    """Remember the emergency whose flow just ended, because the family's next messages still belong to it."""
    state, effects = outcome
    topics = [effect.topic for effect in effects if isinstance(effect, Escalation)]
    paged_topics = [topic for topic in topics if topic in EMERGENCY_INTENTS]
    if state.state is not None:
        return replace(state, emergency=None), effects
    if not paged_topics or context.flows.find_by_intent(paged_topics[-1]) is None:
        return outcome
    return replace(state, emergency=paged_topics[-1]), effects


def add_to_emergency(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Send more text after an emergency ("yes, kids are outside") to the same staff, and start no new topic."""
    flow = context.flows.flows[context.flows.find_by_intent(state.emergency) or PERSON_FLOW]
    target = [step.escalate for step in flow.steps.values() if step.escalate][-1]
    addition = mask_pii(parsed.text.raw)[0].strip()[:MAX_ANSWER_CHARACTERS]
    answers = ((ADDITION_KEY, addition),)
    escalation = Escalation(target.to, target.severity, target.about, state.emergency or "", answers)
    return state, (escalation, Notice("added"))


def offer_queued_topic(context: FlowContext, outcome: Outcome) -> Outcome:
    """Offer the second topic after the first one ends."""
    state, effects = outcome
    if state.later is None or state.state is not None or any(isinstance(effect, ChangeConsent) for effect in effects):
        return outcome
    name = state.later
    waiting_state = FlowState(TOPIC_QUESTION, "beside", answers={"1": name})
    return replace(state, state=waiting_state, later=None), (*effects, AskTopic((name,), is_secondary=True))
