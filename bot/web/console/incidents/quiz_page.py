"""A short quiz about the protocol: who took it, when, and how many were right is kept; not which answers."""

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
    """The questions."""
    return render_template("console/agents_quiz.html", **get_protocol_status(), given=None, once=secrets.token_hex(12))


@console.post("/agents/quiz")
@allow_roles(STAFF)
def take_quiz() -> ResponseReturnValue:
    """How it went, with the reason for each answer; a question left open asks again."""
    protocol = get_runtime().library.district.protocol
    if protocol is None or not protocol.quiz:
        abort(404, _("The district file has no protocol."))
    given = [request.form.get(f"q{number}", type=int) or 0 for number in range(1, len(protocol.quiz) + 1)]
    once = request.form.get("once", "")[:32] or secrets.token_hex(12)
    if not all(given):
        page = {"given": None, "chosen": given, "once": once, "wrong": _("Answer every question.")}
        return render_template("console/agents_quiz.html", **get_protocol_status(), **page), 400
    correct = _save_result(protocol, given, once)
    return render_template("console/agents_quiz.html", **get_protocol_status(), given=given, correct=correct, once="")


def _save_result(protocol: IncidentProtocol, answers: list[int], once: str) -> int:
    correct = sum(1 for answer, one in zip(answers, protocol.quiz, strict=True) if answer == one.right)
    at, by = now(), current_user.by
    with get_runtime().database.write() as db:
        protocol_quizzes.save(db, f"quiz:{once}", QuizResult(by, protocol.version, correct, len(answers), at))
        audit_log.record(db, by, "took the quiz", f"protocol {protocol.version}"[:64], at)
    return correct
