"""What RQ runs: each job a row's id and a line that calls the room it belongs to.  All may run twice, at any time."""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, wraps
from typing import ParamSpec

from sqlalchemy.exc import NoResultFound

from bot.announcements import launch, share_kit, translation_drafts
from bot.announcements import sender as broadcasting
from bot.attendance import overdue_needs
from bot.base import settings
from bot.base.logs import traced
from bot.cases import follow_ups, paging, staff_conversation
from bot.community import overdue_contacts
from bot.content.library import Library, load_library
from bot.content_review import overdue_reminders
from bot.content_review import weekly_digest as weekly
from bot.jobs import missed_messages
from bot.jobs.sweeper import sweep_all
from bot.meetings import answer_sheet
from bot.messaging import catalog_drafts, delivery, erasure, provider_redaction
from bot.monitoring import notifier
from bot.retention import job as retention_job
from bot.runtime import Services, open_services
from bot.voice_notes import job as voice_notes_job

BEHIND = 5
"""How far announcements stand behind families' messages and alerts for a machine's processor (a work-horse does one
job, so nothing else is slowed down)."""

P = ParamSpec("P")

log = logging.getLogger(__name__)


def unless_gone(job: Callable[P, None]) -> Callable[P, None]:
    """A job about one row; where its family was erased after it was queued, nothing is left to do."""

    @wraps(job)
    def done(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            job(*args, **kwargs)
        except NoResultFound:
            log.info("its row is gone: job=%s id=%s", job.__name__, *args)

    return done


@cache
def services() -> Services:
    """This process's services; a work-horse opens its own connections, after the fork."""
    return open_services(settings.load(), library())


@cache
def library() -> Library:
    """The library, read once: the worker calls this before it forks, so that no job has to."""
    return load_library(settings.ROOT, settings.load().district_file)


@unless_gone
def alert_case(case_id: int) -> None:
    """Carry a case to the staff on call, or on to the next round."""
    paging.page(services(), case_id)


@unless_gone
def translate(message_id: int) -> None:
    """Translate one message of a talk, and pass it on."""
    staff_conversation.translate(services(), message_id)


@unless_gone
def talk_lost(delivery_id: str) -> None:
    """A text of staff to a family did not arrive."""
    staff_conversation.lost(services(), delivery_id)


@unless_gone
def deliver(delivery_id: str) -> None:
    """Send one message, or find out what became of it."""
    delivery.deliver(services(), delivery_id)


@unless_gone
def follow_up(follow_up_id: int) -> None:
    """Start a follow-up with a family."""
    follow_ups.start(services(), follow_up_id)


def draft_language(language: str) -> None:
    """Draft the next texts of a language that has no catalog."""
    catalog_drafts.draft(services(), language)


def translate_announcement(announcement_id: int, language: str) -> None:
    """Draft one language of an announcement."""
    with _traced(announcement_id):
        translation_drafts.translate(services(), announcement_id, language)


def translate_sheet(gathering_id: int, language: str) -> None:
    """Draft one language of a gathering's sheet of answers."""
    answer_sheet.prepare(services(), gathering_id, language)


def start_announcement(announcement_id: int) -> None:
    """Freeze the audience of a released announcement, and send it."""
    with _traced(announcement_id):
        launch.start(services(), announcement_id)


def make_kit(announcement_id: int, language: str) -> None:
    """Draw and speak one language of an announcement, for leaders to pass on."""
    os.nice(BEHIND)
    with _traced(announcement_id):
        share_kit.make(services(), announcement_id, language)


def broadcast(announcement_id: int, slot: int) -> None:
    """Send an announcement for some seconds."""
    os.nice(BEHIND)
    with _traced(announcement_id):
        broadcasting.broadcast(services(), announcement_id, slot)


def _traced(announcement_id: int) -> AbstractContextManager[None]:
    """All lines about announcement 7 carry the trace `a7` (a message's has twelve letters), in its threads too."""
    return traced(f"a{announcement_id}")


@unless_gone
def voice_note(note_id: int) -> None:
    """Fetch a voice note, have it written down, delete it at Twilio: one of these."""
    voice_notes_job.carry(services(), note_id)


def remind() -> None:
    """Tell the owners of texts, needs and contacts that are past their time."""
    overdue_reminders.remind(services())
    overdue_needs.remind(services())
    overdue_contacts.remind(services())


def look_for_missed() -> None:
    """Answer what reached Twilio and not us."""
    missed_messages.look(services())


def redact() -> None:
    """Delete words at Twilio that are handled."""
    provider_redaction.redact(services())


def retain() -> None:
    """Delete what is past its time, once a day; each hour whoever was erased and a backup has brought back, and what
    the files of SQLite and Redis still hold of it."""
    erasure.erase_again(services(), retention_job.PROGRAM)
    retention_job.retain_daily(services())
    erasure.empty_log(services())
    services().conversations.rewrite_file()


def digest() -> None:
    """Make this week's digest, if it is not there yet, and send it to the owners."""
    weekly.make(services())


def watch() -> None:
    """Is the line well?  Who looks after it is told."""
    notifier.look(services())


def sweep() -> None:
    """Queue what has no job."""
    sweep_all(services())
