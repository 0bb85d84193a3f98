"""Serve the quiz about the incident protocol.

Puente saves who took the quiz, when, and the number of correct answers, but not the answers.
"""

import secrets

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content.incident_protocol import IncidentProtocol
from bot.store import audit_log
from bot.store.schools import protocol_quizzes
from bot.store.schools.protocol_quizzes import QuizResult
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.console.incidents.start_page import get_protocol_status
from bot.web.core.current_runtime import get_runtime


@console.get("/agents/quiz")
@allow_roles(STAFF)
def quiz() -> str:
    """Show the questions."""
    return render_template("console/agents_quiz.html", **get_protocol_status(), given=None, once=secrets.token_hex(12))


@console.post("/agents/quiz")
@allow_roles(STAFF)
def take_quiz() -> ResponseReturnValue:
    """Save the result, and show it with the reason for each answer. If an answer is missing, show the form again."""
    protocol = get_runtime().library.district.protocol
    if protocol is None or not protocol.quiz:
        abort(404, _("The district file has no protocol."))
    answers = [request.form.get(f"q{number}", type=int) or 0 for number in range(1, len(protocol.quiz) + 1)]
    once = request.form.get("once", "")[:32] or secrets.token_hex(12)
    status = get_protocol_status()
    if not all(answers):
        problem = _("Answer every question.")
        return render_template(
            "console/agents_quiz.html", **status, given=None, chosen=answers, once=once, wrong=problem
        ), 400
    correct = _save_result(protocol, answers, once)
    return render_template("console/agents_quiz.html", **status, given=answers, correct=correct, once="")


def _save_result(protocol: IncidentProtocol, answers: list[int], once: str) -> int:
    """Save the result, and return the number of correct answers."""
    correct = sum(1 for answer, question in zip(answers, protocol.quiz, strict=True) if answer == question.right)
    current_time, by = now(), current_user.by
    result = QuizResult(by, protocol.version, correct, len(answers), current_time)
    with get_runtime().database.write() as db:
        protocol_quizzes.save(db, f"quiz:{once}", result)
        audit_log.record(db, by, "took the quiz", f"protocol {protocol.version}"[:64], current_time)
    return correct
