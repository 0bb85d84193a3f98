"""Within an incident: the next step, the one before, again, an answer kept with its time, the school named later."""

from bot.base.text_normalization import NormalizedText, normalize_text
from bot.cases import notices, staff_conversation
from bot.incidents import command_parser, end, staff_texts, start
from bot.incidents.command_parser import IncidentCommand
from bot.incidents.start import IncidentRequest
from bot.incidents.texts import format_text
from bot.incidents.transaction import IncidentTurn
from bot.messaging.reply_context import understand_text
from bot.nlu import mask_pii
from bot.store.cases import cases
from bot.store.families import contacts
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, IncidentParticipant

AGENT_TOPICS = frozenset({"enforcement_now", "child_alone_now", "family_detained"})
"""Emergencies that this incident is about already; any other one is answered with 911 first."""
MAX_INCIDENT_ANSWER_LENGTH = 1500


def handle_text(
    turn: IncidentTurn, incident: Incident, person: IncidentParticipant, text: str, kind: str = "text"
) -> str:
    """What follows from a text of somebody in an incident."""
    if kind != "text":
        return record_answer(turn, incident, person, f"[{kind}] {text}".strip(), is_media=True)
    word = command_parser.parse_command(text)
    if word in ("next", "again", "back"):
        return show_step(turn, incident, person, word)
    if word == "over":
        return end.end_as_over(turn, incident, person, is_stop_word=normalize_text(text) == "end")
    if word == "mistake":
        return end.end_as_mistake(turn, incident, person)
    if incident.drill and _is_declared_real(turn, person, text, word):
        begun = command_parser.parse_start(text, _get_school_names(turn))
        where = (begun.school if begun else None) or incident.school
        return start.start_in_turn(turn, IncidentRequest(person.staff, False, where, person.language))
    school = _find_named_school(turn, incident, person, text)
    if school:
        return start.set_school(turn, incident, person, school)
    return record_answer(turn, incident, person, text)


def _is_declared_real(
    turn: IncidentTurn, person: IncidentParticipant, text: str, command: IncidentCommand | None
) -> bool:
    """In a drill: REAL, or ICE where no step asks for an agency's name (then it asks back, see `_confirmed`)."""
    begun = command_parser.parse_start(text, _get_school_names(turn))
    ice = begun is not None and not begun.is_drill
    return command == "real" or (ice and (bool(begun and begun.school) or not _is_answer_expected(turn, person)))


def _is_answer_expected(turn: IncidentTurn, person: IncidentParticipant) -> bool:
    """Whether the step that is shown asks for something that was not answered."""
    answered = incidents.has_answered_step(turn.db, person.incident_id, person.staff, person.step)
    return staff_texts.has_question(turn.protocol, person) and not answered


def _get_school_names(turn: IncidentTurn) -> dict[str, str]:
    return {one: school.name for one, school in turn.runtime.library.district.schools.items()}


def _find_named_school(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, text: str) -> str | None:
    """The school that a text names while nobody has said it: by name; by number only before the first step."""
    if incident.school is not None:
        return None
    begun = command_parser.parse_start(text, _get_school_names(turn))
    named = begun.school if begun else command_parser.find_named_school(text, _get_school_names(turn))
    choices, plain = (
        staff_texts.list_possible_schools(turn.runtime.library.district, person.staff),
        text.strip().rstrip("."),
    )
    by_number = person.step == 0 and plain.isdecimal() and len(plain) < 4 and 0 < int(plain) <= len(choices)
    return named or (choices[int(plain) - 1] if by_number else None)


def show_step(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, command: IncidentCommand) -> str:
    """The step that a word asks for."""
    by = {"next": 1, "back": -1, "again": 0}[command]
    number = max(1, person.step + by)
    language = person.language
    if turn.protocol is None or not incident.steps:
        reply = staff_texts.build_not_live_text(turn.runtime.library.district, turn.at, language)
    elif number > min(incident.steps, len(turn.protocol.steps)):
        reply, number = format_text("no_more", language), person.step
    else:
        _move_to_step(turn, incident, person, number)
        reply = staff_texts.build_step_text(turn.protocol, number, language)
    later = [format_text("school_later", language)] if incident.school is None else []
    reply = staff_texts.add_incident_labels("\n\n".join([reply, *later]), incident, language, is_sample=True)
    return turn.record_entry(incident, "step", number if incident.steps else 0, reply)


def _move_to_step(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, number: int) -> None:
    last = number >= incident.steps
    incidents.set_participant_step(turn.db, person, number, turn.at if last else None)


def record_answer(
    turn: IncidentTurn, incident: Incident, person: IncidentParticipant, text: str, is_media: bool = False
) -> str:
    """Keep it, masked and sealed, with its time; the next step if this one had asked for it."""
    language, district = person.language, turn.runtime.library.district
    when = staff_texts.format_clock_time(district, turn.at, language)
    number, waited = person.step, _is_answer_expected(turn, person)
    parts = (
        [*_build_danger_warning(turn, text, language), format_text("no_picture", language)]
        if is_media
        else _build_danger_warning(turn, text, language)
    )
    begun = command_parser.parse_start(text, _get_school_names(turn))
    if incident.drill and begun and not begun.is_drill:
        parts += [format_text("really", language)]
    elif waited and turn.protocol and number < incident.steps and not is_media:
        number += 1
        _move_to_step(turn, incident, person, number)
        parts += [
            format_text("kept", language, when=when),
            staff_texts.build_step_text(turn.protocol, number, language),
        ]
    elif number and number < incident.steps:
        parts += [format_text("kept_more", language, when=when, number=number + 1)]
    else:
        parts += [format_text("kept", language, when=when)]
    if begun and not begun.is_drill and not incident.drill:
        _page_if_closed(turn, incident)
    _notify_assignee(turn, incident)
    reply = staff_texts.add_incident_labels("\n\n".join(parts), incident, language, is_sample=number != person.step)
    masked = mask_pii(text)[0].strip()[:MAX_INCIDENT_ANSWER_LENGTH]
    return turn.record_entry(incident, "answer", person.step, reply, masked)


def _build_danger_warning(turn: IncidentTurn, text: str, language: str) -> list[str]:
    """Somebody in danger comes before any protocol (TOPICS.md, rule 2)."""
    read = understand_text(turn.runtime.library, NormalizedText(text), None)
    other = read.severity == "escalate_now" and read.intent not in AGENT_TOPICS
    return [format_text("danger", language)] if other else []


def _page_if_closed(turn: IncidentTurn, incident: Incident) -> None:
    """ICE once more in a running incident whose case somebody has closed: the chain is called again."""
    case = cases.find(turn.db, incident.case_id or 0)
    if case is not None and not case.is_open:
        start.page_staff_again(turn, incident)


def _notify_assignee(turn: IncidentTurn, incident: Incident) -> None:
    """A principal who wrote to the desk ("42 how many are they?") hears that the desk has written; not what."""
    db, here = turn.db, turn.runtime
    case = cases.find(db, incident.case_id or 0)
    if case is None or not case.is_open or case.claimed_by in (None, turn.staff):
        return
    asked = contacts.get(db, case.contact_id).talking_case == case.id
    if (
        asked
        and case.claimed_by in here.library.district.staff
        and staff_conversation.claim_staff_notice(here, case.id)
    ):
        where = f"{here.settings.public_base}/console/agents/{incident.id}"
        body = f"{here.library.district.name}: the front office has written in case {case.id}. {where}"
        marked = staff_texts.add_incident_labels(body, incident, "en")
        turn.delivery_ids.append(notices.plan_staff_notice(here, db, case.claimed_by or "", marked, turn.at))
