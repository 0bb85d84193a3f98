"""The jobs that RQ runs. Each gets a row's ID and calls the package that does the work. All are safe to repeat."""

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
"""Process niceness for bulk jobs, so that urgent jobs get the CPU first. RQ runs each job in its own process."""

P = ParamSpec("P")

log = logging.getLogger(__name__)


def ignore_deleted_row(job: Callable[P, None]) -> Callable[P, None]:
    """Skip a job whose row is gone, because the family was erased after the job was queued."""

    @wraps(job)
    def run_job(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            job(*args, **kwargs)
        except NoResultFound:
            log.info("row deleted: job=%s id=%s", job.__name__, *args)

    return run_job


@cache
def get_runtime() -> Runtime:
    """Return the runtime of this process. RQ forks for each job, which then opens its own connections."""
    return open_runtime(settings.load_settings(), get_library())


@cache
def get_library() -> Library:
    """Return the content library. The worker loads it before it forks, so that no job has to."""
    loaded_settings = settings.load_settings()
    return load_library(settings.ROOT, loaded_settings.district_file, loaded_settings.encoder)


@ignore_deleted_row
def alert_case(case_id: int) -> None:
    """Alert the staff on call about a case, or start the next escalation round."""
    paging.page_staff(get_runtime(), case_id)


@ignore_deleted_row
def translate_message(message_id: int) -> None:
    """Translate one message of a conversation, and forward it."""
    staff_conversation.translate_message(get_runtime(), message_id)


@ignore_deleted_row
def handle_undelivered_message(delivery_id: str) -> None:
    """Handle a staff message that did not reach a family."""
    staff_conversation.handle_undelivered_message(get_runtime(), delivery_id)


@ignore_deleted_row
def deliver_message(delivery_id: str) -> None:
    """Send one message, or find out its result."""
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
    """Draft one language of a meeting's answer sheet."""
    answer_sheet.prepare_draft(get_runtime(), meeting_id, language)


def start_announcement(announcement_id: int) -> None:
    """Save the audience of a released announcement, and send it."""
    with _trace_announcement(announcement_id):
        launch.start(get_runtime(), announcement_id)


def make_share_kit(announcement_id: int, language: str) -> None:
    """Make the picture and sound of one language of an announcement, for leaders to pass on."""
    os.nice(BULK_NICENESS)
    with _trace_announcement(announcement_id):
        share_kit.make_assets(get_runtime(), announcement_id, language)


def send_announcement(announcement_id: int, slot: int) -> None:
    """Send an announcement for some seconds."""
    os.nice(BULK_NICENESS)
    with _trace_announcement(announcement_id):
        broadcasting.broadcast(get_runtime(), announcement_id, slot)


def _trace_announcement(announcement_id: int) -> AbstractContextManager[None]:
    """Mark all log lines about announcement 7 with the trace `a7`, in its threads too. Message traces are longer."""
    return trace_context(f"a{announcement_id}")


@ignore_deleted_row
def process_voice_note(note_id: int) -> None:
    """Run the next step of a voice note: fetch, transcribe, or delete it at Twilio."""
    voice_notes_job.run_next_step(get_runtime(), note_id)


def send_reminders() -> None:
    """Remind the owners of overdue texts, needs, and contacts."""
    overdue_reminders.remind_owners(get_runtime())
    overdue_needs.remind_owners(get_runtime())
    overdue_contacts.remind_owners(get_runtime())


def answer_missed_messages() -> None:
    """Answer messages that reached Twilio but not Puente."""
    missed_messages.recover(get_runtime())


def redact_provider_messages() -> None:
    """Redact handled messages at Twilio."""
    provider_redaction.redact_stored_messages(get_runtime())


def delete_expired_records() -> None:
    """Delete expired rows once a day. Each hour, also erase families that a restored backup brought back.

    Also removes what the files of SQLite and Redis still contain of deleted rows.
    """
    erasure.erase_restored_families(get_runtime(), retention_job.RETENTION_ACTOR)
    retention_job.delete_expired_daily(get_runtime())
    erasure.truncate_wal(get_runtime())
    get_runtime().conversations.rewrite_append_only_file()


def send_weekly_digest() -> None:
    """Create this week's digest if it doesn't exist, and send it to the owners."""
    weekly.create_and_send(get_runtime())


def check_alarms() -> None:
    """Check for alarms, and text the technical contact."""
    notifier.check_alarms(get_runtime())


def run_sweep() -> None:
    """Queue rows that have no job."""
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
