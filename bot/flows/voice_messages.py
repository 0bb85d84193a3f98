"""A voice message: nobody here understands it, so a person listens.  Pure.

It joins what is open already; only where nothing is open does it open a case.
"""

from dataclasses import replace

from bot.flows.dialog_state import DialogState, FlowContext, Outcome, ParsedMessage
from bot.flows.effects import ChangeConsent, Effect, Escalation, ForwardToStaff, Notice, SaveVoiceNote
from bot.flows.topic_routing import ADDITION_KEY
from bot.nlu.intents import EMERGENCY_INTENTS

AUDIO_KIND = "audio"
VOICE_TOPIC = "voice_message"
"""The topic of a case that nothing but a voice message has opened."""
LISTENER_ROLE = "family_liaison"
VOICE_CASE_SUMMARY = "A family sent a voice message: please listen to it"
VOICE_MESSAGE_MARK = "[voice message]"
"""What stands with a case where a text would stand."""
VOICE_NOTICE, EMERGENCY_VOICE_NOTICE = "cannot_read_audio", "voice_urgent"


def add_voice_effects(context: FlowContext, state: DialogState, parsed: ParsedMessage, outcome: Outcome) -> Outcome:
    """The outcome of a message that (also) holds sound: the sound is kept, and somebody is there to listen to it.

    `talk`: where the family stood before.  Who wants no messages gets none, but is not left alone with it.
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
        person_effects = (
            Escalation(
                LISTENER_ROLE,
                "follow_up",
                VOICE_CASE_SUMMARY,
                VOICE_TOPIC,
                should_join_open_case=True,
                is_silent=is_silent,
            ),
        )
    return next_state, (SaveVoiceNote(), *person_effects, *_add_voice_notice(effects, bool(escalation), is_silent))


def _has_emergency_page(effects: tuple[Effect, ...]) -> bool:
    return any(isinstance(effect, Escalation) and effect.topic in EMERGENCY_INTENTS for effect in effects)


def _add_voice_notice(effects: tuple[Effect, ...], is_urgent: bool, is_silent: bool) -> tuple[Effect, ...]:
    """What the family hears of it: once, and in an emergency without a day by which somebody listens."""
    notice = Notice(EMERGENCY_VOICE_NOTICE if is_urgent else VOICE_NOTICE)
    if Notice(VOICE_NOTICE) in effects:
        return tuple(notice if effect == Notice(VOICE_NOTICE) else effect for effect in effects)
    return effects if is_silent else (notice, *effects)


def _build_emergency_escalation(context: FlowContext, state: DialogState) -> Escalation | None:
    """The people of the emergency whose question waits, or has just been answered."""
    name = state.state.flow if state.state else context.flows.find_by_intent(state.emergency)
    flow = context.flows.flows.get(name or "")
    topic = flow.start_on.intents[0] if flow and flow.start_on.intents else ""
    if flow is None or topic not in EMERGENCY_INTENTS:
        return None
    targets = [step.escalate for step in flow.steps.values() if step.escalate]
    if not targets:
        return None
    return Escalation(
        targets[-1].to, targets[-1].severity, targets[-1].about, topic, ((ADDITION_KEY, VOICE_MESSAGE_MARK),)
    )
