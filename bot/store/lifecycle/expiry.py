"""Rows past their time, some hundred at a time: each function takes one batch and says how many rows it took.

Nothing is taken from under somebody: what is open, waits, or is linked to what is still kept stays for another day.
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
"""States of a delivery from which nothing more is expected after so long."""


def delete_done_cases(db: Transaction, before: datetime, at: datetime) -> int:
    """Cases that were done before, with all that was said about them; what only counts stays without them."""
    voice_notes.delete_old(db, before, at)
    case, note = cases.cases.c, voice_notes.voice_notes.c
    old = case.state.not_in(cases.OPEN_STATES) & (case.resolved_at < before)
    busy = [
        exists().where(
            support_needs.support_needs.c.case_id == case.id, support_needs.support_needs.c.closed_at.is_(None)
        ),
        exists().where(
            home_visits.home_visits.c.case_id == case.id,
            home_visits.home_visits.c.state.in_(home_visits.ACTIVE_VISIT_STATES),
        ),
        exists().where(incidents.incidents.c.case_id == case.id),
        exists().where(or_(note.case_id == case.id, note.urgent_case_id == case.id)),
        exists().where(follow_ups.follow_ups.c.case_id == case.id, follow_ups.follow_ups.c.state == "waiting"),
        exists().where(contacts.contacts.c.talking_case == case.id),
    ]
    query = select(case.id).where(old, *(~one for one in busy)).order_by(case.id).limit(EXPIRY_BATCH_SIZE)
    ids = list(db.execute(query).scalars())
    if ids:
        _unlink_cases(db, ids)
        erasure.purge_rows(db, cases.cases, ids)
    return len(ids)


def _unlink_cases(db: Transaction, ids: list[int]) -> None:
    """Figures and follow-ups no longer say of which case they were: a new one may get the same number."""
    absences.forget_cases(db, ids)
    for table in (support_needs.support_needs, home_visits.home_visits):
        db.execute(update(table).where(table.c.case_id.in_(ids)).values(case_id=absences.NO_CASE_ID))
    for table in (meeting_themes.meeting_themes, follow_ups.follow_ups):
        db.execute(update(table).where(table.c.case_id.in_(ids)).values(case_id=None))
    db.execute(
        delete(school_statuses.school_status_answers).where(school_statuses.school_status_answers.c.case_id.in_(ids))
    )


def delete_old_deliveries(db: Transaction, before: datetime) -> int:
    """Deliveries, counted by month, kind and how they ended; a text of a talk stays as long as its case."""
    row = deliveries.deliveries.c
    linked = exists().where(case_messages.c.delivery_id == row.id)
    columns = (row.id, row.kind, row.state, row.created_at)
    query = (
        select(*columns)
        .where(row.created_at < before, row.state.in_(FINAL_DELIVERY_STATES), ~linked)
        .limit(EXPIRY_BATCH_SIZE)
    )
    found = db.execute(query).all()
    for one in found:
        retention_runs.count_deleted(db, "deliveries", one.created_at, one.kind, one.state)
    db.execute(delete(deliveries.deliveries).where(row.id.in_([one.id for one in found])))
    return len(found)


def delete_old_follow_ups(db: Transaction, before: datetime) -> int:
    """Follow-ups that began or were dropped, counted; one whose text is still kept stays with it."""
    row = follow_ups.follow_ups.c
    linked = exists().where(deliveries.deliveries.c.follow_up_id == row.id)
    query = select(row.id, row.flow, row.state, row.due_at)
    found = db.execute(query.where(row.due_at < before, row.state != "waiting", ~linked).limit(EXPIRY_BATCH_SIZE)).all()
    for one in found:
        retention_runs.count_deleted(db, "follow_ups", one.due_at, one.flow[:24], one.state)
    db.execute(delete(follow_ups.follow_ups).where(row.id.in_([one.id for one in found])))
    return len(found)


def anonymize_old_recipients(db: Transaction, before: datetime) -> int:
    """Who got an announcement: the row stays for its figures and leads to nobody (a number below zero, no SID)."""
    row = recipients.recipients.c
    old = (row.moved_at < before) & (row.family_id > 0) & row.state.not_in(deliveries.OPEN_DELIVERY_STATES)
    found = db.execute(select(row.id, row.announcement_id).where(old).limit(EXPIRY_BATCH_SIZE)).all()
    lowest = {one.announcement_id: _find_lowest_family_id(db, one.announcement_id) for one in found}
    for one in found:
        lowest[one.announcement_id] -= 1
        values = {"family_id": lowest[one.announcement_id], "contact_id": 0, "sid": None}
        db.execute(update(recipients.recipients).where(row.id == one.id).values(values))
    return len(found)


def _find_lowest_family_id(db: Transaction, announcement_id: int) -> int:
    row = recipients.recipients.c
    found = db.execute(select(func.min(row.family_id)).where(row.announcement_id == announcement_id)).scalar_one()
    return min(0, int(found))


def delete_old_meeting_answers(db: Transaction, before: datetime) -> int:
    """Who came to gatherings that were over before, and what was asked there."""
    over = select(meetings.meetings.c.id).where(meetings.meetings.c.ends_at < before)
    gone = 0
    for table in (rsvps.rsvps, meeting_questions.meeting_questions):
        ids = select(table.c.id).where(table.c.gathering_id.in_(over)).limit(EXPIRY_BATCH_SIZE)
        gone += db.execute(delete(table).where(table.c.id.in_(ids))).rowcount
    return gone


def delete_old_suggestions(db: Transaction, before: datetime) -> int:
    """Organizations that somebody suggested, once staff have decided."""
    row = partner_suggestions.partner_suggestions.c
    ids = select(row.id).where(row.reviewed_at < before).limit(EXPIRY_BATCH_SIZE)
    return db.execute(delete(partner_suggestions.partner_suggestions).where(row.id.in_(ids))).rowcount


def delete_old_roster_imports(db: Transaction, before: datetime) -> int:
    """Roster imports; the newest stays, since families' schools name it."""
    row = roster_imports.roster_imports.c
    newest = select(func.max(row.at)).scalar_subquery()
    return db.execute(delete(roster_imports.roster_imports).where(row.at < before, row.at < newest)).rowcount


