"""A district whose protocol counsel has signed, the phones of the front office, and the workers' jobs."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bot import jobs
from bot.content.library import Library
from bot.runtime import Runtime
from bot.store.cases import cases
from bot.store.schools import incidents
from tests.conftest import Family
from tests.web.console.test_login import cheap_passwords

__all__ = ["cheap_passwords"]  # this fixture also applies here

IRIS, PAT, SAM, RUTH, NORA, DANA, MIA = (f"+121755501{end}" for end in (83, 46, 44, 51, 81, 43, 82))
"""Front office of Lincoln; attendance office of all schools; principal of Lincoln; superintendent's office; counsel;
safety lead; principal of Harbor and Riverbend High."""


def sign_protocol(library: Library, review_by: date = date(2027, 7, 31)) -> Library:
    """Return the library with the sample signed, as if it were the district's own protocol."""
    assert library.district.protocol is not None
    own = {"sample": False, "signed_off_by": "District counsel", "signed_on": date(2026, 8, 3), "review_by": review_by}
    protocol = library.district.protocol.model_copy(update=own)
    return replace(library, district=library.district.model_copy(update={"protocol": protocol}))


@pytest.fixture
def live(runtime: Runtime) -> Runtime:
    """The runtime of a district whose protocol is active."""
    return replace(runtime, library=sign_protocol(runtime.library))


@pytest.fixture
def phone(live: Runtime, serve: Callable[[Runtime], Flask]) -> Callable[[str], Family]:
    """A phone that texts the district with the active protocol."""
    client = serve(live).test_client()
    return lambda address: Family(live, client, address)


@pytest.fixture
def sample_phone(runtime: Runtime, client: FlaskClient) -> Callable[[str], Family]:
    """A phone that texts the example district, whose protocol is a sample."""
    return lambda address: Family(runtime, client, address)


@pytest.fixture
def worker(live: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Run the jobs in the `urgent` queue with RQ's own worker, in this process."""
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    monkeypatch.setattr(jobs, "get_runtime", lambda: live)

    def work() -> None:
        queues = [Queue(name, connection=live.redis, serializer=JSONSerializer) for name in ("urgent", "default")]
        SimpleWorker(queues, connection=live.redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")

    yield work


def incident(runtime: Runtime, number: int = 1) -> incidents.Incident:
    with runtime.database.read() as db:
        return incidents.get(db, number)


def entries(runtime: Runtime, number: int = 1) -> list[incidents.IncidentEntry]:
    with runtime.database.read() as db:
        return list(incidents.list_entries(db, number))


def case_of(runtime: Runtime, number: int = 1) -> cases.Case:
    with runtime.database.read() as db:
        return cases.get(db, number)
