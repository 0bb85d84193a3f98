"""A short quiz about the protocol: who took it, when, and how many were right is kept; not which answers."""

import secrets

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.content.incident_protocol import Protocol
from bot.store import audit_log
from bot.store.schools import protocol_quizzes
from bot.store.schools.protocol_quizzes import Result
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allowed
from bot.web.console.incidents.start_page import standing
from bot.web.core.current_runtime import services


@console.get("/agents/quiz")
@allowed(STAFF)
def quiz() -> str:
    """The questions."""
    return render_template("console/agents_quiz.html", **standing(), given=None, once=secrets.token_hex(12))


@console.post("/agents/quiz")
@allowed(STAFF)
def take_quiz() -> ResponseReturnValue:
    """How it went, with the reason for each answer; a question left open asks again."""
    protocol = services().library.district.protocol
    if protocol is None or not protocol.quiz:
        abort(404, _("There is no protocol in the district file."))
    given = [request.form.get(f"q{number}", type=int) or 0 for number in range(1, len(protocol.quiz) + 1)]
    once = request.form.get("once", "")[:32] or secrets.token_hex(12)
    if not all(given):
        page = {"given": None, "chosen": given, "once": once, "wrong": _("Please answer every question.")}
        return render_template("console/agents_quiz.html", **standing(), **page), 400
    correct = _keep(protocol, given, once)
    return render_template("console/agents_quiz.html", **standing(), given=given, correct=correct, once="")


def _keep(protocol: Protocol, given: list[int], once: str) -> int:
    correct = sum(1 for answer, one in zip(given, protocol.quiz, strict=True) if answer == one.right)
    at, by = now(), current_user.by
    with services().database.write() as db:
        protocol_quizzes.keep(db, f"quiz:{once}", Result(by, protocol.version, correct, len(given), at))
        audit_log.record(db, by, "took the quiz", f"protocol {protocol.version}"[:64], at)
    return correct
