"""Correct a wrong text: send the right text once to every family that got the wrong one.

Hashes show which family got which text (`store/families/sent_texts`). A family that has read the right text in the
meantime gets nothing, and neither does one that opted out.
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
    """The correction is not possible. The message tells the person who asked why."""


@dataclass(frozen=True)
class TextCorrection:
    """The English text, the language of the wrong text, the new text, the message, and its contacts."""

    english_text: str
    language: str
    wording: str
    body: str
    contact_ids: tuple[int, ...]


def prepare_correction(runtime: Runtime, language: str, text_start: str, current_time: datetime) -> TextCorrection:
    """Return the correction for the English text that begins with `text_start`.

    Raises:
        TextCorrectionError: No text or several texts begin so, or the text needs a family's own answers.
    """
    english_text = _find_text(runtime, text_start)
    library = get_localized_library(runtime, language)
    wording = library.catalogs.find_text(language, english_text)
    if wording.is_missing and language != "en":
        raise TextCorrectionError(f"There is no corrected text in '{language}'. Write it first.")
    composer = ReplyComposer(library, language, current_time)
    text = composer.build_standalone_text(english_text)
    if text is None:
        raise TextCorrectionError(
            "This text can't be sent again: it contains a family's own answers or case, which Puente doesn't keep."
        )
    with runtime.database.read() as db:
        contact_ids = sent_texts.find_outdated_contacts(db, english_text, language, wording.text)
    opening = composer.build_standalone_text(library.texts["corrected"]) or ""
    return TextCorrection(english_text, language, wording.text, f"{opening}\n\n{text}", tuple(contact_ids))


def send_correction(runtime: Runtime, correction: TextCorrection) -> int:
    """Plan and queue the correction for each contact, and return how many. Repeating it sends nothing twice."""
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
    """Plan the delivery, and record that this family has the right text, in one transaction."""
    current_time = now()
    key = sent_texts.build_key(correction.english_text, correction.language, correction.wording)
    try:
        with runtime.database.write() as db:
            sent_texts.add(db, contact_id, key, current_time)
            due = runtime.library.district.find_next_waking_time(current_time)
            return deliveries.plan_correction(db, contact_id, correction.body, due)
    except IntegrityError:
        return None  # another process has just planned it


def _find_text(runtime: Runtime, text_start: str) -> str:
    texts = {
        text
        for text in list_translatable_texts(runtime.library)
        if not isinstance(text, Plural) and text.startswith(text_start)
    }
    if len(texts) > 1 and text_start in texts:
        return text_start
    if len(texts) != 1:
        raise TextCorrectionError(f"{len(texts) or 'No'} texts match. Enter more of the English text.")
    return texts.pop()
