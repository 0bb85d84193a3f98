"""Turn one understood message into the next dialog state and its effects. Pure.

The order is fixed: commands, emergencies, the open question, staff who talk with the family, then topics.
"""

from dataclasses import replace

from bot.base.text_normalization import NO_TEXT, normalize_text
from bot.flows.choice_matching import is_unambiguous, match_choice, parse_number
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
from bot.flows.model import Flow, Step
from bot.flows.quotations import UNSPOKEN_KINDS
from bot.flows.suspicion import ask_about_suspicion, continue_after_check, is_checking
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
"""Below this confidence, Puente answers the first message with the list of languages."""
MIN_LIKELY_LANGUAGE_CONFIDENCE = 0.6
"""From this confidence, Puente answers the emergency or command of a new family in the detected language."""
MIN_TOPIC_CONFIDENCE = 0.85
"""From this confidence, a message that fits no choice of the open question starts its own topic instead of a retry."""
SMALL_TALK_INTENTS = frozenset(
    {"greeting_identity", "short_reply", "out_of_scope", "restricted_request", "fear_attendance", "mental_health"}
)
"""After an emergency, messages with these intents still belong to it. "Did somebody go?" is then no greeting, and "I'm
scared" is no new topic."""
MENU_FLOW, HELP_FLOW, START_FLOW = "menu", "help", "start"
ERASE_FLOW, ERASED_FLOW, PRIVACY_FLOW = "erase_me", "erased", "privacy"
LANGUAGE_SET_FLOW = "language_set"
JOIN_FLOW, JOINED_FLOW = "join", "joined"
COMMANDS_AFTER_OPT_OUT = frozenset({"start", "join", "erase", "privacy"})
"""Commands that work after an opt-out: to start again, or to ask what Puente stores."""
FLOWS_AFTER_OPT_OUT = frozenset({ERASE_FLOW, PRIVACY_FLOW})
"""Flows that a family can start after an opt-out, so Puente reads the answers to their questions."""
NEXT_FLOW_KEY = "flow"
"""The key of `DialogState.held` with the flow that starts after the family chooses a language."""
LANGUAGE_QUESTION = "ask_language"
"""The flow name in the state while the list of languages waits for an answer. No file has a flow of this name."""


