"""Expiry: delete or anonymize rows whose retention time has passed.

Each function handles one batch and returns the number of rows. Rows that are open, that wait, or that a row with
retention time left references stay until later.
"""

from datetime import datetime

from sqlalchemy import Table, delete, exists, func, or_, select, update

from bot.base.database import Transaction, UtcDateTime
from bot.store.announcements import recipients
from bot.store.audit_log import audit, audit_retention_marks
from bot.store.cases import cases, deliveries, voice_notes
from bot.store.cases.case_messages import case_messages
from bot.store.community import digests, partner_suggestions, review_reminders
from bot.store.families import contacts, follow_ups, roster_imports, sent_texts
from bot.store.lifecycle import erasure, erasure_log, retention_runs
from bot.store.meetings import meeting_questions, meeting_themes, meetings, rsvps
from bot.store.operations import alarms, handled_while_redis_down
from bot.store.schools import absences, home_visits, incidents, school_statuses, support_needs

EXPIRY_BATCH_SIZE = 300
FINAL_DELIVERY_STATES = ("delivered", "undelivered", "failed", "canceled", "read", "sent", "held")
"""States in which a delivery no longer changes after the retention time."""


def delete_done_cases(db: Transaction, before: datetime, now: datetime) -> int:
    """Delete cases that were resolved before this time, with their messages. Rows that only count lose the case."""
    voice_notes.delete_old(db, before, now)
    case, note, need = cases.cases.c, voice_notes.voice_notes.c, support_needs.support_needs.c
    visit, follow_up = home_visits.home_visits.c, follow_ups.follow_ups.c
    is_old = case.state.not_in(cases.OPEN_STATES) & (case.resolved_at < before)
    is_used = or_(
        exists().where(need.case_id == case.id, need.closed_at.is_(None)),
        exists().where(visit.case_id == case.id, visit.state.in_(home_visits.ACTIVE_VISIT_STATES)),
        exists().where(incidents.incidents.c.case_id == case.id),
        exists().where(or_(note.case_id == case.id, note.urgent_case_id == case.id)),
        exists().where(follow_up.case_id == case.id, follow_up.state == "waiting"),
        exists().where(contacts.contacts.c.active_case_id == case.id),
    )
    query = select(case.id).where(is_old, ~is_used).order_by(case.id).limit(EXPIRY_BATCH_SIZE)
    ids = list(db.execute(query).scalars())
    if ids:
        _unlink_cases(db, ids)
        erasure.purge_rows(db, cases.cases, ids)
    return len(ids)


def _unlink_cases(db: Transaction, ids: list[int]) -> None:
    """Remove the case from counts and follow-ups, because a new case may get the same id."""
    absences.forget_cases(db, ids)
    for table in (support_needs.support_needs, home_visits.home_visits):
        db.execute(update(table).where(table.c.case_id.in_(ids)).values(case_id=absences.NO_CASE_ID))
    for table in (meeting_themes.meeting_themes, follow_ups.follow_ups):
        db.execute(update(table).where(table.c.case_id.in_(ids)).values(case_id=None))
    answers = school_statuses.school_status_answers
    db.execute(delete(answers).where(answers.c.case_id.in_(ids)))


def delete_old_deliveries(db: Transaction, before: datetime) -> int:
    """Delete deliveries, and count them by month, kind, and final state. Messages of a case stay with the case."""
    delivery = deliveries.deliveries.c
    has_message = exists().where(case_messages.c.delivery_id == delivery.id)
    is_old = (delivery.created_at < before) & delivery.state.in_(FINAL_DELIVERY_STATES) & ~has_message
    query = select(delivery.id, delivery.kind, delivery.state, delivery.created_at).where(is_old)
    rows = db.execute(query.limit(EXPIRY_BATCH_SIZE)).all()
    for row in rows:
        retention_runs.count_deleted(db, "deliveries", row.created_at, row.kind, row.state)
    db.execute(delete(deliveries.deliveries).where(delivery.id.in_([row.id for row in rows])))
    return len(rows)


def delete_old_follow_ups(db: Transaction, before: datetime) -> int:
    """Delete follow-ups that started or were dropped, and count them. A follow-up stays as long as its delivery."""
    follow_up = follow_ups.follow_ups.c
    has_delivery = exists().where(deliveries.deliveries.c.follow_up_id == follow_up.id)
    is_old = (follow_up.due_at < before) & (follow_up.state != "waiting") & ~has_delivery
    query = select(follow_up.id, follow_up.flow, follow_up.state, follow_up.due_at).where(is_old)
    rows = db.execute(query.limit(EXPIRY_BATCH_SIZE)).all()
    for row in rows:
        retention_runs.count_deleted(db, "follow_ups", row.due_at, row.flow[:24], row.state)
    db.execute(delete(follow_ups.follow_ups).where(follow_up.id.in_([row.id for row in rows])))
    return len(rows)


