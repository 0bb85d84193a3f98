"""Text families about a meeting: a day before, an hour before, after a change, and a feedback question afterwards.

Each text is sent once: the mark on the RSVP and the delivery are saved in one transaction.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content.texts import TextId
from bot.meetings import rules
from bot.meetings import texts as meetings_texts
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import follow_ups
from bot.store.families.follow_ups import FollowUpTarget
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meetings import Meeting
from bot.store.meetings.rsvps import Rsvp, RsvpMark

ATTENDEE_BATCH_SIZE = 200
"""How many families of a meeting one sweep texts. The next sweep continues."""
DAY_REMINDER_CUTOFF, HOUR_REMINDER_CUTOFF = timedelta(hours=3), timedelta(minutes=2)
"""A reminder that would come later than this before the start is not sent."""
FEEDBACK_DELAY = timedelta(hours=1)
FEEDBACK_FLOW = "after_gathering"

log = logging.getLogger(__name__)


def sweep_meetings(runtime: Runtime) -> None:
    """Plan the texts that are due. Safe to run at any time, in any number of processes."""
    current_time = now()
    with runtime.database.read() as db:
        upcoming_or_canceled = meetings.list_by_state(db, *meetings.UPCOMING_STATES, "canceled")
        past = meetings.list_by_state(db, "over")
    for meeting in upcoming_or_canceled:
        _notify_changes(runtime, meeting, current_time)
        if meeting.state != "canceled":
            _send_due_reminders(runtime, meeting, current_time)
            _end_if_over(runtime, meeting, current_time)
    for meeting in past:
        if current_time < meeting.ends_at + timedelta(days=2):
            _plan_feedback_questions(runtime, meeting, current_time)


def _notify_changes(runtime: Runtime, meeting: Meeting, current_time: datetime) -> None:
    # A canceled meeting is announced until its end: a late text is better than a family at a locked building.
    cutoff = meeting.ends_at if meeting.state == "canceled" else meeting.starts_at
    if meeting.revision == 0 or current_time >= cutoff:
        return
    if runtime.library.district.find_next_waking_time(current_time) > current_time:
        return
    texts: list[TextId] = ["gathering_canceled"]
    if meeting.state != "canceled":
        texts = ["gathering_changed", *meetings_texts.list_joining_texts(meeting)]
    with runtime.database.read() as db:
        due = rsvps.list_not_notified(db, meeting.id, meeting.revision, ATTENDEE_BATCH_SIZE)
    # The reminders are due again for the new time.
    reset = {"day_reminder_at": None, "hour_reminder_at": None, "at": current_time}
    _send_to_each(
        runtime,
        meeting,
        due,
        texts,
        current_time,
        lambda db, row: rsvps.mark_notified_revision(db, row.id, meeting.revision, **reset),
    )


def _send_due_reminders(runtime: Runtime, meeting: Meeting, current_time: datetime) -> None:
    """Send the reminders that are due, in waking hours, except to families who accepted after the reminder's time."""
    if runtime.library.district.find_next_waking_time(current_time) > current_time:
        return
    for mark, since in _list_due_reminders(runtime, meeting, current_time):
        _remind_attendees(runtime, meeting, mark, since, current_time)


def _list_due_reminders(
    runtime: Runtime, meeting: Meeting, current_time: datetime
) -> Iterator[tuple[RsvpMark, datetime]]:
    """Yield the reminders that are due, each with the time since when."""
    district = runtime.library.district
    day_reminder_at = rules.find_day_reminder_time(district, meeting.starts_at)
    hour_reminder_at = rules.find_hour_reminder_time(district, meeting.starts_at)
    if day_reminder_at <= current_time < meeting.starts_at - DAY_REMINDER_CUTOFF:
        yield "day_reminder_at", day_reminder_at
    if hour_reminder_at and hour_reminder_at <= current_time < meeting.starts_at - HOUR_REMINDER_CUTOFF:
        yield "hour_reminder_at", hour_reminder_at


def mark_due_as_sent(runtime: Runtime, db: Transaction, current_time: datetime) -> int:
    """After a restore, mark due reminders and feedback questions as sent, and return how many.

    They may have been sent already. Changes and cancellations are sent again, because no family must miss them.
    """
    due: list[tuple[int, RsvpMark, datetime]] = [
        (meeting.id, mark, since)
        for meeting in meetings.list_by_state(db, *meetings.UPCOMING_STATES)
        for mark, since in _list_due_reminders(runtime, meeting, current_time)
    ]
    due += [(meeting.id, "asked_at", current_time) for meeting in meetings.list_by_state(db, "over")]
    return sum(rsvps.mark_all_notified(db, meeting_id, mark, since, current_time) for meeting_id, mark, since in due)


def _remind_attendees(
    runtime: Runtime, meeting: Meeting, mark: RsvpMark, since: datetime, current_time: datetime
) -> None:
    with runtime.database.read() as db:
        due = rsvps.list_to_remind(db, meeting.id, mark, since, ATTENDEE_BATCH_SIZE)
    texts: list[TextId] = ["gathering_reminder", *meetings_texts.list_joining_texts(meeting)]
    _send_to_each(
        runtime, meeting, due, texts, current_time, lambda db, row: rsvps.mark_notified(db, row.id, mark, current_time)
    )


def _send_to_each(
    runtime: Runtime,
    meeting: Meeting,
    due_rsvps: Sequence[Rsvp],
    texts: Sequence[TextId],
    current_time: datetime,
    claim: Callable[[Transaction, Rsvp], bool],
) -> None:
    """Send a text to each family that this process claims, except after an opt-out."""
    planned = []
    for row in due_rsvps:
        with runtime.database.write() as db:
            if not claim(db, row) or rsvps.has_opted_out(db, row.family_id):
                continue
            language = row.language or meetings_texts.MEETING_SOURCE_LANGUAGE
            composer = meetings_texts.build_composer(runtime, meeting, row.language, current_time, row.people)
            body = meetings_texts.compose_text(runtime, db, row.contact_id, composer, texts, language)
            about = {"kind": "gathering", "contact_id": row.contact_id}
            planned.append(deliveries.plan_notice(db, about, body, current_time))
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if planned:
        log.info("meeting texts planned: gathering=%s texts=%s", meeting.id, len(planned))


def _end_if_over(runtime: Runtime, meeting: Meeting, current_time: datetime) -> None:
    if current_time >= meeting.ends_at:
        with runtime.database.write() as db:
            meetings.change_state(db, meeting.id, meetings.UPCOMING_STATES, "over")


def _plan_feedback_questions(runtime: Runtime, meeting: Meeting, current_time: datetime) -> None:
    """Ask every family that accepted one question, in its language and in waking hours."""
    due_at = runtime.library.district.find_next_waking_time(meeting.ends_at + FEEDBACK_DELAY)
    with runtime.database.read() as db:
        due = rsvps.list_to_remind(db, meeting.id, "asked_at", current_time, ATTENDEE_BATCH_SIZE)
    for row in due:
        with runtime.database.write() as db:
            if rsvps.mark_notified(db, row.id, "asked_at", current_time) and not rsvps.has_opted_out(db, row.family_id):
                target = FollowUpTarget(FEEDBACK_FLOW)
                follow_ups.plan(db, (f"gathering:{row.id}", 0), row.contact_id, target, max(due_at, current_time))
