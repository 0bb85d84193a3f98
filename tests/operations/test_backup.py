"""A backup that was taken while families wrote brings the line back: docs/runbook.md, tried on both databases."""

import sqlite3
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.base.database import Database
from bot.base.encryption import Vault
from bot.cases.paging import page_staff
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.cases.deliveries import deliveries
from bot.web.app import create_app
from tests.conftest import Family
from tests.databases import ON_POSTGRESQL, create, migrate, program
from tests.stand_in import TwilioStandIn
from tests.store.reading import newest_cases

pytestmark = pytest.mark.long
AT_THE_DOOR = "ICE is at my door right now"


def back_up(url: str, folder: Path) -> Path:
    """As docs/runbook.md says, while the line runs."""
    if ON_POSTGRESQL:
        file = folder / "puente.dump"
        subprocess.run([program("pg_dump"), "--format=custom", f"--file={file}", url], check=True)
        return file
    file = folder / "backup.db"
    with sqlite3.connect(url.removeprefix("sqlite:///")) as here, sqlite3.connect(file) as there:
        here.backup(there)
    return file


def restore(file: Path, url: str) -> str:
    """Into a new database; its URL."""
    if not ON_POSTGRESQL:
        return f"sqlite:///{file}"
    new = create(url.rpartition("/")[0] + "/", "restored")
    subprocess.run([program("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={new}", str(file)], check=True)
    return new


def carry(services: Runtime) -> None:
    """What workers do: page each case, send what waits."""
    with services.database.read() as db:
        numbers = [case.id for case in newest_cases(db, 9)]
    for number in numbers:
        page_staff(services, number)
    with services.database.read() as db:
        waiting = db.execute(select(deliveries.c.id)).scalars().all()
    for delivery in waiting:
        deliver(services, delivery)


def test_backup_taken_under_load_restores_the_service(
    services: Runtime, new_family: Callable[[str], Family], twilio: TwilioStandIn, tmp_path: Path
) -> None:
    parent, stopped = new_family("whatsapp:+12175550177"), new_family("+12175550188")
    parent.text("español")
    before = parent.text(AT_THE_DOOR)
    stopped.text("STOP")
    carry(services)
    told = len(twilio.messages)
    with services.database.write() as db:  # somebody is in the middle of writing
        db.execute(deliveries.update().values(attempts=99))
        file = back_up(services.settings.database_url, tmp_path)
    services.redis.flushall()  # the machine is new, and so is its Redis
    url = restore(file, services.settings.database_url)
    here = replace(services, database=Database(url, Vault(services.settings.data_keys)))
    client = create_app(runtime=here).test_client()
    again = Family(here, client, parent.address)
    assert again.text(AT_THE_DOOR, MessageSid=parent.sid).startswith(before), "in its language"
    assert Family(here, client, stopped.address).text("hello") == "", "who opted out stays out"
    carry(here)
    assert told == len(twilio.messages) > 0, "nobody is told a second time"
    with here.database.read() as db:
        (case,) = newest_cases(db, 9)
        assert db.execute(select(func.max(deliveries.c.attempts))).scalar_one() == 1, "nothing half done came along"
    assert case.language == "es" and case.state == "alerted"
    migrate(url)  # the number of the last migration came along: nothing to do
    here.database.engine.dispose()
