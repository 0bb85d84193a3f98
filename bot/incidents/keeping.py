"""How long records of incidents, drills and quizzes are kept, and that they are deleted then.

They name colleagues and hold what was seen at the door: the district keeps them as long as its rules say, no longer.
While counsel holds them (`records: {hold: true}`) nothing is deleted.
"""

import logging
from datetime import datetime, timedelta

from bot.content.district import Records
from bot.services import Services
from bot.store import audit, incidents, quizzes
from bot.store.db import now

YEAR = timedelta(days=366)
"""Never a day less than was promised."""
PROGRAM = "helper"

log = logging.getLogger(__name__)


def kept_for(records: Records, drill: bool) -> timedelta:
    """How long after its end a record (of a drill, of a real incident) stays."""
    return YEAR * (records.drills_years if drill else records.incidents_years)


def kept_until(records: Records, drill: bool, ended_at: datetime | None) -> datetime | None:
    """When a record is deleted; None: it is not over yet, or counsel holds it."""
    return None if records.hold or ended_at is None else ended_at + kept_for(records, drill)


def forget(services: Services) -> None:
    """Delete what is past its time; the audit log says how many."""
    at, records = now(), services.library.district.records
    if records.hold:
        return
    with services.database.write() as db:
        incidents.one_at_a_time(db)
        gone = {
            "incidents": incidents.forget(db, False, at - kept_for(records, False)),
            "drills": incidents.forget(db, True, at - kept_for(records, True)),
            "quizzes": quizzes.forget(db, at - kept_for(records, True)),
        }
        for what, count in gone.items():
            if count:
                audit.record(db, PROGRAM, "deleted records past their time", what, at, str(count))
    if any(gone.values()):
        log.info("past their time: incidents=%s drills=%s quizzes=%s", *gone.values())
