"""Interpreters: one click asks for one, and the coordinator is told by text until it is booked."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast, get_args

from bot.base.database import now
from bot.base.language_names import english_name
from bot.base.queues import DELIVER, enqueue
from bot.cases import notices
from bot.runtime import Services
from bot.store import audit_log
from bot.store.cases import cases, interpreter_requests
from bot.store.cases.interpreter_requests import How, Kind, Request

COORDINATOR = "language_access"
WHEN_CHARACTERS = 120


@dataclass(frozen=True)
class Wanted:
    """When, how (phone, in person, video) and whom (trained or bilingual); `once` makes a repeated form count once."""

    when: str
    how: How
    kind: Kind
    once: str

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Self:
        """From a form; raises ValueError if something is missing."""
        when, how, kind = (form.get(name, "").strip() for name in ("when", "how", "kind"))
        if not when or how not in get_args(How) or kind not in get_args(Kind):
            raise ValueError("an interpreter needs 'when', 'how' and 'kind'")
        once = form.get("once", "")[:32] or secrets.token_hex(12)
        return cls(when[:WHEN_CHARACTERS], cast(How, how), cast(Kind, kind), once)


def ask(services: Services, case_id: int, who: str, wanted: Wanted) -> None:
    """Write the request down and tell the coordinator: language, how, whom; not when, which may tell where they are."""
    at, vault, district = now(), services.database.vault, services.library.district
    with services.database.write() as db:
        case = cases.get(db, vault, case_id)
        request = Request(0, case_id, case.language, wanted.when, wanted.how, wanted.kind, who)
        _, new = interpreter_requests.ask(db, vault, f"form:{wanted.once}", request, at)
        if not new:
            return
        audit_log.record(db, who, "asked for an interpreter", f"case {case_id}", at, wanted.how)
        where = f"{services.settings.public_base}/console/interpreters"
        body = (
            f"{district.name}: case {case_id} needs an interpreter: {english_name(case.language)}, {wanted.how},"
            f" {wanted.kind}. {where}"
        )
        person = next(iter(district.alerted_for(COORDINATOR, at, case.school)))
        planned = notices.to_staff(services, db, person, body, at)
    enqueue(services.redis, "default", DELIVER, planned)
