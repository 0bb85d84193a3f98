"""What those who come are told unasked: the day before, an hour before, when something changes, and one question after.

Each once: the mark on the RSVP and the row of the text are one transaction, so a killed process doubles nothing.
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
"""So many families of a gathering are told in one sweep; the next goes on."""
DAY_REMINDER_CUTOFF, HOUR_REMINDER_CUTOFF = timedelta(hours=3), timedelta(minutes=2)
"""So shortly before it begins a reminder does not leave any more: it would come too late to be one."""
FEEDBACK_DELAY = timedelta(hours=1)
FEEDBACK_FLOW = "after_gathering"

log = logging.getLogger(__name__)


def sweep_meetings(runtime: Runtime) -> None:
    """Plan what is due; safe at any time, by any number of processes."""
    at = now()
    with runtime.database.read() as db:
        coming = meetings.list_by_state(db, *meetings.UPCOMING_STATES, "canceled")
        over = meetings.list_by_state(db, "over")
    for one in coming:
        _notify_changes(runtime, one, at)
        if one.state != "canceled":
            _send_due_reminders(runtime, one, at)
            _end_if_over(runtime, one, at)
    for one in over:
        if at < one.ends_at + timedelta(days=2):
            _plan_feedback_questions(runtime, one, at)


def _notify_changes(runtime: Runtime, meeting: Meeting, at: datetime) -> None:
    ends = (
        meeting.ends_at if meeting.state == "canceled" else meeting.starts_at
    )  # late is better than a family before a shut door
    if meeting.revision == 0 or at >= ends or runtime.library.district.find_next_waking_time(at) > at:
        return
    texts: list[TextId] = ["gathering_canceled"]
    if meeting.state != "canceled":
        texts = ["gathering_changed", *meetings_texts.list_joining_texts(meeting)]
    with runtime.database.read() as db:
        due = rsvps.list_not_notified(db, meeting.id, meeting.revision, ATTENDEE_BATCH_SIZE)
    again = {"told_day_at": None, "told_hour_at": None, "at": at}
    _send_to_each(
        runtime,
        meeting,
        due,
        texts,
        at,
        lambda db, row: rsvps.mark_notified_revision(db, row.id, meeting.revision, **again),
    )


def _send_due_reminders(runtime: Runtime, meeting: Meeting, at: datetime) -> None:
    """Only within waking hours, and nobody whose confirmation is younger than the reminder."""
    if runtime.library.district.find_next_waking_time(at) > at:
        return
    for mark, since in _list_due_reminders(runtime, meeting, at):
        _remind_attendees(runtime, meeting, mark, since, at)


def _list_due_reminders(runtime: Runtime, meeting: Meeting, at: datetime) -> Iterator[tuple[RsvpMark, datetime]]:
    """The reminders whose time it is, and since when."""
    district = runtime.library.district
    day, hour = (
        rules.find_day_reminder_time(district, meeting.starts_at),
        rules.find_hour_reminder_time(district, meeting.starts_at),
    )
    if day <= at < meeting.starts_at - DAY_REMINDER_CUTOFF:
        yield "told_day_at", day
    if hour and hour <= at < meeting.starts_at - HOUR_REMINDER_CUTOFF:
        yield "told_hour_at", hour


def mark_due_as_sent(runtime: Runtime, db: Transaction, at: datetime) -> int:
    """After a restore: reminders whose time has come, and questions afterwards, may have left already; they count as
    told.  How many.  A change or a canceling is told again: better twice than a family before a shut door."""
    due: list[tuple[int, RsvpMark, datetime]] = [
        (one.id, mark, since)
        for one in meetings.list_by_state(db, *meetings.UPCOMING_STATES)
        for mark, since in _list_due_reminders(runtime, one, at)
    ]
    due += [(one.id, "asked_at", at) for one in meetings.list_by_state(db, "over")]
    return sum(rsvps.mark_all_notified(db, gathering, mark, since, at) for gathering, mark, since in due)


def _remind_attendees(runtime: Runtime, meeting: Meeting, mark: RsvpMark, since: datetime, at: datetime) -> None:
    with runtime.database.read() as db:
        due = rsvps.list_to_remind(db, meeting.id, mark, since, ATTENDEE_BATCH_SIZE)
    texts: list[TextId] = ["gathering_reminder", *meetings_texts.list_joining_texts(meeting)]
    _send_to_each(runtime, meeting, due, texts, at, lambda db, row: rsvps.mark_notified(db, row.id, mark, at))


def _send_to_each(
    runtime: Runtime,
    meeting: Meeting,
    due_rsvps: Sequence[Rsvp],
    texts: Sequence[TextId],
    at: datetime,
    claim: Callable[[Transaction, Rsvp], bool],
) -> None:
    """A text to each of these families that this process claims; to nobody who texted STOP."""
    planned = []
    for row in due_rsvps:
        with runtime.database.write() as db:
            if not claim(db, row) or rsvps.has_opted_out(db, row.family_id):
                continue
            made = meetings_texts.build_composer(runtime, meeting, row.language, at, row.people)
            body = meetings_texts.compose_text(
                runtime, db, row.contact_id, made, texts, row.language or meetings_texts.MEETING_SOURCE_LANGUAGE
            )
            about = {"kind": "gathering", "contact_id": row.contact_id}
            planned.append(deliveries.plan_notice(db, about, body, at))
    for delivery_id in planned:
        enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
    if planned:
        log.info("gathering told: gathering=%s texts=%s", meeting.id, len(planned))


def _end_if_over(runtime: Runtime, meeting: Meeting, at: datetime) -> None:
    if at >= meeting.ends_at:
        with runtime.database.write() as db:
            meetings.change_state(db, meeting.id, meetings.UPCOMING_STATES, "over")


def _plan_feedback_questions(runtime: Runtime, meeting: Meeting, at: datetime) -> None:
    """Everybody who said yes is asked once, in its own time and its own language, what it needs."""
    due_at = runtime.library.district.find_next_waking_time(meeting.ends_at + FEEDBACK_DELAY)
    with runtime.database.read() as db:
        due = rsvps.list_to_remind(db, meeting.id, "asked_at", at, ATTENDEE_BATCH_SIZE)
    for row in due:
        with runtime.database.write() as db:
            if rsvps.mark_notified(db, row.id, "asked_at", at) and not rsvps.has_opted_out(db, row.family_id):
                place = FollowUpTarget(FEEDBACK_FLOW)
                follow_ups.plan(db, (f"gathering:{row.id}", 0), row.contact_id, place, max(due_at, at))
