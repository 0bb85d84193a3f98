"""Helpers for call tests: an emergency with planned calls, and the app where the stand-in finds it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import time_machine
from flask import Flask
from sqlalchemy import select
from werkzeug.serving import make_server

from bot.base.database import now
from bot.cases.paging import page_staff
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import deliveries
from tests.conftest import PUBLIC, Family
from tests.stand_in import Call, TwilioStandIn

URGENT = "rq:queue:urgent"


@dataclass
class Pager:
    """An emergency with a planned round: the rows of its calls, and the client through which Twilio reaches us."""

    runtime: Runtime
    twilio: TwilioStandIn
    case: int
    rows: list[str]
    phones: list[str]

    def deliver(self, number: int = 0, seconds: int = 90) -> None:
        """Run the delivery of one call, some time after it was planned."""
        with time_machine.travel(now() + timedelta(seconds=seconds)):
            deliver(self.runtime, self.rows[number])

    def rung(self, number: int = 0) -> Call:
        """Return the call of a row that was just delivered."""
        self.deliver(number)
        return self.calls(number)[-1]

    def calls(self, number: int = 0) -> list[Call]:
        """Return the calls that the stand-in accepted for it."""
        return self.twilio.calls_to(self.phones[number])

    def row(self, number: int = 0) -> dict[str, object]:
        """Return the row as it is now."""
        with self.runtime.database.read() as db:
            row = db.execute(select(deliveries).where(deliveries.c.id == self.rows[number])).one()
        return dict(row._mapping)

    def claimed_by(self) -> str | None:
        """Return who claimed the case."""
        with self.runtime.database.read() as db:
            found: str | None = db.execute(select(cases.c.claimed_by).where(cases.c.id == self.case)).scalar_one()
        return found

    def takings(self) -> int:
        """Count the claims of a case in the audit log."""
        with self.runtime.database.read() as db:
            return sum(entry.what == "took" for entry in audit_log.list_newest(db, 100))


@contextmanager
def app_of(app: Flask, twilio: TwilioStandIn) -> Iterator[None]:
    """Serve the app under its public name, as the stand-in sees it."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    twilio.reach[PUBLIC] = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield
    server.shutdown()


def emergency(family: Family, twilio: TwilioStandIn) -> Pager:
    """Report an emergency and plan the first round; leave no job in the queue."""
    family.text("ICE is at our door right now, I am Marta")
    runtime = family.runtime
    with runtime.database.read() as db:
        case = db.execute(select(cases.c.id)).scalar_one()
    page_staff(runtime, case)
    called = (deliveries.c.transport == "call") & (deliveries.c.case_id == case)
    with runtime.database.read() as db:
        rows = db.execute(select(deliveries.c.id, deliveries.c.staff).where(called).order_by(deliveries.c.staff)).all()
    runtime.redis.delete(URGENT)
    phones = [runtime.library.district.staff[row.staff].phone for row in rows]
    assert len(rows) >= 2, "an emergency calls everybody who is asked"
    return Pager(runtime, twilio, case, [row.id for row in rows], phones)