def anonymize_old_recipients(db: Transaction, before: datetime) -> int:
    """Remove the family from old recipients. The row stays for the counts, with a negative family id."""
    recipient = recipients.recipients.c
    is_settled = recipient.state.not_in(deliveries.OPEN_DELIVERY_STATES)
    is_old = (recipient.moved_at < before) & (recipient.family_id > 0) & is_settled
    rows = db.execute(select(recipient.id, recipient.announcement_id).where(is_old).limit(EXPIRY_BATCH_SIZE)).all()
    lowest_ids = {row.announcement_id: _find_lowest_family_id(db, row.announcement_id) for row in rows}
    for row in rows:
        lowest_ids[row.announcement_id] -= 1
        values = {"family_id": lowest_ids[row.announcement_id], "contact_id": 0, "sid": None}
        db.execute(update(recipients.recipients).where(recipient.id == row.id).values(values))
    return len(rows)


def _find_lowest_family_id(db: Transaction, announcement_id: int) -> int:
    recipient = recipients.recipients.c
    query = select(func.min(recipient.family_id)).where(recipient.announcement_id == announcement_id)
    return min(0, int(db.execute(query).scalar_one()))


def delete_old_meeting_answers(db: Transaction, before: datetime) -> int:
    """Delete the RSVPs and questions of meetings that ended before this time."""
    ended = select(meetings.meetings.c.id).where(meetings.meetings.c.ends_at < before)
    count = 0
    for table in (rsvps.rsvps, meeting_questions.meeting_questions):
        ids = select(table.c.id).where(table.c.meeting_id.in_(ended)).limit(EXPIRY_BATCH_SIZE)
        count += db.execute(delete(table).where(table.c.id.in_(ids))).rowcount
    return count


def delete_old_suggestions(db: Transaction, before: datetime) -> int:
    """Delete suggested partners that staff reviewed before this time."""
    table = partner_suggestions.partner_suggestions
    ids = select(table.c.id).where(table.c.reviewed_at < before).limit(EXPIRY_BATCH_SIZE)
    return db.execute(delete(table).where(table.c.id.in_(ids))).rowcount


def delete_old_roster_imports(db: Transaction, before: datetime) -> int:
    """Delete roster imports, except the newest: the rows of families' schools name it."""
    table = roster_imports.roster_imports
    newest_at = select(func.max(table.c.at)).scalar_subquery()
    return db.execute(delete(table).where(table.c.at < before, table.c.at < newest_at)).rowcount


def delete_older_rows(db: Transaction, table: Table, time_column: str, before: datetime) -> int:
    """Delete rows of a table whose time column is before this time."""
    column = table.c[time_column]
    assert isinstance(column.type, UtcDateTime), "a retention rule needs a time column"
    if "id" not in table.c:
        return db.execute(delete(table).where(column < before)).rowcount
    ids = select(table.c.id).where(column < before).limit(EXPIRY_BATCH_SIZE)
    return db.execute(delete(table).where(table.c.id.in_(ids))).rowcount


def delete_old_audit_entries(db: Transaction, before: datetime) -> int:
    """Delete the oldest audit entries. The digest of the last deleted entry stays, so that the rest can be verified."""
    query = select(audit.c.id).where(audit.c.at < before).order_by(audit.c.id).limit(EXPIRY_BATCH_SIZE)
    ids = list(db.execute(query).scalars())
    if not ids:
        return 0
    digest = db.execute(select(audit.c.digest).where(audit.c.id == ids[-1])).scalar_one()
    db.execute(delete(audit).where(audit.c.id <= ids[-1]))
    db.execute(delete(audit_retention_marks))
    db.execute(audit_retention_marks.insert().values(last_id=ids[-1], digest=digest))
    return len(ids)


def delete_old_sent_texts(db: Transaction, before: datetime) -> int:
    """Delete the record of which texts families received. After this time, no correction is sent."""
    return db.execute(delete(sent_texts.sent_texts).where(sent_texts.sent_texts.c.at < before)).rowcount


def delete_old_erasures(db: Transaction, before: datetime) -> int:
    """Delete old rows of the erasure log."""
    return delete_older_rows(db, erasure_log.erasures, "at", before)


def delete_old_offline_messages(db: Transaction, before: datetime) -> int:
    """Delete the SIDs of messages that were answered while Redis was unavailable."""
    return delete_older_rows(db, handled_while_redis_down.handled_offline, "at", before)


def delete_old_reminders(db: Transaction, before: datetime) -> int:
    """Delete old review reminders, digests with their readers, and ended alarms."""
    weeks = select(digests.digests.c.week).where(digests.digests.c.at < before)
    reminders = review_reminders.review_reminders
    statements = (
        delete(digests.digest_reads).where(digests.digest_reads.c.week.in_(weeks)),
        delete(digests.digests).where(digests.digests.c.at < before),
        delete(alarms.alarms).where(alarms.alarms.c.ended_at < before),
        delete(reminders).where(reminders.c.at < before),
    )
    return sum(db.execute(statement).rowcount for statement in statements)
