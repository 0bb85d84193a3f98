"""Request interpreters. The coordinator gets a text for each request."""

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
    """A request: the time, the method (phone, in person, video), and the kind (trained or bilingual).

    `form_id` makes a repeated form count once.
    """

    requested_time: str
    mode: InterpreterMode
    kind: InterpreterKind
    form_id: str

    @classmethod
    def from_form(cls, form: Mapping[str, str]) -> Self:
        """Parse the posted form.

        Raises:
            ValueError: A field is missing.
        """
        requested_time, mode, kind = (form.get(name, "").strip() for name in ("when", "how", "kind"))
        if not requested_time or mode not in get_args(InterpreterMode) or kind not in get_args(InterpreterKind):
            raise ValueError("an interpreter needs 'when', 'how' and 'kind'")
        form_id = form.get("once", "")[:32] or secrets.token_hex(12)
        return cls(
            requested_time[:MAX_REQUESTED_TIME_LENGTH],
            cast(InterpreterMode, mode),
            cast(InterpreterKind, kind),
            form_id,
        )


def submit(runtime: Runtime, case_id: int, requested_by: str, form: InterpreterRequestForm) -> None:
    """Save the request and text the coordinator the language, the method, and the kind.

    The text leaves out the time, because the time may reveal where the family will be.
    """
    current_time, district = now(), runtime.library.district
    with runtime.database.write() as db:
        case = cases.get(db, case_id)
        request = InterpreterRequest(0, case_id, case.language, form.requested_time, form.mode, form.kind, requested_by)
        _, is_new = interpreter_requests.add(db, f"form:{form.form_id}", request, current_time)
        if not is_new:
            return
        audit_log.record(db, requested_by, "asked for an interpreter", f"case {case_id}", current_time, form.mode)
        url = f"{runtime.settings.public_base}/console/interpreters"
        body = (
            f"{district.name}: case {case_id} needs an interpreter: {get_english_name(case.language)}, {form.mode},"
            f" {form.kind}. {url}"
        )
        coordinator = next(
            iter(district.list_alert_recipients(INTERPRETER_COORDINATOR_ROLE, current_time, case.school))
        )
        delivery_id = notices.plan_staff_notice(runtime, db, coordinator, body, current_time)
    enqueue(runtime.redis, "default", DELIVER_MESSAGE_JOB, delivery_id)
