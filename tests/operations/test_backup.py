"""A backup taken under load restores the service (docs/runbook.md), on both databases."""

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
    """Back up as docs/runbook.md says, while the service runs."""
    if ON_POSTGRESQL:
        file = folder / "puente.dump"
        subprocess.run([program("pg_dump"), "--format=custom", f"--file={file}", url], check=True)
        return file
    file = folder / "backup.db"
    with sqlite3.connect(url.removeprefix("sqlite:///")) as here, sqlite3.connect(file) as there:
        here.backup(there)
    return file


def restore(file: Path, url: str) -> str:
    """Restore into a new database; return its URL."""
    if not ON_POSTGRESQL:
        return f"sqlite:///{file}"
    new = create(url.rpartition("/")[0] + "/", "restored")
    subprocess.run([program("pg_restore"), "--no-owner", "--exit-on-error", f"--dbname={new}", str(file)], check=True)
    return new


def run_jobs(runtime: Runtime) -> None:
    """Run the workers' jobs: alert for each case, send what waits."""
    with runtime.database.read() as db:
        numbers = [case.id for case in newest_cases(db, 9)]
    for number in numbers:
        page_staff(runtime, number)
    with runtime.database.read() as db:
        waiting = db.execute(select(deliveries.c.id)).scalars().all()
    for delivery in waiting:
        deliver(runtime, delivery)


def test_backup_taken_under_load_restores_the_service(
    runtime: Runtime, new_family: Callable[[str], Family], twilio: TwilioStandIn, tmp_path: Path
) -> None:
    parent, stopped = new_family("whatsapp:+12175550177"), new_family("+12175550188")
    parent.text("español")
    before = parent.text(AT_THE_DOOR)
    stopped.text("STOP")
    run_jobs(runtime)
    told = len(twilio.messages)
    with runtime.database.write() as db:  # another transaction is writing at this moment
        db.execute(deliveries.update().values(attempts=99))
        file = back_up(runtime.settings.database_url, tmp_path)
    runtime.redis.flushall()  # the machine is new, and so is its Redis
    url = restore(file, runtime.settings.database_url)
    here = replace(runtime, database=Database(url, Vault(runtime.settings.data_keys)))
    client = create_app(runtime=here).test_client()
    again = Family(here, client, parent.address)
    assert again.text(AT_THE_DOOR, MessageSid=parent.sid).startswith(before), "in its language"
    assert Family(here, client, stopped.address).text("hello") == "", "who opted out stays out"
    run_jobs(here)
    assert told == len(twilio.messages) > 0, "nobody is told a second time"
    with here.database.read() as db:
        (case,) = newest_cases(db, 9)
        assert db.execute(select(func.max(deliveries.c.attempts))).scalar_one() == 1, "nothing half done came along"
    assert case.language == "es" and case.state == "alerted"
    migrate(url)  # the backup contains the last migration number: nothing to do
    here.database.engine.dispose()
