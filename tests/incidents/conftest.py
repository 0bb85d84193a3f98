"""A district whose protocol counsel has signed, the front office's phones, and what the workers would do."""

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

__all__ = ["cheap_passwords"]  # this fixture holds here too

IRIS, PAT, SAM, RUTH, NORA, DANA, MIA = (f"+121755501{end}" for end in (83, 46, 44, 51, 81, 43, 82))
"""Front office of Lincoln; attendance office of all schools; principal of Lincoln; superintendent's office; counsel;
safety lead; principal of Harbor and Riverbend High."""


def signed(library: Library, review_by: date = date(2027, 7, 31)) -> Library:
    """The library with the sample signed, as if it were the district's own protocol."""
    assert library.district.protocol is not None
    own = {"sample": False, "signed_off_by": "District counsel", "signed_on": date(2026, 8, 3), "review_by": review_by}
    protocol = library.district.protocol.model_copy(update=own)
    return replace(library, district=library.district.model_copy(update={"protocol": protocol}))


@pytest.fixture
def live(services: Runtime) -> Runtime:
    """The services of a district whose protocol is live."""
    return replace(services, library=signed(services.library))


@pytest.fixture
def phone(live: Runtime, serve: Callable[[Runtime], Flask]) -> Callable[[str], Family]:
    """A phone that texts the live district."""
    client = serve(live).test_client()
    return lambda address: Family(live, client, address)


@pytest.fixture
def sample_phone(services: Runtime, client: FlaskClient) -> Callable[[str], Family]:
    """A phone that texts the example district, whose protocol is a sample."""
    return lambda address: Family(services, client, address)


@pytest.fixture
def worker(live: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Runs what is queued for `urgent`, with RQ's own worker, in this process."""
    from rq import Queue, SimpleWorker
    from rq.serializers import JSONSerializer

    monkeypatch.setattr(jobs, "get_runtime", lambda: live)

    def work() -> None:
        queues = [Queue(name, connection=live.redis, serializer=JSONSerializer) for name in ("urgent", "default")]
        SimpleWorker(queues, connection=live.redis, serializer=JSONSerializer).work(burst=True, logging_level="ERROR")

    yield work


def incident(services: Runtime, number: int = 1) -> incidents.Incident:
    with services.database.read() as db:
        return incidents.get(db, number)


def entries(services: Runtime, number: int = 1) -> list[incidents.IncidentEntry]:
    with services.database.read() as db:
        return list(incidents.list_entries(db, number))


def case_of(services: Runtime, number: int = 1) -> cases.Case:
    with services.database.read() as db:
        return cases.get(db, number)
