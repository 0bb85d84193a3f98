"""Putting a wrong wording right: everyone who was sent it gets the right one, once.

Who got which wording is known by hashes (`store/families/sent_texts`).  A family that has been told the right one
meanwhile, in whatever way, is left alone; so is whoever stopped.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.flows.model import Plural
from bot.messaging.catalog_drafts import library_for, translatable
from bot.messaging.reply_composer import Composer
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.families import sent_texts

log = logging.getLogger(__name__)


class CannotCorrect(Exception):
    """Why, in a sentence for the person who asked."""


@dataclass(frozen=True)
class Correction:
    """The English text, the language whose wording was wrong, what is sent now, and to which contacts."""

    english: str
    language: str
    wording: str
    body: str
    contacts: tuple[int, ...]


def prepare(services: Services, language: str, start: str, at: datetime) -> Correction:
    """What would be sent for the text that begins with `start` (its English), and to whom.

    Raises `CannotCorrect` if no text or several begin so, or if the text needs a family's own answers.
    """
    english = _the_one(services, start)
    library = library_for(services, language)
    wording = library.catalogs.find_text(language, english)
    if wording.is_missing and language != "en":
        raise CannotCorrect(f"There is no wording in '{language}' to correct it with: write it first.")
    composer = Composer(library, language, at)
    text = composer.outside_a_talk(english)
    if text is None:
        raise CannotCorrect(
            "This text holds a family's own answers or case, which are not kept: it cannot be repeated."
        )
    with services.database.read() as db:
        contacts = sent_texts.find_outdated_contacts(db, english, language, wording.text)
    opening = composer.outside_a_talk(library.texts["corrected"]) or ""
    return Correction(english, language, wording.text, f"{opening}\n\n{text}", tuple(contacts))


def send(services: Services, correction: Correction) -> int:
    """Plan the correction for each contact and queue it; the number of families.  Run again, it sends nothing twice."""
    planned = [one for contact in correction.contacts if (one := _plan(services, correction, contact))]
    for delivery_id in planned:
        enqueue(services.redis, "default", DELIVER, delivery_id)
    log.info(
        "corrected: text=%s language=%s families=%s",
        sent_texts.compute_text_id(correction.english),
        correction.language,
        len(planned),
    )
    return len(planned)


def _plan(services: Services, correction: Correction, contact: int) -> str | None:
    """The delivery and the note that this family knows the right wording: both, or neither."""
    at = now()
    key = sent_texts.build_key(correction.english, correction.language, correction.wording)
    try:
        with services.database.write() as db:
            sent_texts.add(db, contact, key, at)
            due = services.library.district.find_next_waking_time(at)
            return deliveries.plan_correction(db, services.database.vault, contact, correction.body, due)
    except IntegrityError:
        return None  # told by somebody else just now


def _the_one(services: Services, start: str) -> str:
    texts = {text for text in translatable(services.library) if not isinstance(text, Plural) and text.startswith(start)}
    if len(texts) > 1 and start in texts:
        return start
    if len(texts) != 1:
        raise CannotCorrect(f"{len(texts) or 'No'} texts begin so: give the English up to where only one does.")
    return texts.pop()
