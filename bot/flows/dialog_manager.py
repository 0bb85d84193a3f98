"""One turn of a conversation, from what was understood to what is to be done.  Pure.

The order is a promise (design): commands ▸ emergencies ▸ the step that waits ▸ a person who talks ▸ topic.
"""

from dataclasses import replace

from bot.base.text_normalization import NO_TEXT, normalize_text
from bot.flows.choice_matching import is_unambiguous, parse_number
from bot.flows.commands import Command
from bot.flows.dialog_state import (
    DialogState,
    FlowContext,
    Outcome,
    ParsedMessage,
    follow_flows,
    prepend_effect,
    prepend_effects,
    start_flow,
)
from bot.flows.effects import (
    AskLanguage,
    ChangeConsent,
    Effect,
    EraseFamily,
    Escalation,
    ForwardToStaff,
    Notice,
    SetAttribute,
    SetLanguage,
)
from bot.flows.engine import FlowState, TurnInput, advance, build_question, find_open_question
from bot.flows.model import Step
from bot.flows.topic_routing import (
    PERSON_FLOW,
    STOP_FLOW,
    TOPIC_QUESTION,
    add_to_emergency,
    handle_topic_answer,
    offer_queued_topic,
    queue_secondary_topic,
    remember_emergency,
    start_topic,
)
from bot.flows.voice_messages import AUDIO_KIND, add_voice_effects
from bot.nlu.intents import SEVERITY_BY_INTENT
from bot.pii.masking import mask_pii

EMERGENCY_SEVERITY = "escalate_now"
MIN_LANGUAGE_CONFIDENCE = 0.8
"""Below this the first message is answered with the list of languages (dependencies.md: language identification)."""
MIN_LIKELY_LANGUAGE_CONFIDENCE = 0.6
"""From here an emergency or a command of somebody new is answered in the language that it seems to be in."""
MIN_TOPIC_CONFIDENCE = 0.85
"""From here a message that fits no choice of the waiting question starts its own topic instead of a retry."""
SMALL_TALK_INTENTS = frozenset(
    {"greeting_identity", "short_reply", "out_of_scope", "restricted_request", "fear_attendance", "mental_health"}
)
"""After an emergency "did somebody go?" is no greeting and "I'm scared" no new topic, whatever they sound like."""
MENU_FLOW, HELP_FLOW, START_FLOW = "menu", "help", "start"
ERASE_FLOW, ERASED_FLOW, PRIVACY_FLOW = "erase_me", "erased", "privacy"
LANGUAGE_SET_FLOW = "language_set"
JOIN_FLOW, JOINED_FLOW = "join", "joined"
COMMANDS_AFTER_OPT_OUT = frozenset({"start", "join", "erase", "privacy"})
"""Commands by which somebody who stopped comes back, or asks what becomes of what it told."""
FLOWS_AFTER_OPT_OUT = frozenset({ERASE_FLOW, PRIVACY_FLOW})
"""Flows whose question somebody who stopped has asked for, and whose answer is read."""
NEXT_FLOW_KEY = "flow"
"""The key of `Talk.held` that names the flow which goes on once the language is chosen."""
LANGUAGE_QUESTION = "ask_language"
"""The state's flow while the list of languages waits for an answer; no file has a flow of this name."""


