"""Within an incident: the next step, the one before, again, an answer kept with its time, the school named later."""

from bot.base.text_normalization import normalise
from bot.cases import notices, staff_conversation
from bot.incidents import command_parser, end, staff_texts, start
from bot.incidents.command_parser import Word
from bot.incidents.start import Wish
from bot.incidents.texts import said
from bot.incidents.transaction import Turn
from bot.messaging.reply_context import understood
from bot.nlu import mask
from bot.store.cases import cases
from bot.store.families import contacts
from bot.store.schools import incidents
from bot.store.schools.incidents import Incident, Person

ABOUT_AGENTS = frozenset({"enforcement_now", "child_alone_now", "family_detained"})
"""Emergencies that this incident is about already; any other one is answered with 911 first."""
ANSWER_CHARACTERS = 1500


def said_in(turn: Turn, incident: Incident, person: Person, text: str, kind: str = "text") -> str:
    """What follows from a text of somebody in an incident."""
    if kind != "text":
        return answer(turn, incident, person, f"[{kind}] {text}".strip(), picture=True)
    word = command_parser.word(text)
    if word in ("next", "again", "back"):
        return show(turn, incident, person, word)
    if word == "over":
        return end.over(turn, incident, person, stop_word=normalise(text) == "end")
    if word == "mistake":
        return end.mistake(turn, incident, person)
    if incident.drill and _is_real(turn, person, text, word):
        begun = command_parser.start(text, _schools(turn))
        where = (begun.school if begun else None) or incident.school
        return start.begin(turn, Wish(person.staff, False, where, person.language))
    school = _school(turn, incident, person, text)
    if school:
        return start.name_school(turn, incident, person, school)
    return answer(turn, incident, person, text)


def _is_real(turn: Turn, person: Person, text: str, word: Word | None) -> bool:
    """In a drill: REAL, or ICE where no step asks for an agency's name (then it asks back, see `_confirmed`)."""
    begun = command_parser.start(text, _schools(turn))
    ice = begun is not None and not begun.drill
    return word == "real" or (ice and (bool(begun and begun.school) or not _waits(turn, person)))


def _waits(turn: Turn, person: Person) -> bool:
    """Whether the step that is shown asks for something that was not answered."""
    answered = incidents.answered(turn.db, person.incident_id, person.staff, person.step)
    return staff_texts.has_ask(turn.protocol, person) and not answered


def _schools(turn: Turn) -> dict[str, str]:
    return {one: school.name for one, school in turn.services.library.district.schools.items()}


def _school(turn: Turn, incident: Incident, person: Person, text: str) -> str | None:
    """The school that a text names while nobody has said it: by name; by number only before the first step."""
    if incident.school is not None:
        return None
    begun = command_parser.start(text, _schools(turn))
    named = begun.school if begun else command_parser.school_named(text, _schools(turn))
    choices, plain = staff_texts.choices(turn.services.library.district, person.staff), text.strip().rstrip(".")
    by_number = person.step == 0 and plain.isdecimal() and len(plain) < 4 and 0 < int(plain) <= len(choices)
    return named or (choices[int(plain) - 1] if by_number else None)


def show(turn: Turn, incident: Incident, person: Person, word: Word) -> str:
    """The step that a word asks for."""
    by = {"next": 1, "back": -1, "again": 0}[word]
    number = max(1, person.step + by)
    language = person.language
    if turn.protocol is None or not incident.steps:
        reply = staff_texts.not_live(turn.services.library.district, turn.at, language)
    elif number > min(incident.steps, len(turn.protocol.steps)):
        reply, number = said("no_more", language), person.step
    else:
        _move(turn, incident, person, number)
        reply = staff_texts.step(turn.protocol, number, language)
    later = [said("school_later", language)] if incident.school is None else []
    reply = staff_texts.mark("\n\n".join([reply, *later]), incident, language, sample=True)
    return turn.write(incident, "step", number if incident.steps else 0, reply)


def _move(turn: Turn, incident: Incident, person: Person, number: int) -> None:
    last = number >= incident.steps
    incidents.move(turn.db, person, number, turn.at if last else None)


def answer(turn: Turn, incident: Incident, person: Person, text: str, picture: bool = False) -> str:
    """Keep it, masked and sealed, with its time; the next step if this one had asked for it."""
    language, district = person.language, turn.services.library.district
    when = staff_texts.clock(district, turn.at, language)
    number, waited = person.step, _waits(turn, person)
    parts = [*_danger(turn, text, language), said("no_picture", language)] if picture else _danger(turn, text, language)
    begun = command_parser.start(text, _schools(turn))
    if incident.drill and begun and not begun.drill:
        parts += [said("really", language)]
    elif waited and turn.protocol and number < incident.steps and not picture:
        number += 1
        _move(turn, incident, person, number)
        parts += [said("kept", language, when=when), staff_texts.step(turn.protocol, number, language)]
    elif number and number < incident.steps:
        parts += [said("kept_more", language, when=when, number=number + 1)]
    else:
        parts += [said("kept", language, when=when)]
    if begun and not begun.drill and not incident.drill:
        _page_if_closed(turn, incident)
    _tell_who_talks(turn, incident)
    reply = staff_texts.mark("\n\n".join(parts), incident, language, sample=number != person.step)
    masked = mask(text)[0].strip()[:ANSWER_CHARACTERS]
    return turn.write(incident, "answer", person.step, reply, masked)


def _danger(turn: Turn, text: str, language: str) -> list[str]:
    """Somebody in danger comes before any protocol (TOPICS.md, rule 2)."""
    read = understood(turn.services.library, text, None)
    other = read.severity == "escalate_now" and read.intent not in ABOUT_AGENTS
    return [said("danger", language)] if other else []


def _page_if_closed(turn: Turn, incident: Incident) -> None:
    """ICE once more in a running incident whose case somebody has closed: the chain is called again."""
    case = cases.find(turn.db, turn.services.database.vault, incident.case_id or 0)
    if case is not None and not case.open:
        start.page_again(turn, incident)


def _tell_who_talks(turn: Turn, incident: Incident) -> None:
    """A principal who wrote to the desk ("42 how many are they?") hears that the desk has written; not what."""
    db, vault, here = turn.db, turn.services.database.vault, turn.services
    case = cases.find(db, vault, incident.case_id or 0)
    if case is None or not case.open or case.claimed_by in (None, turn.staff):
        return
    asked = contacts.get(db, vault, case.contact_id).talking_case == case.id
    if asked and case.claimed_by in here.library.district.staff and staff_conversation.first_in_a_while(here, case.id):
        where = f"{here.settings.public_base}/console/agents/{incident.id}"
        body = f"{here.library.district.name}: the front office has written in case {case.id}. {where}"
        marked = staff_texts.mark(body, incident, "en")
        turn.to_send.append(notices.to_staff(here, db, case.claimed_by or "", marked, turn.at))
