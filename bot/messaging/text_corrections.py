"""Putting a wrong wording right: everyone who was sent it gets the right one, once.

Who got which wording is known by hashes (`store/families/sent_texts`).  A family that has been told the right one
meanwhile, in whatever way, is left alone; so is whoever stopped.
"""

import logging
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from bot.base.database import now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.flows.model import Plural
from bot.messaging.catalog_drafts import get_localized_library, list_translatable_texts
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import sent_texts

log = logging.getLogger(__name__)


class TextCorrectionError(Exception):
    """Why, in a sentence for the person who asked."""


@dataclass(frozen=True)
class TextCorrection:
    """The English text, the language whose wording was wrong, what is sent now, and to which contacts."""

    english_text: str
    language: str
    wording: str
    body: str
    contact_ids: tuple[int, ...]


def prepare_correction(runtime: Runtime, language: str, text_start: str, current_time: datetime) -> TextCorrection:
    """What would be sent for the text that begins with `start` (its English), and to whom.

    Raises `CannotCorrect` if no text or several begin so, or if the text needs a family's own answers.
    """
    english_text = _find_text(runtime, text_start)
    library = get_localized_library(runtime, language)
    wording = library.catalogs.find_text(language, english_text)
    if wording.is_missing and language != "en":
        raise TextCorrectionError(f"There is no wording in '{language}' to correct it with: write it first.")
    composer = ReplyComposer(library, language, current_time)
    text = composer.build_standalone_text(english_text)
    if text is None:
        raise TextCorrectionError(
            "This text holds a family's own answers or case, which are not kept: it cannot be repeated."
        )
    with runtime.database.read() as db:
        contact_ids = sent_texts.find_outdated_contacts(db, english_text, language, wording.text)
    opening = composer.build_standalone_text(library.texts["corrected"]) or ""
    return TextCorrection(english_text, language, wording.text, f"{opening}\n\n{text}", tuple(contact_ids))


def send_correction(runtime: Runtime, correction: TextCorrection) -> int:
    """Plan the correction for each contact and queue it; the number of families.  Run again, it sends nothing twice."""
    delivery_ids = [
        planned_id
        for contact_id in correction.contact_ids
        if (planned_id := _plan_correction(runtime, correction, contact_id))
    ]
    for delivery_id in delivery_ids:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    log.info(
        "corrected: text=%s language=%s families=%s",
        sent_texts.compute_text_id(correction.english_text),
        correction.language,
        len(delivery_ids),
    )
    return len(delivery_ids)


def _plan_correction(runtime: Runtime, correction: TextCorrection, contact_id: int) -> str | None:
    """The delivery and the note that this family knows the right wording: both, or neither."""
    current_time = now()
    key = sent_texts.build_key(correction.english_text, correction.language, correction.wording)
    try:
        with runtime.database.write() as db:
            sent_texts.add(db, contact_id, key, current_time)
            due = runtime.library.district.find_next_waking_time(current_time)
            return deliveries.plan_correction(db, contact_id, correction.body, due)
    except IntegrityError:
        return None  # told by somebody else just now


def _find_text(runtime: Runtime, text_start: str) -> str:
    texts = {
        text
        for text in list_translatable_texts(runtime.library)
        if not isinstance(text, Plural) and text.startswith(text_start)
    }
    if len(texts) > 1 and text_start in texts:
        return text_start
    if len(texts) != 1:
        raise TextCorrectionError(f"{len(texts) or 'No'} texts begin so: give the English up to where only one does.")
    return texts.pop()
