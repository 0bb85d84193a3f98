"""How long records of incidents, drills and quizzes are kept, and until when (bot/retention deletes them).

They name colleagues and hold what was seen at the door: the district keeps them as long as its rules say, no longer.
While counsel holds them (`records: {hold: true}`) nothing is deleted.
"""

from datetime import datetime, timedelta

from bot.content.district import IncidentRecordPolicy

RECORD_YEAR = timedelta(days=366)
"""Never a day less than was promised."""


def get_retention_period(records: IncidentRecordPolicy, is_drill: bool) -> timedelta:
    """How long after its end a record (of a drill, of a real incident) stays."""
    return RECORD_YEAR * (records.drills_years if is_drill else records.incidents_years)


def find_deletion_time(records: IncidentRecordPolicy, is_drill: bool, ended_at: datetime | None) -> datetime | None:
    """When a record is deleted; None: it is not over yet, or counsel holds it."""
    return None if records.hold or ended_at is None else ended_at + get_retention_period(records, is_drill)
