"""The shared fixtures: a real Valkey server, a real database, the app, and Twilio's stand-in over HTTP."""

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from werkzeug.test import TestResponse

from bot.base import settings
from bot.content.library import Library, load_library
from bot.dev_server.redis_server import run_embedded_server
from bot.runtime import Runtime, open_runtime
from bot.web.app import create_app
from tests.databases import ON_POSTGRESQL, cluster, create, empty, fill_template, migrate, quicken
from tests.processes import end_leftover_processes, mark_own_processes
from tests.scratch import make_memory_folder, remove_memory_folder
from tests.stand_in import TwilioStandIn, sign
from tests.stand_in.inbound import read_twiml
from tests.stand_in.server import Server
from tests.twiml.checking import check

PUBLIC = "https://puente.test"
NOW = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
"""A Tuesday at 10 a.m. in the example district, the day after its facts were checked."""
DATABASES = {"empty_database", "bare_database"}
REAL_CLOCK = frozenset({"dev_server", "machines", "faults", "simulator", "stand_in", "bench"})

hypothesis.settings.register_profile("untimed", deadline=None)  # a busy machine must not fail a test
hypothesis.settings.load_profile("untimed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Mark this run's processes and put the tests' folders in memory. Workers of xdist inherit both."""
    if not hasattr(config, "workerinput"):
        mark_own_processes()
        make_memory_folder(config)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail the run if a test left a process behind, and end that process."""
    yield
    if not hasattr(session.config, "workerinput") and (left := end_leftover_processes()):
        session.config.get_terminal_writer().line("\nTests left these processes behind:\n" + "\n".join(left), red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder in memory at the end of the run."""
    remove_memory_folder(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put long tests last, so that quick failures show first. On PostgreSQL, run only tests that use a database.

    Tests with the mark `sqlite` are about SQLite's file, so they don't run on PostgreSQL.
    """
    if ON_POSTGRESQL:
        other = [
            item
            for item in items
            if not DATABASES & set(getattr(item, "fixturenames", ())) or item.get_closest_marker("sqlite")
        ]
        config.hook.pytest_deselected(items=other)
        items[:] = [item for item in items if item not in set(other)]
    items.sort(key=lambda item: bool(item.get_closest_marker("long")))


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """Start each test at `NOW`, in school hours and with current facts. Real processes need the real clock."""
    if request.path.parent.name in REAL_CLOCK:
        yield
        return
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture(scope="session")
def library() -> Library:
    loaded = load_library(settings.ROOT, settings.ROOT / "district.yaml")
    gc.freeze()  # the library lives until the end, so the garbage collector can skip it
    return loaded


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_embedded_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def clean_redis(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    client.flushall()
    yield client
    client.close()


@pytest.fixture(scope="session")
def twilio_server() -> Iterator[Server]:
    """Yield the server of Twilio's stand-in for all tests: stopping one takes longer than many tests."""
    with TwilioStandIn() as first:
        yield first.server


@pytest.fixture
def twilio(twilio_server: Server) -> Iterator[TwilioStandIn]:
    with TwilioStandIn(server=twilio_server) as stand_in:
        yield stand_in


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Yield the URL of this process's PostgreSQL server, without the name of a database."""
    with cluster() as server:
        yield server


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Return a function that makes an empty, migrated database in a test's folder and returns its URL.

    It copies a SQLite file, which is faster than another migration. On PostgreSQL, it empties this process's database.
    """
    if ON_POSTGRESQL:
        url = fill_template(request.getfixturevalue("postgresql"), "puente")
        return lambda _: empty(url) or url
    path = tmp_path_factory.mktemp("database") / "empty.db"
    migrate(f"sqlite:///{path}")
    whole = path.read_bytes()

    def copied(folder: Path) -> str:
        (folder / "puente.db").write_bytes(whole)
        return f"sqlite:///{folder / 'puente.db'}"

    return copied


@pytest.fixture
def bare_database(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Return the URL of a database without migrations, of the kind that this run tests."""
    if ON_POSTGRESQL:
        return create(request.getfixturevalue("postgresql"), "bare")
    return f"sqlite:///{tmp_path / 'bare.db'}"


@pytest.fixture
def runtime(
    tmp_path: Path,
    empty_database: Callable[[Path], str],
    redis_url: str,
    clean_redis: Redis,
    twilio: TwilioStandIn,
    library: Library,
) -> Iterator[Runtime]:
    app_settings = settings.load_settings(
        var_dir=tmp_path,
        redis_url=redis_url,
        database_url=empty_database(tmp_path),
        public_url=PUBLIC,
        twilio_account_sid=twilio.account_sid,
        twilio_auth_token=twilio.auth_token,
        twilio_sms_from="+12175550100",
        twilio_whatsapp_from="+12175550100",
        twilio_api_base=twilio.url,
        translator="off",
    )
    opened = open_runtime(app_settings, library)
    quicken(opened.database.engine)
    yield opened
    opened.database.engine.dispose()


@pytest.fixture(scope="session")
def shared_app() -> dict[str, Flask]:
    """Return the shared app by the key "app", which the first test that needs it creates."""
    return {}


class Phone(FlaskClient):
    """A client that checks each TwiML answer against Twilio's lists of verbs and attributes."""

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request. Raises AssertionError if the answer is XML but not TwiML."""
        answer = super().open(*args, **kwargs)
        if answer.mimetype == "text/xml":
            check(answer.text, "Voice" if answer.request.path.endswith("/voice") else "Messaging")
        return answer


@pytest.fixture
def serve(shared_app: dict[str, Flask]) -> Iterator[Callable[[Runtime], Flask]]:
    """Return a function that gives the shared app the runtime of a test, because creating an app takes long.

    The shared app serves one runtime at a time. A test that needs two apps, or different routes, creates its own.
    """
    before: dict[str, Any] = {}

    def served(runtime: Runtime) -> Flask:
        app = shared_app.get("app") or create_app(runtime=runtime)
        shared_app["app"], app.test_client_class = app, Phone
        before.update(before or app.config)
        app.extensions["puente"] = runtime
        app.secret_key = runtime.settings.secret_key
        return app

    yield served
    if before:
        shared_app["app"].config.clear()
        shared_app["app"].config.update(before)


@pytest.fixture
def client(runtime: Runtime, serve: Callable[[Runtime], Flask]) -> FlaskClient:
    return serve(runtime).test_client()


class Family:
    """A family's phone. `text()` posts a signed webhook and returns the texts that the phone shows."""

    def __init__(self, runtime: Runtime, client: FlaskClient, address: str) -> None:
        self.runtime, self.client, self.address = runtime, client, address
        self.sid = ""
        self.status = 0

    def text(self, body: str, **fields: str) -> str:
        """Send a text and return the replies. `status` holds the status code."""
        self.sid = fields.pop("MessageSid", f"SM{uuid4().hex}")
        form = {"MessageSid": self.sid, "From": self.address, "Body": body, "AccountSid": self.account, **fields}
        return self.post(form)

    def post(self, form: dict[str, str]) -> str:
        """Post a form with Twilio's signature and return the replies."""
        url = f"{PUBLIC}/webhooks/twilio/messages"
        signature = sign(self.runtime.settings.twilio_auth_token, url, form)
        headers = {"X-Twilio-Signature": signature}
        answer = self.client.post("/webhooks/twilio/messages", data=form, headers=headers)
        self.status = answer.status_code
        return "\n---\n".join(read_twiml(200, answer.content_type, answer.text)[0]) if self.status == 200 else ""

    @property
    def account(self) -> str:
        return self.runtime.settings.account_sid


@pytest.fixture
def family(runtime: Runtime, client: FlaskClient) -> Family:
    return Family(runtime, client, "whatsapp:+12175550177")


@pytest.fixture
def new_family(runtime: Runtime, client: FlaskClient) -> Callable[[str], Family]:
    return lambda address: Family(runtime, client, address)
