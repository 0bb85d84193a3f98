"""Ask one question when a message may report an emergency, before Puente pages staff. Pure.

Each question is a flow with `start_on: {suspected: [...]}`. Its timeout pages staff if the family doesn't answer.
"""

from dataclasses import replace

from bot.flows.dialog_state import DialogState, FlowContext, Outcome, ParsedMessage, prepend_effects, start_flow
from bot.flows.effects import ChangeConsent


def ask_about_suspicion(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome | None:
    """Start the question about the suspected emergency. Return None if no flow asks about it.

    The topic of the message waits. It starts if the family says that no one is in danger.
    """
    name = context.flows.find_by_suspicion(parsed.understanding.suspected_intent)
    if name is None:
        return None
    if is_checking(context, state):
        return _page_suspicion(context, state, parsed)
    later = context.flows.find_by_intent(parsed.understanding.intent)
    return start_flow(context, replace(state, unclear=0, held={}, later=later), name)


def _page_suspicion(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome | None:
    """Start the emergency's flow: a second message of this kind answers the question with yes."""
    name = context.flows.find_by_intent(parsed.understanding.suspected_intent)
    return start_flow(context, replace(state, later=None), name) if name else None


def is_checking(context: FlowContext, state: DialogState) -> bool:
    """Return whether the open question asks about a suspected emergency."""
    flow = context.flows.flows.get(state.state.flow) if state.state else None
    return flow is not None and bool(flow.start_on.suspected)


def continue_after_check(context: FlowContext, earlier: DialogState, outcome: Outcome) -> Outcome:
    """Start the topic of the message after the family said that no one is in danger."""
    state, effects = outcome
    has_ended = is_checking(context, earlier) and state.state is None
    if not has_ended or state.later is None or any(isinstance(effect, ChangeConsent) for effect in effects):
        return outcome
    return prepend_effects(effects, start_flow(context, replace(state, later=None), state.later))
