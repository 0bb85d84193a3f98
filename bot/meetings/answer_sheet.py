"""The sheet of answers in the families' languages: drafted by sentence, and told only as a person has approved it.

Approved sentences stand among the approved phrases, as those of announcements do: no family reads a machine's answer
to a question about agents or papers, and a sentence that was changed is English again until somebody looks at it.
"""

from collections.abc import Iterable
from dataclasses import replace

from sqlalchemy.engine import Connection

from bot.announcements.text import sentences
from bot.announcements.translation_drafts import CannotApprove, kept_words
from bot.base.queues import TRANSLATE_SHEET, enqueue
from bot.meetings.texts import SOURCE
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import approved_phrases
from bot.store.announcements.approved_phrases import Phrase
from bot.store.announcements.translations import Part, Review
from bot.store.meetings import meetings
from bot.store.meetings.meetings import Gathering


def parts_of(gathering: Gathering) -> tuple[Part, ...]:
    """The title, then each sentence of the sheet."""
    return (Part(gathering.title, after="\n"), *(sentences(gathering.sheet) if gathering.sheet else ()))


def title_in(db: Connection, gathering: Gathering, language: str) -> str | None:
    """The title as a person has approved it; None: there is only the English."""
    return approved_phrases.find(db, SOURCE, language, gathering.title)


def sheet_in(db: Connection, gathering: Gathering, language: str) -> str | None:
    """The whole sheet as a person has approved it; None while one sentence is missing: half a text misleads."""
    said = [(approved_phrases.find(db, SOURCE, language, part.english), part.after) for part in parts_of(gathering)[1:]]
    if not said or any(wording is None for wording, _ in said):
        return None
    return "".join(f"{wording}{after}" for wording, after in said).strip()


def languages_of(services: Services, gathering: Gathering) -> dict[str, bool]:
    """Each language of the district but English → whether its families read the sheet in it."""
    others = [one for one in services.library.district.languages if one != SOURCE]
    with services.database.read() as db:
        return {one: sheet_in(db, gathering, one) is not None for one in others}


def ask(services: Services, gathering: Gathering) -> None:
    """Have the machine's drafts ready before somebody opens a language."""
    for language in languages_of(services, gathering):
        enqueue(services.redis, "default", TRANSLATE_SHEET, gathering.id, language)


def prepare(services: Services, gathering_id: int, language: str) -> None:
    """Draft one language; what the machine says is remembered.  Safe to run at any time."""
    with services.database.read() as db:
        found = meetings.find(db, gathering_id)
    if found and found.sheet:
        draft(services, found, language)


def draft(services: Services, gathering: Gathering, language: str) -> list[Part]:
    """Each sentence with the approved wording, else the machine's; empty where it has none."""
    made = ((part, services.careful.translate(part.english, SOURCE, language)) for part in parts_of(gathering))
    return [replace(part, wording=one.text, machine=one.machine, back=one.back) for part, one in made]


def approve(
    services: Services, gathering: Gathering, language: str, given: Iterable[tuple[str, str]], by: Review
) -> None:
    """A named person says that these (English, wording) are right.

    Raises `CannotApprove` if the sheet was changed meanwhile, a sentence is empty, or a number or link is lost.
    """
    pairs = [(english.strip(), " ".join(wording.split())) for english, wording in given]
    if [english for english, _ in pairs] != [part.english for part in parts_of(gathering)]:
        raise CannotApprove("The text was changed meanwhile: look at it again.")
    for english, wording in pairs:
        if not wording:
            raise CannotApprove("A sentence has no translation yet: write it, then approve.")
        if lost := [one for one in kept_words(english) if one not in wording]:
            raise CannotApprove(f"“{lost[0]}” of the English is missing in the translation: put it back.")
    with services.database.write() as db:
        for english, wording in pairs:
            approved_phrases.approve(db, Phrase(SOURCE, language, english, wording, by.reviewed_by), by.at)
        audit_log.record(db, by.recorded_by, "approved a wording", f"gathering {gathering.id}", by.at, language)
