"""Handle texts within an incident: show a step, record an answer with its time, or set the school."""

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
"""The emergencies that the incident is about. Any other emergency gets the 911 text first."""
MAX_INCIDENT_ANSWER_LENGTH = 1500


def handle_text(
    turn: IncidentTurn, incident: Incident, person: IncidentParticipant, text: str, kind: str = "text"
) -> str:
    """Run the command in the text of a participant, or record the text as an answer. Return the reply."""
    if kind != "text":
        return record_answer(turn, incident, person, f"[{kind}] {text}".strip(), is_media=True)
    command = command_parser.parse_command(text)
    if command in ("next", "again", "back"):
        return show_step(turn, incident, person, command)
    if command == "over":
        return end.end_as_over(turn, incident, person, is_stop_word=normalize_text(text) == "end")
    if command == "mistake":
        return end.end_as_mistake(turn, incident, person)
    if incident.drill and _is_declared_real(turn, person, text, command):
        start_command = command_parser.parse_start(text, _get_school_names(turn))
        school = (start_command.school if start_command else None) or incident.school
        return start.start_in_turn(turn, IncidentRequest(person.staff, False, school, person.language))
    named_school = _find_named_school(turn, incident, person, text)
    if named_school:
        return start.set_school(turn, incident, person, named_school)
    return record_answer(turn, incident, person, text)


def _is_declared_real(
    turn: IncidentTurn, person: IncidentParticipant, text: str, command: IncidentCommand | None
) -> bool:
    """Say whether a text in a drill reports real agents.

    REAL does. ICE does too, unless the step asks for the name of an agency. Then `record_answer` asks back.
    """
    if command == "real":
        return True
    start_command = command_parser.parse_start(text, _get_school_names(turn))
    if start_command is None or start_command.is_drill:
        return False
    return bool(start_command.school) or not _is_answer_expected(turn, person)


def _is_answer_expected(turn: IncidentTurn, person: IncidentParticipant) -> bool:
    """Say whether the current step asks something that has no answer yet."""
    has_answer = incidents.has_answered_step(turn.db, person.incident_id, person.staff, person.step)
    return staff_texts.has_question(turn.protocol, person) and not has_answer


def _get_school_names(turn: IncidentTurn) -> dict[str, str]:
    return {school_id: school.name for school_id, school in turn.runtime.library.district.schools.items()}


def _find_named_school(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, text: str) -> str | None:
    """Return the school that a text names, while it is unknown. A number counts only before the first step."""
    if incident.school is not None:
        return None
    names = _get_school_names(turn)
    start_command = command_parser.parse_start(text, names)
    named_school = start_command.school if start_command else command_parser.find_named_school(text, names)
    if named_school:
        return named_school
    choices = staff_texts.list_possible_schools(turn.runtime.library.district, person.staff)
    plain = text.strip().rstrip(".")
    if person.step == 0 and plain.isdecimal() and len(plain) < 4 and 0 < int(plain) <= len(choices):
        return choices[int(plain) - 1]
    return None


def show_step(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, command: IncidentCommand) -> str:
    """Return the step that a command asks for."""
    number = max(1, person.step + {"next": 1, "back": -1, "again": 0}[command])
    language = person.language
    if turn.protocol is None or not incident.steps:
        parts = [staff_texts.build_not_live_text(turn.runtime.library.district, turn.at, language)]
    elif number > min(incident.steps, len(turn.protocol.steps)):
        parts, number = [format_text("no_more", language)], person.step
    else:
        _move_to_step(turn, incident, person, number)
        parts = [staff_texts.build_step_text(turn.protocol, number, language)]
    if incident.school is None:
        parts.append(format_text("school_later", language))
    reply = staff_texts.add_incident_labels("\n\n".join(parts), incident, language, is_sample=True)
    return turn.record_entry(incident, "step", number if incident.steps else 0, reply)


def _move_to_step(turn: IncidentTurn, incident: Incident, person: IncidentParticipant, number: int) -> None:
    done_at = None
    if number >= incident.steps:
        done_at = turn.at
    incidents.set_participant_step(turn.db, person, number, done_at)


def record_answer(
    turn: IncidentTurn, incident: Incident, person: IncidentParticipant, text: str, is_media: bool = False
) -> str:
    """Record an answer with its time, masked and encrypted. If the step asked for it, show the next step."""
    language = person.language
    when = staff_texts.format_clock_time(turn.runtime.library.district, turn.at, language)
    number, was_expected = person.step, _is_answer_expected(turn, person)
    parts = _build_danger_warning(turn, text, language)
    if is_media:
        parts.append(format_text("no_picture", language))
    start_command = command_parser.parse_start(text, _get_school_names(turn))
    is_real_start = start_command is not None and not start_command.is_drill
    if incident.drill and is_real_start:
        parts.append(format_text("really", language))
    elif was_expected and turn.protocol and number < incident.steps and not is_media:
        number += 1
        _move_to_step(turn, incident, person, number)
        parts.append(format_text("kept", language, when=when))
        parts.append(staff_texts.build_step_text(turn.protocol, number, language))
    elif number and number < incident.steps:
        parts.append(format_text("kept_more", language, when=when, number=number + 1))
    else:
        parts.append(format_text("kept", language, when=when))
    if is_real_start and not incident.drill:
        _page_if_closed(turn, incident)
    _notify_assignee(turn, incident)
    reply = staff_texts.add_incident_labels("\n\n".join(parts), incident, language, is_sample=number != person.step)
    masked = mask_pii(text)[0].strip()[:MAX_INCIDENT_ANSWER_LENGTH]
    return turn.record_entry(incident, "answer", person.step, reply, masked)


def _build_danger_warning(turn: IncidentTurn, text: str, language: str) -> list[str]:
    """Return the 911 text for a person in danger, which comes before any protocol (TOPICS.md, rule 2)."""
    understanding = understand_text(turn.runtime.library, NormalizedText(text), None)
    is_other_emergency = understanding.severity == "escalate_now" and understanding.intent not in AGENT_TOPICS
    if not is_other_emergency:
        return []
    return [format_text("danger", language)]


def _page_if_closed(turn: IncidentTurn, incident: Incident) -> None:
    """Alert the chain again when somebody texts ICE in an incident whose case is resolved."""
    case = cases.find(turn.db, incident.case_id or 0)
    if case is not None and not case.is_open:
        start.page_staff_again(turn, incident)


def _notify_assignee(turn: IncidentTurn, incident: Incident) -> None:
    """Tell a principal who wrote to the front office ("42 how many are they?") that it answered, but not what."""
    runtime, db = turn.runtime, turn.db
    district, case = runtime.library.district, cases.find(db, incident.case_id or 0)
    if case is None or not case.is_open or case.claimed_by in (None, turn.staff):
        return
    if contacts.get(db, case.contact_id).active_case_id != case.id or case.claimed_by not in district.staff:
        return
    if staff_conversation.claim_staff_notice(runtime, case.id):
        url = f"{runtime.settings.public_base}/console/agents/{incident.id}"
        body = f"{district.name}: the front office has written in case {case.id}. {url}"
        labeled_body = staff_texts.add_incident_labels(body, incident, "en")
        turn.delivery_ids.append(notices.plan_staff_notice(runtime, db, case.claimed_by, labeled_body, turn.at))
