"""The service on PostgreSQL, the database of a real deployment: migrated, answered, escalated, sent once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import select

from bot.announcements import launch
from bot.announcements.progress import stream_csv_report
from bot.announcements.sender import broadcast
from bot.base.database import Database, now
from bot.base.encryption import Vault
from bot.cases.paging import page_staff as alert
from bot.messaging.delivery import deliver
from bot.runtime import Runtime
from bot.store.announcements.announcements import Audience
from bot.store.cases import voice_notes
from bot.store.cases.cases import cases
from bot.store.cases.deliveries import deliveries
from bot.store.schools.incidents import incidents
from bot.web.app import create_app
from tests.announcements.conftest import District
from tests.conftest import Family
from tests.databases import cluster, migrate
from tests.stand_in import TwilioStandIn
from tests.voice_notes.conftest import SOUND, list_notes, load_audio, run_jobs, send_voice_note

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with cluster() as server:
        yield f"{server}postgres"


def test_family_messages_work_on_postgresql(url: str, runtime: Runtime, twilio: TwilioStandIn) -> None:
    migrate(url)
    migrate(url)  # a second run changes nothing
    here = replace(runtime, database=Database(url, Vault(runtime.settings.data_keys)))
    family = Family(here, create_app(runtime=here).test_client(), "+12175550177")
    first = family.text("ICE is at my door right now")
    assert "911" in first and family.text("ICE is at my door right now", MessageSid=family.sid) == first
    here.redis.flushall()
    family.text("ICE is at my door right now", MessageSid=family.sid)
    with here.database.read() as db:
        numbers = db.execute(select(cases.c.id)).scalars().all()
    assert len(numbers) == 1
    for _ in range(2):
        alert(here, numbers[0])
    with here.database.read() as db:
        waiting = db.execute(select(deliveries.c.id)).scalars().all()
    for delivery in [*waiting, *waiting]:
        deliver(here, delivery)
    assert len(twilio.messages) == 2
    assert "START" in family.text("STOP") and family.text("hello") == ""
    here.database.engine.dispose()


def test_voice_note_works_on_postgresql(url: str, runtime: Runtime, twilio: TwilioStandIn) -> None:
    migrate(url)
    here = replace(runtime, database=Database(url, Vault(runtime.settings.data_keys)))
    family = Family(here, create_app(runtime=here).test_client(), "whatsapp:+12175550166")
    family.text("hello, good morning")
    send_voice_note(family, twilio.media.put(SOUND))
    with here.database.read() as db:
        (number,) = db.execute(select(cases.c.id).where(cases.c.topic == "voice_message")).scalars()
    with ThreadPoolExecutor(2) as two:  # two workers get the same job
        list(two.map(lambda _: run_jobs(here), range(2)))
    (note,) = list_notes(here, number)
    assert load_audio(here, note) == SOUND and twilio.media.files == {} and note.due_at is None
    assert [one.method for one in twilio.media.asked] == ["GET", "DELETE"]
    with here.database.write() as db:
        voice_notes.delete_for_contact(db, note.contact_id or 0, now())
    assert list_notes(here, number) == []
    here.database.engine.dispose()


def test_announcement_works_on_postgresql(url: str, runtime: Runtime, twilio: TwilioStandIn) -> None:
    migrate(url)
    here = replace(runtime, database=Database(url, Vault(runtime.settings.data_keys)))
    district = District(here, twilio)
    for one in range(60):
        district.family(f"+12175557{one:03d}", "lincoln", "harbor")
    number = district.say(audience=Audience(schools=("lincoln", "harbor")))
    launch.start(here, number)
    with ThreadPoolExecutor(2) as two:  # two workers on one announcement
        list(two.map(lambda slot: broadcast(here, number, slot), (0, 1)))
    district.send(number, jobs=2)
    assert sorted(len(district.got(f"+12175557{one:03d}")) for one in range(60)) == [1] * 60
    assert district.state(number) == "done"
    district.report(number, "+12175557001", "delivered")
    assert district.states(number) == {"queued": 59, "delivered": 1}
    assert "".join(stream_csv_report(here, number)).count("family") == 60
    here.database.engine.dispose()


def test_two_colleagues_report_an_incident_simultaneously(url: str, runtime: Runtime) -> None:
    """One record, one case, every step once; a message delivered eight times counts once."""
    migrate(url)
    here = replace(runtime, database=Database(url, Vault(runtime.settings.data_keys)))
    app = create_app(runtime=here)

    def texts(phone: str, body: str, sid: str) -> str:
        return Family(here, app.test_client(), phone).text(body, MessageSid=sid)

    iris, pat = "+12175550183", "+12175550146"
    starts = [(iris, "DRILL LINCOLN", "SMi"), (pat, "DRILL LINCOLN", "SMp")] * 4
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda one: texts(*one), starts))
        shown = list(pool.map(lambda number: texts(iris, "NEXT", f"SMn{number}"), range(6)))
    assert len(set(said)) == 2 and sum("Iris Vega started" in one or "Pat Moore started" in one for one in said) == 4
    assert sorted(one.split("Step ")[1][0] for one in shown) == ["2", "3", "4", "5", "6", "7"]
    with here.database.read() as db:
        assert len(db.execute(select(incidents.c.id)).all()) == 1
        assert len(db.execute(select(cases.c.id).where(cases.c.topic == "agents_drill")).all()) == 1
    here.database.engine.dispose()
