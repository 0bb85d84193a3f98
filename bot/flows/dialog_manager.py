"""One turn of a conversation, from what was understood to what is to be done.  Pure.

The order is a promise (design): commands ▸ emergencies ▸ the step that waits ▸ a person who talks ▸ topic.
"""

from dataclasses import replace

from bot.base.text_normalization import normalise
from bot.flows.choice_matching import means_plainly, number_in
from bot.flows.commands import Command
from bot.flows.dialog_state import Heard, Outcome, Talk, World, append, follow, prepend, start_flow
from bot.flows.effects import AskLanguage, Consent, Effect, Erase, Escalation, Notice, PassOn, SetLanguage, SetNote
from bot.flows.engine import Input, State, advance, ask, waits_for
from bot.flows.model import Step
from bot.flows.topic_routing import (
    ASKED_FOR_TOPIC,
    PERSON,
    STOP,
    add_to_emergency,
    offer_later,
    remember_emergency,
    remember_later,
    start_topic,
    topic_was_asked,
)
from bot.flows.voice_messages import with_voice
from bot.nlu.intents import SEVERITY
from bot.pii.masking import mask

EMERGENCY = "escalate_now"
SURE_OF_LANGUAGE = 0.8
"""Below this the first message is answered with the list of languages (dependencies.md: language identification)."""
LIKELY_LANGUAGE = 0.6
"""From here an emergency or a command of somebody new is answered in the language that it seems to be in."""
SURE_OF_TOPIC = 0.85
"""From here a message that fits no choice of the waiting question starts its own topic instead of a retry."""
SMALL_TALK = frozenset(
    {"greeting_identity", "short_reply", "out_of_scope", "restricted_request", "fear_attendance", "mental_health"}
)
"""After an emergency "did somebody go?" is no greeting and "I'm scared" no new topic, whatever they sound like."""
MENU, HELP, START = "menu", "help", "start"
ERASE, ERASED, PRIVACY = "erase_me", "erased", "privacy"
LANGUAGE_SET = "language_set"
JOIN, JOINED = "join", "joined"
EVEN_AFTER_STOP = frozenset({"start", "join", "erase", "privacy"})
"""Commands by which somebody who stopped comes back, or asks what becomes of what it told."""
ASKED_AFTER_STOP = frozenset({ERASE, PRIVACY})
"""Flows whose question somebody who stopped has asked for, and whose answer is read."""
AFTER_LANGUAGE = "flow"
"""The key of `Talk.held` that names the flow which goes on once the language is chosen."""
ASKED_FOR_LANGUAGE = "ask_language"
"""The state's flow while the list of languages waits for an answer; no file has a flow of this name."""


def take_turn(world: World, talk: Talk, heard: Heard) -> Outcome:
    """The family's next state, and all that this message asks to be done.  Never raises, whatever was written."""
    if heard.twilio_opt:
        return _twilio_has_answered(talk, heard)
    turned = with_voice(world, talk, heard, _turn(world, remember_later(world, talk, heard), heard))
    outcome = offer_later(world, remember_emergency(world, turned))
    return _say_what_is_not_needed(outcome, heard)


def _say_what_is_not_needed(outcome: Outcome, heard: Heard) -> Outcome:
    """Once a conversation, and not in an emergency, which has more to say: papers and numbers need not be told."""
    talk, effects = outcome
    quiet = talk.told_private or heard.stopped or heard.understood.severity == EMERGENCY or not effects
    if quiet or not heard.volunteered or talk.language is None:
        return outcome
    return replace(talk, told_private=True), (*effects[:-1], Notice("status_not_needed"), effects[-1])


