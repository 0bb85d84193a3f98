"""Who has drilled, by school, as a file: names and work roles of colleagues, never a telephone number."""

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
    """What the page says of drills and the quiz, for a spreadsheet; who took it stands in the audit log."""
    here, at = get_runtime(), now()
    with here.database.write() as db:
        groups = drill_report.list_by_school(here, db, at)
        audit_log.record(db, current_user.by, "took the list of drills", "drills", at)
    written = "".join(csv_export.format_lines(_generate_rows(here, groups)))
    name = "attachment; filename=drills.csv"
    return Response(written, mimetype="text/csv", headers={"Content-Disposition": name})


def _generate_rows(runtime: Runtime, groups: Sequence[SchoolDrillGroup]) -> Iterator[list[str]]:
    yield [
        *(_("School"), _("Who"), _("Role"), _("Drill"), _("Steps read"), _("Steps"), _("Whole drill")),
        *(_("Quiz"), _("Right answers"), _("Questions")),
    ]
    schools = runtime.library.district.schools
    for group in groups:
        school = schools[group.school].name if group.school else _("At all schools")
        yield from ([school, *_build_cells(runtime, one)] for one in group.members)


def _build_cells(runtime: Runtime, person: StaffDrillRecord) -> list[str]:
    drill = (
        [_format_day(runtime, person.last_drill_at), str(person.reached), str(person.step_count)]
        if person.last_drill_at
        else [_("not yet"), "", ""]
    )
    whole = _("Yes") if person.is_complete else _("No")
    quiz = (
        [
            _format_day(runtime, person.quiz_result.at),
            str(person.quiz_result.correct),
            str(person.quiz_result.questions),
        ]
        if person.quiz_result
        else [""] * 3
    )
    return [person.name, person.role, *drill, whole, *quiz]


def _format_day(runtime: Runtime, at: datetime) -> str:
    """On the district's clocks: a drill in the evening is not of the day after."""
    return runtime.library.district.to_local_time(at).date().isoformat()