def take_turn(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Return the next dialog state and the effects of this message. Never raises, whatever the message contains."""
    if parsed.twilio_opt:
        return _handle_twilio_opt(state, parsed)
    if parsed.kind in UNSPOKEN_KINDS:
        return _handle_unspoken(state, parsed)
    turn_outcome = _handle_message(context, queue_secondary_topic(context, state, parsed), parsed)
    turn_outcome = continue_after_check(context, state, turn_outcome)
    if parsed.kind == AUDIO_KIND:
        turn_outcome = add_voice_effects(context, state, parsed, turn_outcome)
    outcome = offer_queued_topic(context, remember_emergency(context, turn_outcome))
    return _add_privacy_notice(outcome, parsed)


def _add_privacy_notice(outcome: Outcome, parsed: ParsedMessage) -> Outcome:
    """Add the notice that papers and numbers aren't needed, once in a conversation and never in an emergency."""
    state, effects = outcome
    should_skip = (
        state.told_private or parsed.is_opted_out or parsed.understanding.severity == EMERGENCY_SEVERITY or not effects
    )
    if should_skip or not parsed.has_unneeded_pii or state.language is None:
        return outcome
    return replace(state, told_private=True), (*effects[:-1], Notice("status_not_needed"), effects[-1])


def _handle_unspoken(state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Stay silent. Staff who write with the family see a reaction, because it can be an answer to them."""
    if parsed.kind == "reaction" and parsed.is_talking_to_staff:
        return state, (ForwardToStaff(),)
    return state, ()


def _handle_message(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    if parsed.command and not (parsed.is_opted_out and parsed.command.kind not in COMMANDS_AFTER_OPT_OUT):
        outcome = _run_command(context, state, parsed, parsed.command)
        if outcome:
            return outcome
    outcome = _handle_text(context, state, parsed)
    if parsed.is_talking_to_staff:
        return prepend_effect(ForwardToStaff(), outcome)
    return outcome


def _handle_text(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    if parsed.understanding.severity == EMERGENCY_SEVERITY:
        return _handle_emergency(context, state, parsed)
    if parsed.understanding.page == "ask" and (outcome := _handle_suspicion(context, state, parsed)):
        return outcome
    if parsed.is_opted_out and not (is_in_emergency(context, state) or _is_allowed_after_opt_out(state)):
        return state, ()
    if not parsed.text.raw.strip() and parsed.payload is None:
        return _reply_to_unreadable(state, parsed)
    if parsed.is_talking_to_staff and state.state is None:
        return state, ()
    return _route_message(context, state, parsed)


def _handle_twilio_opt(state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Record an opt-out or opt-in without a reply, because Twilio Advanced Opt-Out has already replied."""
    kind = parsed.twilio_opt
    if kind == "STOP":
        return replace(state, state=None), (ChangeConsent("stop", "twilio"),)
    if kind == "START":
        return state, (ChangeConsent("start", "twilio"),)
    return state, ()


def _run_command(context: FlowContext, state: DialogState, parsed: ParsedMessage, command: Command) -> Outcome | None:
    """Return the outcome of a command, or None if it does nothing here (START without an opt-out)."""
    if command.kind == "join":
        return _join_school(context, state, parsed, command.argument)
    if command.kind == "check":
        return None  # bot/announcements/verification.py answers existing codes; without one it's an ordinary message
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
    """Run "JOIN Lincoln": subscribe the family to the messages of a school.

    Return None if the text after the command names no school.
    """
    school = _find_school(context, school_name)
    if parsed.understanding.severity == EMERGENCY_SEVERITY or (school_name and school is None):
        return None
    join_effects: tuple[Effect, ...] = (ChangeConsent("joined", "word"),)
    flow = JOIN_FLOW
    if school:
        join_effects, flow = (*join_effects, SetAttribute("school", school)), JOINED_FLOW
    if state.language is None and not _is_language_known(context, parsed):
        return prepend_effects(join_effects, _ask_language(state, {NEXT_FLOW_KEY: flow}))
    if not state.language:
        state = replace(state, language=parsed.understanding.lang)
        join_effects = (*join_effects, SetLanguage(state.language or "en"))
    return follow_flows(context, replace(state, unclear=0), FlowState(flow), join_effects)


def _find_school(context: FlowContext, school_name: str) -> str | None:
    """Return the only school whose name contains all these words."""
    words = set(school_name.split())
    matches = [
        school_id for school_id, name in context.schools.items() if words and words <= set(normalize_text(name).split())
    ]
    if len(matches) == 1:
        return matches[0]
    return None


def _handle_emergency(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Start the flow of the emergency at once.

    If the family already answers that flow, a text that sounds like the same emergency is still an answer.
    """
    name = context.flows.find_by_intent(parsed.understanding.intent)
    known_state = _ensure_language(state, parsed)
    if name is None:
        return start_flow(context, known_state, PERSON_FLOW)
    if state.state and state.state.flow == name and not parsed.is_opted_out:
        return _handle_answer(context, known_state, parsed)
    if is_in_emergency(context, state) and parsed.understanding.confidence < MIN_TOPIC_CONFIDENCE:
        return _append_pages(context, parsed, _handle_answer(context, known_state, parsed), name)
    return _append_pages(context, parsed, start_flow(context, replace(known_state, unclear=0, held={}), name))


def _handle_suspicion(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome | None:
    """Ask about a suspected emergency. Return None if someone already reads along, or if the text is an answer.

    A family that opted out gets no question, so Puente pages staff instead.
    """
    if parsed.is_talking_to_staff or is_in_emergency(context, state) or state.emergency:
        return None
    if _is_answer_to_choices(context, state, parsed):
        return None
    known_state = _ensure_language(state, parsed)
    if not parsed.is_opted_out:
        return ask_about_suspicion(context, known_state, parsed)
    name = context.flows.find_by_intent(parsed.understanding.suspected_intent)
    return start_flow(context, replace(known_state, unclear=0, held={}), name) if name else None


def _is_answer_to_choices(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> bool:
    """Return whether the text clearly names one choice of the open question."""
    flow = _find_open_flow(context, state)
    step = find_open_question(flow, state.state) if flow and state.state else None
    if step is None or not step.choices:
        return False
    translate = context.build_input(state.language).translate
    return match_choice(parsed.text, parsed.payload, step.choices, translate) is not None


def _append_pages(
    context: FlowContext, parsed: ParsedMessage, outcome: Outcome, extra_flow: str | None = None
) -> Outcome:
    """Page the staff of the other emergencies in the message.

    The first emergency leads the conversation.

    `extra_flow`: the flow of an emergency that Puente found in the answer to another emergency ("no, I am alone").
    """
    secondary_flows = (context.flows.find_by_intent(intent) for intent in parsed.understanding.secondary_intents)
    pages: list[Effect] = []
    for name in (extra_flow, *secondary_flows):
        if name:
            _, effects = start_flow(context, DialogState(), name)
            pages += [effect for effect in effects if isinstance(effect, Escalation)]
    return outcome[0], (*outcome[1], *pages)


def is_in_emergency(context: FlowContext, state: DialogState) -> bool:
    """Return whether a question of an emergency is open.

    Puente reads its answer even after STOP (TOPICS.md, hard rule 11).
    """
    flow = _find_open_flow(context, state)
    return flow is not None and any(
        SEVERITY_BY_INTENT.get(intent) == EMERGENCY_SEVERITY for intent in flow.start_on.intents
    )


def _find_open_flow(context: FlowContext, state: DialogState) -> Flow | None:
    if state.state is None:
        return None
    return context.flows.flows.get(state.state.flow)


def _is_allowed_after_opt_out(state: DialogState) -> bool:
    return state.state is not None and state.state.flow in FLOWS_AFTER_OPT_OUT


def _reply_to_unreadable(state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Say that Puente can't read a voice note, picture, or place, and how the family can continue."""
    kind = "unknown" if parsed.kind == "text" else parsed.kind  # a text of only blanks
    notice = Notice(f"cannot_read_{kind}")
    if state.language:
        return state, (notice,)
    return replace(state, state=FlowState(LANGUAGE_QUESTION, "open")), (notice, AskLanguage())


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
    """Match the text with the open question first.

    If the text fits no choice and is clearly about another topic, start that topic.
    """
    flow_state = state.state
    flow = _find_open_flow(context, state)
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
    is_other_topic = _is_clear_topic(context, parsed) and not _is_topic_of(context, parsed, flow.flow)
    if not is_understood and is_other_topic and not is_checking(context, state):
        return start_topic(context, replace(state, state=None), parsed)
    if next_flow_state and next_flow_state.flow == ERASED_FLOW:
        return _confirm_erasure(context, state, parsed, step, turn_input)
    if next_flow_state and next_flow_state.flow == STOP_FLOW:
        return prepend_effect(ChangeConsent("stop", "own words"), start_flow(context, state, STOP_FLOW))
    if is_understood:
        state = replace(state, unclear=0)
    return follow_flows(context, state, next_flow_state, effects)


def _confirm_erasure(
    context: FlowContext, state: DialogState, parsed: ParsedMessage, step: Step, turn_input: TurnInput
) -> Outcome:
    """Erase the family only after an unambiguous answer, because nobody can undo it. Otherwise ask again."""
    flow, flow_state = context.flows.flows[ERASE_FLOW], state.state
    yes_choice = next(name for name, choice in step.choices.items() if choice.go == ERASED_FLOW)
    is_confirmed = is_unambiguous(parsed.text, parsed.payload, yes_choice, step.choices, turn_input.translate)
    if flow and flow_state and is_confirmed:
        cleared_state = replace(state, held={}, later=None, emergency=None)
        return prepend_effect(EraseFamily(), start_flow(context, cleared_state, ERASED_FLOW))
    return follow_flows(context, state, *advance(flow, flow_state, replace(turn_input, text=NO_TEXT, payload=None)))


def _restart_flow(context: FlowContext, state: DialogState, parsed: ParsedMessage, flow: str) -> Outcome:
    """Restart a flow that changed and no longer has the open question."""
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
    """Return whether a free answer reports something grave instead.

    "ICE took my husband" doesn't answer the question about the day of an absence.
    """
    is_grave = parsed.understanding.severity == "escalate_day" and parsed.understanding.intent != "restricted_request"
    return is_grave and _is_clear_topic(context, parsed) and not _is_topic_of(context, parsed, flow)


def _is_topic_of(context: FlowContext, parsed: ParsedMessage, flow: str) -> bool:
    """Return whether the message is about the topic of this flow.

    "He has a fever" as the reason of an absence doesn't report a new absence.
    """
    return context.flows.find_by_intent(parsed.understanding.intent) == flow


def _list_intents_by_language(context: FlowContext, parsed: ParsedMessage) -> dict[str, str]:
    """Return the intent of the message in each language in which it has one, usually one or two languages."""
    intents = {language: context.understand(parsed.text, language).intent for language in context.languages}
    return {language: intent for language, intent in intents.items() if intent}


def _ask_language(state: DialogState, held_topics: dict[str, str]) -> Outcome:
    return replace(state, state=FlowState(LANGUAGE_QUESTION, "open"), held=held_topics), (AskLanguage(),)


def _handle_language_answer(context: FlowContext, state: DialogState, parsed: ParsedMessage) -> Outcome:
    """Handle a number of the list of languages, or another text with a clear language.

    The names of languages are commands, so they don't reach this function.
    """
    number = parse_number(parsed.text.plain)
    if number is not None and 1 <= number <= len(context.languages):
        return _change_language(context, state, parsed, context.languages[number - 1])
    if number is None and _is_language_known(context, parsed):
        return _settle_language(context, replace(state, state=None), parsed)
    return _ask_language(state, state.held)


def _change_language(context: FlowContext, state: DialogState, parsed: ParsedMessage, language: str) -> Outcome:
    """Confirm in the new language, then continue with the open question or the first message."""
    was_asked = state.state is not None and state.state.flow == LANGUAGE_QUESTION
    next_state = replace(state, language=language, guessed=False, held={}, state=None if was_asked else state.state)
    _, confirm_effects = start_flow(context, next_state, LANGUAGE_SET_FLOW)
    effects: tuple[Effect, ...] = (SetLanguage(language), *confirm_effects)
    flow = _find_open_flow(context, next_state)
    if flow and next_state.state and (step := find_open_question(flow, next_state.state)):
        return next_state, (*effects, build_question(step, next_state.state.answers, context.schools))
    next_flow = state.held.get(NEXT_FLOW_KEY) or context.flows.find_by_intent(state.held.get(language))
    return prepend_effects(effects, start_flow(context, next_state, next_flow or MENU_FLOW))


def _is_language_known(context: FlowContext, parsed: ParsedMessage) -> bool:
    understanding = parsed.understanding
    return understanding.lang in context.languages and understanding.lang_confidence >= MIN_LANGUAGE_CONFIDENCE


def _ensure_language(state: DialogState, parsed: ParsedMessage) -> DialogState:
    """Set the language for the answer to an emergency or command: stored, else likely, else English."""
    understanding = parsed.understanding
    if state.language:
        return state
    language = "en"
    if understanding.lang and understanding.lang_confidence >= MIN_LIKELY_LANGUAGE_CONFIDENCE:
        language = understanding.lang
    return replace(state, language=language, guessed=True)