def _turn(world: World, talk: Talk, heard: Heard) -> Outcome:
    emergency = heard.understood.severity == EMERGENCY
    if heard.command and not (heard.stopped and heard.command.kind not in EVEN_AFTER_STOP):
        outcome = _obey(world, talk, heard, heard.command)
        if outcome:
            return outcome
    if emergency:
        outcome = _emergency(world, talk, heard)
        return prepend(PassOn(), outcome) if heard.talking else outcome
    if heard.stopped and not (in_emergency(world, talk) or _asked_after_stop(talk)):
        return talk, (PassOn(),) if heard.talking else ()
    if not heard.text.strip() and heard.payload is None:
        outcome = _cannot_read(talk, heard)
        return prepend(PassOn(), outcome) if heard.talking else outcome
    if heard.talking and talk.state is None:
        return talk, (PassOn(),)
    outcome = _converse(world, talk, heard)
    return prepend(PassOn(), outcome) if heard.talking else outcome


def _twilio_has_answered(talk: Talk, heard: Heard) -> Outcome:
    """Advanced Opt-Out: Twilio itself has answered STOP, START or HELP; a second answer would be one too many."""
    kind = heard.twilio_opt
    if kind == "STOP":
        return replace(talk, state=None), (Consent("stop", "twilio"),)
    return talk, (Consent("start", "twilio"),) if kind == "START" else ()


def _obey(world: World, talk: Talk, heard: Heard, command: Command) -> Outcome | None:
    """A command's outcome; None where the word is no command here (START of somebody who never stopped)."""
    if command.kind == "join":
        return _join(world, talk, heard, command.rest)
    if command.kind == "check":
        return None  # without a code that is known (bot/announcements/verification.py) it is an ordinary message
    talk = _with_a_language(talk, heard)
    if command.kind == "stop":
        return prepend(Consent("stop", "word"), start_flow(world, replace(talk, held={}), STOP))
    if command.kind == "start":
        if not heard.stopped:
            return None
        return prepend(Consent("start", "word"), start_flow(world, talk, START))
    if command.kind == "choose_language":
        return _ask_language(talk, {})
    if command.kind == "language" and command.lang in (*world.languages, *world.others):
        return _change_language(world, talk, heard, command.lang)
    if command.kind == "language":
        return start_flow(world, talk, "language_interpreter")
    flows = {"help": HELP, "person": PERSON, "menu": MENU, "erase": ERASE, "privacy": PRIVACY}
    return start_flow(world, replace(talk, unclear=0), flows[command.kind])


def _join(world: World, talk: Talk, heard: Heard, named: str) -> Outcome | None:
    """ "JOIN Lincoln": messages of this school from now on; None where what follows the word is no school."""
    school = _school_named(world, named)
    if heard.understood.severity == EMERGENCY or (named and school is None):
        return None
    consent: tuple[Effect, ...] = (Consent("joined", "word"),)
    joined = (*consent, SetNote("school", school)) if school else consent
    flow = JOINED if school else JOIN
    if talk.language is None and not _knows_language(world, heard):
        asked, effects = _ask_language(talk, {AFTER_LANGUAGE: flow})
        return asked, (*joined, *effects)
    known = talk if talk.language else replace(talk, language=heard.understood.lang)
    settled = joined if talk.language else (*joined, SetLanguage(known.language or "en"))
    return follow(world, replace(known, unclear=0), State(flow), settled)


def _school_named(world: World, named: str) -> str | None:
    """The one school whose name holds all these words."""
    words = set(named.split())
    found = [one for one, name in world.schools.items() if words and words <= set(normalise(name).split())]
    return found[0] if len(found) == 1 else None


def _emergency(world: World, talk: Talk, heard: Heard) -> Outcome:
    """The emergency's own flow at once; an answer to its question that sounds like the emergency is still an answer."""
    name = world.flows.for_intent(heard.understood.intent)
    before = _with_a_language(talk, heard)
    if name is None:
        return start_flow(world, before, PERSON)
    if talk.state and talk.state.flow == name and not heard.stopped:
        return _answer(world, before, heard)
    if in_emergency(world, talk) and heard.understood.confidence < SURE_OF_TOPIC:
        return _append_pages(world, heard, _answer(world, before, heard), name)
    return _append_pages(world, heard, start_flow(world, replace(before, unclear=0, held={}), name))