def delete_older_rows(db: Transaction, table: Table, time_column: str, before: datetime) -> int:
    """Rows of this table whose moment was before."""
    column = table.c[time_column]
    assert isinstance(column.type, UtcDateTime), "a rule needs a moment"
    if "id" not in table.c:
        return db.execute(delete(table).where(column < before)).rowcount
    ids = select(table.c.id).where(column < before).limit(EXPIRY_BATCH_SIZE)
    return db.execute(delete(table).where(table.c.id.in_(ids))).rowcount


def delete_old_audit_entries(db: Transaction, before: datetime) -> int:
    """Lines of the audit log; what the last of them proved is kept, so that the rest can still be proved."""
    ids = list(
        db.execute(
            select(audit.c.id).where(audit.c.at < before).order_by(audit.c.id).limit(EXPIRY_BATCH_SIZE)
        ).scalars()
    )
    if not ids:
        return 0
    digest = db.execute(select(audit.c.digest).where(audit.c.id == ids[-1])).scalar_one()
    db.execute(delete(audit).where(audit.c.id <= ids[-1]))
    db.execute(delete(audit_retention_marks))
    db.execute(audit_retention_marks.insert().values(last_id=ids[-1], digest=digest))
    return len(ids)


def delete_old_sent_texts(db: Transaction, before: datetime) -> int:
    """Which texts a family was told: after so long nobody corrects them any more."""
    return db.execute(delete(sent_texts.sent_texts).where(sent_texts.sent_texts.c.at < before)).rowcount


def delete_old_erasures(db: Transaction, before: datetime) -> int:
    """That somebody was erased."""
    return delete_older_rows(db, erasure_log.erasures, "at", before)


def delete_old_offline_messages(db: Transaction, before: datetime) -> int:
    """Messages that were answered while Redis was away: they are not looked for any more."""
    return delete_older_rows(db, handled_while_redis_down.handled_offline, "at", before)


def delete_old_reminders(db: Transaction, before: datetime) -> int:
    """Which owners were told of which text, and which digest was read."""
    weeks = select(digests.digests.c.week).where(digests.digests.c.at < before)
    gone = db.execute(delete(digests.digest_reads).where(digests.digest_reads.c.week.in_(weeks))).rowcount
    gone += db.execute(delete(digests.digests).where(digests.digests.c.at < before)).rowcount
    gone += db.execute(delete(alarms.alarms).where(alarms.alarms.c.ended_at < before)).rowcount
    return (
        gone
        + db.execute(
            delete(review_reminders.review_reminders).where(review_reminders.review_reminders.c.at < before)
        ).rowcount
    )