def take_turn(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """The family's next state, and all that this message asks to be done.  Never raises, whatever was written."""
    if parsed.twilio_opt:
        return _handle_twilio_opt(state, parsed)
    turn_outcome = _handle_message(context, queue_secondary_topic(context, state, parsed), parsed)
    if parsed.kind == AUDIO_KIND:
        turn_outcome = add_voice_effects(context, state, parsed, turn_outcome)
    outcome = offer_queued_topic(context, remember_emergency(context, turn_outcome))
    return _add_privacy_notice(outcome, parsed)


def _add_privacy_notice(outcome: Outcome, parsed: ParsedMessage) -> Outcome:
    """Once a conversation, and not in an emergency, which has more to say: papers and numbers need not be told."""
    state, effects = outcome
    should_skip = (
        state.told_private or parsed.is_opted_out or parsed.understanding.severity == EMERGENCY_SEVERITY or not effects
    )
    if should_skip or not parsed.has_unneeded_pii or state.language is None:
        return outcome
    return replace(state, told_private=True), (*effects[:-1], Notice("status_not_needed"), effects[-1])


def _handle_message(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    is_emergency = parsed.understanding.severity == EMERGENCY_SEVERITY
    if parsed.command and not (parsed.is_opted_out and parsed.command.kind not in COMMANDS_AFTER_OPT_OUT):
        outcome = _run_command(context, state, parsed, parsed.command)
        if outcome:
            return outcome
    if is_emergency:
        outcome = _handle_emergency(context, state, parsed)
        return prepend_effect(ForwardToStaff(), outcome) if parsed.is_talking_to_staff else outcome
    if parsed.is_opted_out and not (is_in_emergency(context, state) or _is_allowed_after_opt_out(state)):
        return state, (ForwardToStaff(),) if parsed.is_talking_to_staff else ()
    if not parsed.text.raw.strip() and parsed.payload is None:
        outcome = _reply_to_unreadable(state, parsed)
        return prepend_effect(ForwardToStaff(), outcome) if parsed.is_talking_to_staff else outcome
    if parsed.is_talking_to_staff and state.state is None:
        return state, (ForwardToStaff(),)
    outcome = _route_message(context, state, parsed)
    return prepend_effect(ForwardToStaff(), outcome) if parsed.is_talking_to_staff else outcome


def _handle_twilio_opt(state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Advanced Opt-Out: Twilio itself has answered STOP, START or HELP; a second answer would be one too many."""
    kind = parsed.twilio_opt
    if kind == "STOP":
        return replace(state, state=None), (ChangeConsent("stop", "twilio"),)
    return state, (ChangeConsent("start", "twilio"),) if kind == "START" else ()


def _run_command(context: FlowContext, state: DialogState, parsed: ParsedMessage, command: Command) -> Outcome | None:
    """A command's outcome; None where the word is no command here (START of somebody who never stopped)."""
    if command.kind == "join":
        return _join_school(context, state, parsed, command.argument)
    if command.kind == "check":
        return None  # without a code that is known (bot/announcements/verification.py) it is an ordinary message
    state = _ensure_language(state, parsed)
    if command.kind == "stop":
        return prepend_effect(ChangeConsent("stop", "word"), start_flow(context, replace(state, held={}), STOP_FLOW))
    if command.kind == "start":
        if not parsed.is_opted_out:
            return None
        return prepend_effect(ChangeConsent("start", "word"), start_flow(context, state, START_FLOW))
    if command.kind == "choose_language":
        return _ask_language(state, {})
    if command.kind == "language" and command.lang in (*context.languages, *context.other_languages):
        return _change_language(context, state, parsed, command.lang)
    if command.kind == "language":
        return start_flow(context, state, "language_interpreter")
    flows = {"help": HELP_FLOW, "person": PERSON_FLOW, "menu": MENU_FLOW, "erase": ERASE_FLOW, "privacy": PRIVACY_FLOW}
    return start_flow(context, replace(state, unclear=0), flows[command.kind])


def _join_school(context: FlowContext, state: DialogState, parsed: ParsedMessage, school_name: str) -> Outcome | None:
    """ "JOIN Lincoln": messages of this school from now on; None where what follows the word is no school."""
    school = _find_school(context, school_name)
    if parsed.understanding.severity == EMERGENCY_SEVERITY or (school_name and school is None):
        return None
    consent: tuple[Effect, ...] = (ChangeConsent("joined", "word"),)
    join_effects = (*consent, SetAttribute("school", school)) if school else consent
    flow = JOINED_FLOW if school else JOIN_FLOW
    if state.language is None and not _is_language_known(context, parsed):
        asked_state, effects = _ask_language(state, {NEXT_FLOW_KEY: flow})
        return asked_state, (*join_effects, *effects)
    known_state = state if state.language else replace(state, language=parsed.understanding.lang)
    settled_effects = join_effects if state.language else (*join_effects, SetLanguage(known_state.language or "en"))
    return follow_flows(context, replace(known_state, unclear=0), FlowState(flow), settled_effects)


def _find_school(context: FlowContext, school_name: str) -> str | None:
    """The one school whose name holds all these words."""
    words = set(school_name.split())
    matches = [
        school_id for school_id, name in context.schools.items() if words and words <= set(normalize_text(name).split())
    ]
    return matches[0] if len(matches) == 1 else None


def _handle_emergency(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """The emergency's own flow at once; an answer to its question that sounds like the emergency is still an answer."""
    name = context.flows.find_by_intent(parsed.understanding.intent)
    known_state = _ensure_language(state, parsed)
    if name is None:
        return start_flow(context, known_state, PERSON_FLOW)
    if state.state and state.state.flow == name and not parsed.is_opted_out:
        return _handle_answer(context, known_state, parsed)
    if is_in_emergency(context, state) and parsed.understanding.confidence < MIN_TOPIC_CONFIDENCE:
        return _append_pages(context, parsed, _handle_answer(context, known_state, parsed), name)
    return _append_pages(context, parsed, start_flow(context, replace(known_state, unclear=0, held={}), name))


def _append_pages(
    context: FlowContext, parsed: ParsedMessage, outcome: Outcome, extra_flow: str | None = None
) -> Outcome:
    """Two emergencies in one message: the first leads the conversation, the people of the others are paged too.

    `beside`: the flow of one that was heard in the answer to another's question ("no, I am alone").
    """
    flow_names = [
        extra_flow,
        *(context.flows.find_by_intent(intent) for intent in parsed.understanding.secondary_intents),
    ]
    pages: list[Effect] = []
    for name in flow_names:
        _, effects = start_flow(context, DialogState(), name) if name else (None, ())
        pages += [effect for effect in effects if isinstance(effect, Escalation)]
    return outcome[0], (*outcome[1], *pages)


def is_in_emergency(context: FlowContext, state: DialogState) -> bool:
    """Whether an emergency's question is open: its answer is read even after STOP (TOPICS.md, hard rule 11)."""
    flow = context.flows.flows.get(state.state.flow) if state.state else None
    return flow is not None and any(
        SEVERITY_BY_INTENT.get(intent) == EMERGENCY_SEVERITY for intent in flow.start_on.intents
    )


def _is_allowed_after_opt_out(state: DialogState) -> bool:
    return state.state is not None and state.state.flow in FLOWS_AFTER_OPT_OUT


def _reply_to_unreadable(state: DialogState, parsed: ParsedMessage) -> Outcome:
    """A voice note (a person listens: `voice.py`), a picture, a place …: what we can't do with it, and how to go on."""
    next_state = state if state.language else replace(state, state=FlowState(LANGUAGE_QUESTION, "open"))
    language_effects = () if state.language else (AskLanguage(),)
    kind = "unknown" if parsed.kind == "text" else parsed.kind  # a text of nothing but blanks
    return next_state, (Notice(f"cannot_read_{kind}"), *language_effects)


def _route_message(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    if state.state and state.state.flow == LANGUAGE_QUESTION:
        return _handle_language_answer(context, state, parsed)
    if (state.language is None or state.guessed) and _is_language_known(context, parsed):
        return _settle_language(context, state, parsed)
    if state.language is None:
        return _ask_language(state, _list_intents_by_language(context, parsed))
    return _continue_dialog(context, state, parsed)


def _settle_language(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    language = parsed.understanding.lang or "en"
    known_state = replace(state, language=language, guessed=False, held={})
    return prepend_effect(SetLanguage(language), _continue_dialog(context, known_state, parsed))


def _continue_dialog(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    if state.state and state.state.flow == TOPIC_QUESTION:
        return handle_topic_answer(context, state, state.state, parsed)
    if state.state:
        return _handle_answer(context, state, parsed)
    is_small_talk = parsed.understanding.intent in SMALL_TALK_INTENTS
    if state.emergency and parsed.payload is None and (is_small_talk or not _is_clear_topic(context, parsed)):
        return add_to_emergency(context, state, parsed)
    return start_topic(context, replace(state, emergency=None), parsed)


def _handle_answer(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """The waiting step first; where the text fits none of its choices but clearly is a topic, that topic."""
    flow_state = state.state
    flow = context.flows.flows.get(flow_state.flow) if flow_state else None
    if flow_state is None or flow is None:
        return start_topic(context, replace(state, state=None), parsed)
    step = find_open_question(flow, flow_state)
    if step is None:
        return _restart_flow(context, state, parsed, flow.flow)
    masked_text = "" if step.choices else mask_pii(parsed.text.raw)[0]
    if not step.choices and not step.answer and _is_graver_topic(context, parsed, flow.flow):
        return start_topic(context, replace(state, state=None), parsed)
    turn_input = replace(
        context.build_input(state.language), text=parsed.text, masked_text=masked_text, payload=parsed.payload
    )
    next_flow_state, effects = advance(flow, flow_state, turn_input)
    is_understood = next_flow_state is None or next_flow_state.tries == 0
    if not is_understood and _is_clear_topic(context, parsed) and not _is_topic_of(context, parsed, flow.flow):
        return start_topic(context, replace(state, state=None), parsed)
    if next_flow_state and next_flow_state.flow == ERASED_FLOW:
        return _confirm_erasure(context, state, parsed, step, turn_input)
    if next_flow_state and next_flow_state.flow == STOP_FLOW:
        return prepend_effect(ChangeConsent("stop", "own words"), start_flow(context, state, STOP_FLOW))
    return follow_flows(
        context, replace(state, unclear=0 if is_understood else state.unclear), next_flow_state, effects
    )


def _confirm_erasure(
    context: FlowContext, state: DialogState, parsed: ParsedMessage, step: Step, turn_input: TurnInput
) -> Outcome:
    """What cannot be undone is done only where the answer leaves no doubt; else it is asked again."""
    flow, flow_state = context.flows.flows[ERASE_FLOW], state.state
    yes_choice = next(name for name, choice in step.choices.items() if choice.go == ERASED_FLOW)
    if (
        flow
        and flow_state
        and is_unambiguous(parsed.text, parsed.payload, yes_choice, step.choices, turn_input.translate)
    ):
        return prepend_effect(
            EraseFamily(), start_flow(context, replace(state, held={}, later=None, emergency=None), ERASED_FLOW)
        )
    return follow_flows(context, state, *advance(flow, flow_state, replace(turn_input, text=NO_TEXT, payload=None)))


def _restart_flow(context: FlowContext, state: DialogState, parsed: ParsedMessage, flow: str) -> Outcome:
    """The flow was changed and no longer has the question that waited: politely from its beginning."""
    cleared_state = replace(state, state=None)
    if _is_clear_topic(context, parsed):
        return start_topic(context, cleared_state, parsed)
    return prepend_effect(Notice("flow_changed"), start_flow(context, cleared_state, flow))


def _is_clear_topic(context: FlowContext, parsed: ParsedMessage) -> bool:
    understanding = parsed.understanding
    if context.flows.find_by_words(parsed.text):
        return True
    has_flow = context.flows.find_by_intent(understanding.intent) is not None
    return has_flow and understanding.intent != "short_reply" and understanding.confidence >= MIN_TOPIC_CONFIDENCE


def _is_graver_topic(context: FlowContext, parsed: ParsedMessage, flow: str) -> bool:
    """ "ICE took my husband" answers no open question about the day of an absence."""
    is_grave = parsed.understanding.severity == "escalate_day" and parsed.understanding.intent != "restricted_request"
    return is_grave and _is_clear_topic(context, parsed) and not _is_topic_of(context, parsed, flow)


def _is_topic_of(context: FlowContext, parsed: ParsedMessage, flow: str) -> bool:
    """ "He has a fever", where the reason for an absence was asked, is not a new absence."""
    return context.flows.find_by_intent(parsed.understanding.intent) == flow


def _list_intents_by_language(context: FlowContext, parsed: ParsedMessage) -> dict[str, str]:
    """What a message would mean in each language; most mean something in one or two."""
    intents = {language: context.understand(parsed.text, language).intent for language in context.languages}
    return {language: intent for language, intent in intents.items() if intent}


def _ask_language(state: DialogState, held_topics: dict[str, str]) -> Outcome:
    return replace(state, state=FlowState(LANGUAGE_QUESTION, "open"), held=held_topics), (AskLanguage(),)


def _handle_language_answer(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """The answer is a number of the list, or (names are commands) another text whose language shows."""
    number = parse_number(parsed.text.plain)
    if number is not None and 1 <= number <= len(context.languages):
        return _change_language(context, state, parsed, context.languages[number - 1])
    if number is None and _is_language_known(context, parsed):
        return _settle_language(context, replace(state, state=None), parsed)
    return _ask_language(state, state.held)


def _change_language(context: FlowContext, state: DialogState, parsed: ParsedMessage, language: str) -> Outcome:
    """Confirm in the new language, then take up what was open: the question that waits, or the first message."""
    was_asked = state.state is not None and state.state.flow == LANGUAGE_QUESTION
    next_state = replace(state, language=language, guessed=False, held={}, state=None if was_asked else state.state)
    _, confirm_effects = start_flow(context, next_state, LANGUAGE_SET_FLOW)
    effects: tuple[Effect, ...] = (SetLanguage(language), *confirm_effects)
    flow = context.flows.flows.get(next_state.state.flow) if next_state.state else None
    step = find_open_question(flow, next_state.state) if flow and next_state.state else None
    if step and next_state.state:
        return next_state, (*effects, build_question(step, next_state.state.answers, context.schools))
    next_flow = state.held.get(NEXT_FLOW_KEY) or context.flows.find_by_intent(state.held.get(language))
    return prepend_effects(effects, start_flow(context, next_state, next_flow or MENU_FLOW))


def _is_language_known(context: FlowContext, parsed: ParsedMessage) -> bool:
    understanding = parsed.understanding
    return understanding.lang in context.languages and understanding.lang_confidence >= MIN_LANGUAGE_CONFIDENCE


def _ensure_language(state: DialogState, parsed: ParsedMessage) -> DialogState:
    """Emergencies and commands are answered at once: in the stored language, else the likeliest, else English."""
    understanding = parsed.understanding
    likely_language = understanding.lang if understanding.lang_confidence >= MIN_LIKELY_LANGUAGE_CONFIDENCE else None
    return state if state.language else replace(state, language=likely_language or "en", guessed=True)
