"""Serve the drill records of all staff members as a CSV file: names and roles, but no phone numbers."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from flask import Response
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base import csv_export
from bot.base.database import now
from bot.incidents import drill_report
from bot.incidents.drill_report import SchoolDrillGroup, StaffDrillRecord
from bot.runtime import Runtime
from bot.store import audit_log
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS_OFFICER, STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime


@console.get("/agents/drilled.csv")
@allow_roles(STAFF, RECORDS_OFFICER)
def drilled_csv() -> ResponseReturnValue:
    """Return the drills and quiz results of the page as a CSV file. The audit log records the download."""
    runtime, current_time = get_runtime(), now()
    with runtime.database.write() as db:
        groups = drill_report.list_by_school(runtime, db, current_time)
        audit_log.record(db, current_user.by, "took the list of drills", "drills", current_time)
    csv_text = "".join(csv_export.format_lines(_generate_rows(runtime, groups)))
    disposition = "attachment; filename=drills.csv"
    return Response(csv_text, mimetype="text/csv", headers={"Content-Disposition": disposition})


def _generate_rows(runtime: Runtime, groups: Sequence[SchoolDrillGroup]) -> Iterator[list[str]]:
    yield [
        *(_("School"), _("Who"), _("Role"), _("Drill"), _("Steps read"), _("Steps"), _("Whole drill")),
        *(_("Quiz"), _("Right answers"), _("Questions")),
    ]
    schools = runtime.library.district.schools
    for group in groups:
        school = schools[group.school].name if group.school else _("At all schools")
        for member in group.members:
            yield [school, *_build_cells(runtime, member)]


def _build_cells(runtime: Runtime, record: StaffDrillRecord) -> list[str]:
    drill, quiz = [_("not yet"), "", ""], ["", "", ""]
    if record.last_drill_at:
        drill = [_format_day(runtime, record.last_drill_at), str(record.reached), str(record.step_count)]
    if result := record.quiz_result:
        quiz = [_format_day(runtime, result.at), str(result.correct), str(result.questions)]
    is_complete = _("Yes") if record.is_complete else _("No")
    return [record.name, record.role, *drill, is_complete, *quiz]


def _format_day(runtime: Runtime, moment: datetime) -> str:
    """Format the day in local time. In UTC, an evening drill is on the next day."""
    return runtime.library.district.to_local_time(moment).date().isoformat()
