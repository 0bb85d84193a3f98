"""A voice message: nobody here understands it, so a person listens.  Pure.

It joins what is open already; only where nothing is open does it open a case.
"""

from dataclasses import replace

from bot.flows.dialog_state import Heard, Outcome, Talk, World
from bot.flows.effects import Consent, Effect, Escalation, Notice, PassOn, VoiceNote
from bot.flows.topic_routing import MORE
from bot.nlu.intents import EMERGENCIES

AUDIO = "audio"
VOICE = "voice_message"
"""The topic of a case that nothing but a voice message has opened."""
LISTENER = "family_liaison"
ABOUT = "A family sent a voice message: please listen to it"
SPOKE = "[voice message]"
"""What stands with a case where a text would stand."""
SAID, SAID_IN_EMERGENCY = "cannot_read_audio", "voice_urgent"


def with_voice(world: World, talk: Talk, heard: Heard, outcome: Outcome) -> Outcome:
    """The outcome of a message that (also) holds sound: the sound is kept, and somebody is there to listen to it.

    `talk`: where the family stood before.  Who wants no messages gets none, but is not left alone with it.
    """
    if heard.kind != AUDIO:
        return outcome
    state, effects = outcome
    silent = heard.stopped or any(isinstance(one, Consent) and one.kind == "stop" for one in effects)
    asked = _emergency(world, talk)
    person: tuple[Effect, ...] = ()
    if asked and not _pages(effects):
        person = (replace(asked, silent=silent),)
    elif not any(isinstance(one, Escalation | PassOn) for one in effects):
        person = (Escalation(LISTENER, "follow_up", ABOUT, VOICE, joins=True, silent=silent),)
    return state, (VoiceNote(), *person, *_said(effects, bool(asked), silent))


def _pages(effects: tuple[Effect, ...]) -> bool:
    return any(isinstance(one, Escalation) and one.topic in EMERGENCIES for one in effects)


def _said(effects: tuple[Effect, ...], urgent: bool, silent: bool) -> tuple[Effect, ...]:
    """What the family hears of it: once, and in an emergency without a day by which somebody listens."""
    said = Notice(SAID_IN_EMERGENCY if urgent else SAID)
    if Notice(SAID) in effects:
        return tuple(said if one == Notice(SAID) else one for one in effects)
    return effects if silent else (said, *effects)


def _emergency(world: World, talk: Talk) -> Escalation | None:
    """The people of the emergency whose question waits, or has just been answered."""
    name = talk.state.flow if talk.state else world.flows.for_intent(talk.emergency)
    flow = world.flows.flows.get(name or "")
    topic = flow.start_on.intents[0] if flow and flow.start_on.intents else ""
    if flow is None or topic not in EMERGENCIES:
        return None
    asked = [step.escalate for step in flow.steps.values() if step.escalate]
    if not asked:
        return None
    return Escalation(asked[-1].to, asked[-1].severity, asked[-1].about, topic, ((MORE, SPOKE),))
