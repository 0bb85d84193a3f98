"""Say how long records of incidents, drills, and quizzes are kept. `bot/retention` deletes them.

The records name staff and what they saw, so the district keeps them no longer than its rules say. While counsel holds
them (`records: {hold: true}`), nothing is deleted.
"""

from datetime import datetime, timedelta

from bot.content.district import IncidentRecordPolicy

RECORD_YEAR = timedelta(days=366)
"""A leap year, so that a record is never deleted a day early."""


def get_retention_period(records: IncidentRecordPolicy, is_drill: bool) -> timedelta:
    """Return how long a record stays after the end of its drill or incident."""
    return RECORD_YEAR * (records.drills_years if is_drill else records.incidents_years)


def find_deletion_time(records: IncidentRecordPolicy, is_drill: bool, ended_at: datetime | None) -> datetime | None:
    """Return when a record is deleted, or None while it is open or counsel holds it."""
    if records.hold or ended_at is None:
        return None
    return ended_at + get_retention_period(records, is_drill)