def _append_pages(world: World, heard: Heard, outcome: Outcome, beside: str | None = None) -> Outcome:
    """Two emergencies in one message: the first leads the conversation, the people of the others are paged too.

    `beside`: the flow of one that was heard in the answer to another's question ("no, I am alone").
    """
    others = [beside, *(world.flows.for_intent(intent) for intent in heard.understood.also)]
    pages: list[Effect] = []
    for name in others:
        _, effects = start_flow(world, Talk(), name) if name else (None, ())
        pages += [effect for effect in effects if isinstance(effect, Escalation)]
    return outcome[0], (*outcome[1], *pages)


def in_emergency(world: World, talk: Talk) -> bool:
    """Whether an emergency's question is open: its answer is read even after STOP (TOPICS.md, hard rule 11)."""
    flow = world.flows.flows.get(talk.state.flow) if talk.state else None
    return flow is not None and any(SEVERITY.get(intent) == EMERGENCY for intent in flow.start_on.intents)


def _asked_after_stop(talk: Talk) -> bool:
    return talk.state is not None and talk.state.flow in ASKED_AFTER_STOP


def _cannot_read(talk: Talk, heard: Heard) -> Outcome:
    """A voice note (a person listens: `voice.py`), a picture, a place …: what we can't do with it, and how to go on."""
    talk_ = talk if talk.language else replace(talk, state=State(ASKED_FOR_LANGUAGE, "open"))
    extra = () if talk.language else (AskLanguage(),)
    kind = "unknown" if heard.kind == "text" else heard.kind  # a text of nothing but blanks
    return talk_, (Notice(f"cannot_read_{kind}"), *extra)


def _converse(world: World, talk: Talk, heard: Heard) -> Outcome:
    if talk.state and talk.state.flow == ASKED_FOR_LANGUAGE:
        return _language_was_asked(world, talk, heard)
    if (talk.language is None or talk.guessed) and _knows_language(world, heard):
        return _settle_language(world, talk, heard)
    if talk.language is None:
        return _ask_language(talk, _hold(world, heard))
    return _go_on(world, talk, heard)


def _settle_language(world: World, talk: Talk, heard: Heard) -> Outcome:
    language = heard.understood.lang or "en"
    known = replace(talk, language=language, guessed=False, held={})
    return prepend(SetLanguage(language), _go_on(world, known, heard))


def _go_on(world: World, talk: Talk, heard: Heard) -> Outcome:
    if talk.state and talk.state.flow == ASKED_FOR_TOPIC:
        return topic_was_asked(world, talk, talk.state, heard)
    if talk.state:
        return _answer(world, talk, heard)
    small = heard.understood.intent in SMALL_TALK
    if talk.emergency and heard.payload is None and (small or not _is_clear_topic(world, heard)):
        return add_to_emergency(world, talk, heard)
    return start_topic(world, replace(talk, emergency=None), heard)


def _answer(world: World, talk: Talk, heard: Heard) -> Outcome:
    """The waiting step first; where the text fits none of its choices but clearly is a topic, that topic."""
    state = talk.state
    flow = world.flows.flows.get(state.flow) if state else None
    if state is None or flow is None:
        return start_topic(world, replace(talk, state=None), heard)
    step = waits_for(flow, state)
    if step is None:
        return _start_again(world, talk, heard, flow.flow)
    kept = "" if step.choices else mask(heard.text)[0]
    if not step.choices and not step.answer and _is_graver_topic(world, heard, flow.flow):
        return start_topic(world, replace(talk, state=None), heard)
    given = replace(world.given(talk.language), text=heard.text, kept=kept, payload=heard.payload)
    after, effects = advance(flow, state, given)
    understood = after is None or after.tries == 0
    if not understood and _is_clear_topic(world, heard) and not _is_topic_of(world, heard, flow.flow):
        return start_topic(world, replace(talk, state=None), heard)
    if after and after.flow == ERASED:
        return _erase(world, talk, heard, step, given)
    if after and after.flow == STOP:
        return prepend(Consent("stop", "own words"), start_flow(world, talk, STOP))
    return follow(world, replace(talk, unclear=0 if understood else talk.unclear), after, effects)


