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
from bot.base.logs import trace_context
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
from bot.runtime import Runtime, open_runtime
from bot.voice_notes import job as voice_notes_job

BULK_NICENESS = 5
"""How far announcements stand behind families' messages and alerts for a machine's processor (a work-horse does one
job, so nothing else is slowed down)."""

P = ParamSpec("P")

log = logging.getLogger(__name__)


def ignore_deleted_row(job: Callable[P, None]) -> Callable[P, None]:
    """A job about one row; where its family was erased after it was queued, nothing is left to do."""

    @wraps(job)
    def run_job(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            job(*args, **kwargs)
        except NoResultFound:
            log.info("its row is gone: job=%s id=%s", job.__name__, *args)

    return run_job


@cache
def get_runtime() -> Runtime:
    """This process's services; a work-horse opens its own connections, after the fork."""
    return open_runtime(settings.load_settings(), get_library())


@cache
def get_library() -> Library:
    """The library, read once: the worker calls this before it forks, so that no job has to."""
    return load_library(settings.ROOT, settings.load_settings().district_file)


@ignore_deleted_row
def alert_case(case_id: int) -> None:
    """Carry a case to the staff on call, or on to the next round."""
    paging.page_staff(get_runtime(), case_id)


@ignore_deleted_row
def translate_message(message_id: int) -> None:
    """Translate one message of a talk, and pass it on."""
    staff_conversation.translate_message(get_runtime(), message_id)


@ignore_deleted_row
def handle_undelivered_message(delivery_id: str) -> None:
    """A text of staff to a family did not arrive."""
    staff_conversation.handle_undelivered_message(get_runtime(), delivery_id)


@ignore_deleted_row
def deliver_message(delivery_id: str) -> None:
    """Send one message, or find out what became of it."""
    delivery.deliver(get_runtime(), delivery_id)


@ignore_deleted_row
def start_follow_up(follow_up_id: int) -> None:
    """Start a follow-up with a family."""
    follow_ups.start(get_runtime(), follow_up_id)


def draft_language(language: str) -> None:
    """Draft the next texts of a language that has no catalog."""
    catalog_drafts.draft_next_batch(get_runtime(), language)


def translate_announcement(announcement_id: int, language: str) -> None:
    """Draft one language of an announcement."""
    with _trace_announcement(announcement_id):
        translation_drafts.create_draft(get_runtime(), announcement_id, language)


def translate_answer_sheet(meeting_id: int, language: str) -> None:
    """Draft one language of a gathering's sheet of answers."""
    answer_sheet.prepare_draft(get_runtime(), meeting_id, language)


def start_announcement(announcement_id: int) -> None:
    """Freeze the audience of a released announcement, and send it."""
    with _trace_announcement(announcement_id):
        launch.start(get_runtime(), announcement_id)


def make_share_kit(announcement_id: int, language: str) -> None:
    """Draw and speak one language of an announcement, for leaders to pass on."""
    os.nice(BULK_NICENESS)
    with _trace_announcement(announcement_id):
        share_kit.make_assets(get_runtime(), announcement_id, language)


def send_announcement(announcement_id: int, slot: int) -> None:
    """Send an announcement for some seconds."""
    os.nice(BULK_NICENESS)
    with _trace_announcement(announcement_id):
        broadcasting.broadcast(get_runtime(), announcement_id, slot)


def _trace_announcement(announcement_id: int) -> AbstractContextManager[None]:
    """All lines about announcement 7 carry the trace `a7` (a message's has twelve letters), in its threads too."""
    return trace_context(f"a{announcement_id}")


@ignore_deleted_row
def process_voice_note(note_id: int) -> None:
    """Fetch a voice note, have it written down, delete it at Twilio: one of these."""
    voice_notes_job.run_next_step(get_runtime(), note_id)


def send_reminders() -> None:
    """Tell the owners of texts, needs and contacts that are past their time."""
    overdue_reminders.remind_owners(get_runtime())
    overdue_needs.remind_owners(get_runtime())
    overdue_contacts.remind_owners(get_runtime())


def answer_missed_messages() -> None:
    """Answer what reached Twilio and not us."""
    missed_messages.recover(get_runtime())


def redact_provider_messages() -> None:
    """Delete words at Twilio that are handled."""
    provider_redaction.redact_stored_messages(get_runtime())


def delete_expired_records() -> None:
    """Delete what is past its time, once a day; each hour whoever was erased and a backup has brought back, and what
    the files of SQLite and Redis still hold of it."""
    erasure.erase_restored_families(get_runtime(), retention_job.RETENTION_ACTOR)
    retention_job.delete_expired_daily(get_runtime())
    erasure.truncate_wal(get_runtime())
    get_runtime().conversations.rewrite_append_only_file()


def send_weekly_digest() -> None:
    """Make this week's digest, if it is not there yet, and send it to the owners."""
    weekly.create_and_send(get_runtime())


def check_alarms() -> None:
    """Is the line well?  Who looks after it is told."""
    notifier.check_alarms(get_runtime())


def run_sweep() -> None:
    """Queue what has no job."""
    sweep_all(get_runtime())


# Jobs that release 0.1.0 queued carry these names. Remove the aliases in release 0.3.0.
translate = translate_message
talk_lost = handle_undelivered_message
deliver = deliver_message
follow_up = start_follow_up
translate_sheet = translate_answer_sheet
make_kit = make_share_kit
broadcast = send_announcement
voice_note = process_voice_note
remind = send_reminders
look_for_missed = answer_missed_messages
redact = redact_provider_messages
retain = delete_expired_records
digest = send_weekly_digest
watch = check_alarms
sweep = run_sweep
