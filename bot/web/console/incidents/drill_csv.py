"""Who has drilled, by school, as a file: names and work roles of colleagues, never a telephone number."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from flask import Response
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base import csv_export
from bot.base.database import now
from bot.incidents import drill_report
from bot.incidents.drill_report import Drilled, Group
from bot.runtime import Services
from bot.store import audit_log
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import RECORDS, STAFF, allowed
from bot.web.core.current_runtime import services


@console.get("/agents/drilled.csv")
@allowed(STAFF, RECORDS)
def drilled_csv() -> ResponseReturnValue:
    """What the page says of drills and the quiz, for a spreadsheet; who took it stands in the audit log."""
    here, at = services(), now()
    with here.database.write() as db:
        groups = drill_report.per_school(here, db, at)
        audit_log.record(db, current_user.by, "took the list of drills", "drills", at)
    written = "".join(csv_export.lines(_lines(here, groups)))
    name = "attachment; filename=drills.csv"
    return Response(written, mimetype="text/csv", headers={"Content-Disposition": name})


def _lines(here: Services, groups: Sequence[Group]) -> Iterator[list[str]]:
    yield [
        *(_("School"), _("Who"), _("Role"), _("Drill"), _("Steps read"), _("Steps"), _("Whole drill")),
        *(_("Quiz"), _("Right answers"), _("Questions")),
    ]
    schools = here.library.district.schools
    for group in groups:
        school = schools[group.school].name if group.school else _("At all schools")
        yield from ([school, *_cells(here, one)] for one in group.people)


def _cells(here: Services, one: Drilled) -> list[str]:
    drill = [_day(here, one.at), str(one.reached), str(one.steps)] if one.at else [_("not yet"), "", ""]
    whole = _("Yes") if one.complete else _("No")
    quiz = [_day(here, one.quiz.at), str(one.quiz.correct), str(one.quiz.questions)] if one.quiz else [""] * 3
    return [one.name, one.role, *drill, whole, *quiz]


def _day(here: Services, at: datetime) -> str:
    """On the district's clocks: a drill in the evening is not of the day after."""
    return here.library.district.local(at).date().isoformat()