def _erase(world: World, talk: Talk, heard: Heard, step: Step, given: Input) -> Outcome:
    """What cannot be undone is done only where the answer leaves no doubt; else it is asked again."""
    flow, state = world.flows.flows[ERASE], talk.state
    yes = next(name for name, choice in step.choices.items() if choice.go == ERASED)
    if flow and state and means_plainly(heard.text, heard.payload, yes, step.choices, given.read):
        return prepend(Erase(), start_flow(world, replace(talk, held={}, later=None, emergency=None), ERASED))
    return follow(world, talk, *advance(flow, state, replace(given, text="", payload=None)))


def _start_again(world: World, talk: Talk, heard: Heard, flow: str) -> Outcome:
    """The flow was changed and no longer has the question that waited: politely from its beginning."""
    fresh = replace(talk, state=None)
    if _is_clear_topic(world, heard):
        return start_topic(world, fresh, heard)
    return prepend(Notice("flow_changed"), start_flow(world, fresh, flow))


def _is_clear_topic(world: World, heard: Heard) -> bool:
    understood = heard.understood
    if world.flows.for_words(heard.text):
        return True
    known = world.flows.for_intent(understood.intent) is not None
    return known and understood.intent != "short_reply" and understood.confidence >= SURE_OF_TOPIC


def _is_graver_topic(world: World, heard: Heard, flow: str) -> bool:
    """ "ICE took my husband" answers no open question about the day of an absence."""
    grave = heard.understood.severity == "escalate_day" and heard.understood.intent != "restricted_request"
    return grave and _is_clear_topic(world, heard) and not _is_topic_of(world, heard, flow)


def _is_topic_of(world: World, heard: Heard, flow: str) -> bool:
    """ "He has a fever", where the reason for an absence was asked, is not a new absence."""
    return world.flows.for_intent(heard.understood.intent) == flow


def _hold(world: World, heard: Heard) -> dict[str, str]:
    """What a message would mean in each language; most mean something in one or two."""
    meant = {language: world.understand(heard.text, language).intent for language in world.languages}
    return {language: intent for language, intent in meant.items() if intent}


def _ask_language(talk: Talk, held: dict[str, str]) -> Outcome:
    return replace(talk, state=State(ASKED_FOR_LANGUAGE, "open"), held=held), (AskLanguage(),)


def _language_was_asked(world: World, talk: Talk, heard: Heard) -> Outcome:
    """The answer is a number of the list, or (names are commands) another text whose language shows."""
    number = number_in(normalise(heard.text))
    if number is not None and 1 <= number <= len(world.languages):
        return _change_language(world, talk, heard, world.languages[number - 1])
    if number is None and _knows_language(world, heard):
        return _settle_language(world, replace(talk, state=None), heard)
    return _ask_language(talk, talk.held)


def _change_language(world: World, talk: Talk, heard: Heard, language: str) -> Outcome:
    """Confirm in the new language, then take up what was open: the question that waits, or the first message."""
    asked = talk.state is not None and talk.state.flow == ASKED_FOR_LANGUAGE
    changed = replace(talk, language=language, guessed=False, held={}, state=None if asked else talk.state)
    _, confirmed = start_flow(world, changed, LANGUAGE_SET)
    effects: tuple[Effect, ...] = (SetLanguage(language), *confirmed)
    flow = world.flows.flows.get(changed.state.flow) if changed.state else None
    step = waits_for(flow, changed.state) if flow and changed.state else None
    if step and changed.state:
        return changed, (*effects, ask(step, changed.state.answers, world.schools))
    held = talk.held.get(AFTER_LANGUAGE) or world.flows.for_intent(talk.held.get(language))
    return append(effects, start_flow(world, changed, held or MENU))


def _knows_language(world: World, heard: Heard) -> bool:
    understood = heard.understood
    return understood.lang in world.languages and understood.lang_confidence >= SURE_OF_LANGUAGE


def _with_a_language(talk: Talk, heard: Heard) -> Talk:
    """Emergencies and commands are answered at once: in the stored language, else the likeliest, else English."""
    understood = heard.understood
    likely = understood.lang if understood.lang_confidence >= LIKELY_LANGUAGE else None
    return talk if talk.language else replace(talk, language=likely or "en", guessed=True)
