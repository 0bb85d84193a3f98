"""Handle voice notes. Puente doesn't understand them, so a person listens. Pure.

A voice note joins an open emergency or case. Puente opens a new case only if the family has none.
"""

from dataclasses import replace

from bot.flows.dialog_state import DialogState, FlowContext, Outcome, ParsedMessage
from bot.flows.effects import ChangeConsent, Effect, Escalation, ForwardToStaff, Notice, SaveVoiceNote
from bot.flows.topic_routing import ADDITION_KEY
from bot.nlu.intents import EMERGENCY_INTENTS

AUDIO_KIND = "audio"
VOICE_TOPIC = "voice_message"
"""The topic of a case that only a voice note opened."""
LISTENER_ROLE = "family_liaison"
VOICE_CASE_SUMMARY = "A family sent a voice message: please listen to it"
VOICE_MESSAGE_MARK = "[voice message]"
"""The text of a voice note in a case."""
VOICE_NOTICE, EMERGENCY_VOICE_NOTICE = "cannot_read_audio", "voice_urgent"


def add_voice_effects(context: FlowContext, state: DialogState, parsed: ParsedMessage, outcome: Outcome) -> Outcome:
    """Add the effects that save the voice note of a message and ask a person to listen to it.

    `state` is the state before this message. A family that opted out gets no reply, but a person still listens.
    """
    next_state, effects = outcome
    is_silent = parsed.is_opted_out or any(
        isinstance(effect, ChangeConsent) and effect.kind == "stop" for effect in effects
    )
    escalation = _build_emergency_escalation(context, state)
    person_effects: tuple[Effect, ...] = ()
    if escalation and not _has_emergency_page(effects):
        person_effects = (replace(escalation, is_silent=is_silent),)
    elif not any(isinstance(effect, Escalation | ForwardToStaff) for effect in effects):
        voice_case = Escalation(LISTENER_ROLE, "follow_up", VOICE_CASE_SUMMARY, VOICE_TOPIC, should_join_open_case=True)
        person_effects = (replace(voice_case, is_silent=is_silent),)
    return next_state, (SaveVoiceNote(), *person_effects, *_add_voice_notice(effects, bool(escalation), is_silent))


def _has_emergency_page(effects: tuple[Effect, ...]) -> bool:
    return any(isinstance(effect, Escalation) and effect.topic in EMERGENCY_INTENTS for effect in effects)


def _add_voice_notice(effects: tuple[Effect, ...], is_urgent: bool, is_silent: bool) -> tuple[Effect, ...]:
    """Add the notice about the voice note once. In an emergency, the notice names no day."""
    notice = Notice(EMERGENCY_VOICE_NOTICE if is_urgent else VOICE_NOTICE)
    if Notice(VOICE_NOTICE) in effects:
        return tuple(notice if effect == Notice(VOICE_NOTICE) else effect for effect in effects)
    if is_silent:
        return effects
    return (notice, *effects)


def _build_emergency_escalation(context: FlowContext, state: DialogState) -> Escalation | None:
    """Build the escalation to the staff of the emergency whose question is open or was just answered."""
    name = state.state.flow if state.state else context.flows.find_by_intent(state.emergency)
    flow = context.flows.flows.get(name or "")
    if flow is None or not flow.start_on.intents:
        return None
    topic = flow.start_on.intents[0]
    targets = [step.escalate for step in flow.steps.values() if step.escalate]
    if topic not in EMERGENCY_INTENTS or not targets:
        return None
    target = targets[-1]
    return Escalation(target.to, target.severity, target.about, topic, ((ADDITION_KEY, VOICE_MESSAGE_MARK),))
