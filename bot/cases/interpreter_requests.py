"""Interpreters: one click asks for one, and the coordinator is told by text until it is booked."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast, get_args

from bot.base.database import now
from bot.base.language_names import get_english_name
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.cases import notices
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases import cases, interpreter_requests
from bot.store.cases.interpreter_requests import InterpreterKind, InterpreterMode, InterpreterRequest

INTERPRETER_COORDINATOR_ROLE = "language_access"
MAX_REQUESTED_TIME_LENGTH = 120


@dataclass(frozen=True)
class InterpreterRequestForm:
    """When, how (phone, in person, video) and whom (trained or bilingual); `once` makes a repeated form count once."""

    requested_time: str
    mode: InterpreterMode
    kind: InterpreterKind
    form_id: str

    @classmethod
    def from_form(cls, form: Mapping[str, str]) -> Self:
        """From a form; raises ValueError if something is missing."""
        when, how, kind = (form.get(name, "").strip() for name in ("when", "how", "kind"))
        if not when or how not in get_args(InterpreterMode) or kind not in get_args(InterpreterKind):
            raise ValueError("an interpreter needs 'when', 'how' and 'kind'")
        once = form.get("once", "")[:32] or secrets.token_hex(12)
        return cls(when[:MAX_REQUESTED_TIME_LENGTH], cast(InterpreterMode, how), cast(InterpreterKind, kind), once)


def submit(runtime: Runtime, case_id: int, requested_by: str, form: InterpreterRequestForm) -> None:
    """Write the request down and tell the coordinator: language, how, whom; not when, which may tell where they are."""
    at, district = now(), runtime.library.district
    with runtime.database.write() as db:
        case = cases.get(db, case_id)
        request = InterpreterRequest(0, case_id, case.language, form.requested_time, form.mode, form.kind, requested_by)
        _, new = interpreter_requests.add(db, f"form:{form.form_id}", request, at)
        if not new:
            return
        audit_log.record(db, requested_by, "asked for an interpreter", f"case {case_id}", at, form.mode)
        where = f"{runtime.settings.public_base}/console/interpreters"
        body = (
            f"{district.name}: case {case_id} needs an interpreter: {get_english_name(case.language)}, {form.mode},"
            f" {form.kind}. {where}"
        )
        person = next(iter(district.list_alert_recipients(INTERPRETER_COORDINATOR_ROLE, at, case.school)))
        planned = notices.plan_staff_notice(runtime, db, person, body, at)
    enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, planned)
