"""Log lines are JSON with a trace id and contain no family data, whatever fails.

The errors are real: SQLAlchemy with a database, Twilio's client, and requests over HTTP.
"""

import ast
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from rq import Queue, Worker
from rq.job import Job
from rq.registry import FailedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from twilio.base.exceptions import TwilioRestException

from bot import jobs
from bot.base import logs, settings
from bot.base.database import now
from bot.base.queues import enqueue
from bot.messaging.delivery import deliver
from bot.messaging.delivery_status import DeliveryReport, record_report
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.families import contacts
from tests.announcements.conftest import District, district
from tests.conftest import Family
from tests.stand_in import TwilioStandIn
from worker import ReconnectingWorker

__all__ = ["district"]

NUMBER, NAME, WORDS = "+12175559876", "Quillonette", "my cousin lives in Cypress Street"
PLANTED = (NUMBER, "2175559876", "555-9876", NAME, WORDS, "Cypress")


class Lines(logging.Handler):
    """Collect the log output, line by line."""

    def __init__(self, machine: bool) -> None:
        super().__init__()
        self.setFormatter(logs.LogFormatter(machine))
        self.stream = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        """Override the base class."""
        self.stream.write(self.format(record) + "\n")

    @property
    def text(self) -> str:
        """Return the whole output."""
        return self.stream.getvalue()

    @property
    def found(self) -> list[dict[str, Any]]:
        """Parse each line."""
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture(params=[True, False], ids=["json", "read"])
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    yield from _listening(request.param)


@pytest.fixture
def as_json() -> Iterator[Lines]:
    yield from _listening(True)


def _listening(machine: bool) -> Iterator[Lines]:
    handler, root = Lines(machine), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


def raise_sqlalchemy_error(runtime: Runtime) -> None:
    with runtime.database.write() as db:
        db.execute(text("INSERT INTO cases (about, no_such) VALUES (:a, :b)"), {"a": WORDS, "b": NUMBER})


def raise_twilio_error(runtime: Runtime) -> None:
    runtime.channel._client.messages.create(to=NUMBER, body=WORDS)  # type: ignore[attr-defined]


def raise_requests_error(runtime: Runtime) -> None:
    requests.get(f"http://127.0.0.1:9/Messages?To={NUMBER}&Body={NAME}", timeout=1)


def raise_own_error(runtime: Runtime) -> None:
    try:
        raise ValueError(f"cannot read {WORDS} of {NAME}")
    except ValueError as error:
        raise RuntimeError(f"while writing to {NUMBER}") from error


@pytest.mark.parametrize(
    "break_it", [raise_sqlalchemy_error, raise_twilio_error, raise_requests_error, raise_own_error]
)
def test_errors_log_location_without_content(break_it: Any, runtime: Runtime, lines: Lines) -> None:
    with pytest.raises((SQLAlchemyError, TwilioRestException, requests.RequestException, RuntimeError)) as caught:
        break_it(runtime)
    assert break_it in (raise_sqlalchemy_error, raise_twilio_error) or any(
        word in str(caught.value) for word in PLANTED
    )
    for name in ("bot.somewhere", "some.library", "rq.worker", "worker"):
        logging.getLogger(name).error("it broke: id=%s", 7, exc_info=caught.value)
    assert "test_logs.py" in lines.text and caught.type.__name__ in lines.text
    assert not [word for word in PLANTED if word in lines.text]
    assert not [word for word in PLANTED if word in logs.format_exception_line(caught.value)]


def test_sql_errors_do_not_contain_parameters(runtime: Runtime) -> None:
    with pytest.raises(SQLAlchemyError) as caught:
        raise_sqlalchemy_error(runtime)
    assert not [word for word in PLANTED if word in str(caught.value)]


def test_log_shows_only_allowed_fields_with_id_like_values(lines: Lines) -> None:
    mine = logging.getLogger("bot.somewhere")
    mine.warning("sent: delivery=%s kind=%s phone=%s", "a" * 32, WORDS, "17")
    mine.warning("sent: case=%s id=%s", NUMBER, "217 555 9876")
    mine.warning("the translator raised %s", NAME)
    logging.getLogger("some.library").warning("calling %s", NUMBER)
    logging.getLogger("some.library").warning(f"calling {NUMBER} {NAME}")
    logging.getLogger("rq.worker").error("%s: job %s\n%s", "w1", "j1", f"Traceback … {NUMBER} {WORDS}")
    logging.getLogger("rq.worker").error(f"could not reach {NUMBER}")
    assert (
        "a" * 32 in lines.text
        and "j1" in lines.text
        and "17" not in re.sub(r"\d\d:\d\d:\d\d\S*|2026\S*", "", lines.text)
    )
    assert not [word for word in PLANTED if word in lines.text]


@given(st.from_regex(r"\+?\d{3}[ .-]?\d{3}[ .-]?\d{4}", fullmatch=True))
def test_phone_number_is_hidden_in_every_spelling(number: str) -> None:
    record = logging.LogRecord("bot.x", logging.INFO, "x.py", 1, "sent: id=%s case=%s", (number, f"to:{number}"), None)
    shown = json.loads(logs.LogFormatter(True).format(record))
    assert shown["id"] == shown["case"] == "(hidden)"


def test_message_trace_runs_from_webhook_to_status_callback(
    runtime: Runtime, family: Family, as_json: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "get_runtime", lambda: runtime)
    family.text(f"ICE is at my door right now, I am {NAME}")
    trace = runtime.database.vault.compute_lookup_hash(family.sid)[:12]
    job = next(iter(Queue("urgent", connection=runtime.redis, serializer=JSONSerializer).jobs))
    assert job.meta == {"trace": trace}, "the job carries it"
    worker(runtime).work(burst=True)
    with runtime.database.read() as db:
        pages = deliveries.list_for_case(db, 1)
    assert pages and {one.trace for one in pages} == {trace}, "so do the rows"
    sent = next(one for one in pages if one.sid)
    record_report(runtime, DeliveryReport(sent.sid or "", "delivered", sent.id))
    events = [line["event"] for line in as_json.found if line.get("trace") == trace]
    assert {"paged", "sent", "reported"} <= set(events), events
    assert NAME not in as_json.text and family.address not in as_json.text
    assert logs.get_trace() is None, "the next request is another one"


def test_announcement_trace_reaches_its_threads(
    runtime: Runtime, district: District, twilio: TwilioStandIn, as_json: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "get_runtime", lambda: runtime)
    monkeypatch.setattr("os.nice", lambda _: 0)
    monkeypatch.setattr("bot.announcements.provider_requests.FIRST_LOOKUP_DELAY", timedelta(0))
    district.family("+12175550161")
    number = district.say()
    runtime.redis.flushdb()  # another worker has done the other jobs: the broadcast yields to them
    twilio.fail_next("drop_after_accept")
    jobs.start_announcement(number)
    for _ in range(3):
        jobs.send_announcement(number, 0)
    told = {
        line["event"]: line.get("trace") for line in as_json.found if line["logger"].startswith("bot.announcements")
    }
    assert {"frozen", "found at Twilio", "done"} <= set(told) and set(told.values()) == {f"a{number}"}
    assert logs.get_trace() is None and "55501" not in as_json.text


def test_log_explains_why_a_message_was_not_sent(
    runtime: Runtime, family: Family, new_family: Callable[[str], Family], as_json: Lines
) -> None:
    family.text("ICE is at my door right now")
    new_family("+12175550143").text("TAKE 1")
    family.text("STOP")
    with runtime.database.write() as db:
        contact = contacts.find(db, family.address)
        assert contact
        planned = deliveries.plan_staff_message(db, contact.id, WORDS, now(), kind="notice")
    deliver(runtime, planned)
    found = {line["event"]: line for line in as_json.found}
    assert found["taken"]["how"] == "by_text" and found["no delivery route"]["reason"] == "stopped"
    assert found["taken"]["case"] == 1 and not [word for word in PLANTED if word in as_json.text]


def test_failed_job_stores_location_but_no_content_in_redis(runtime: Runtime, as_json: Lines) -> None:
    logging.getLogger("rq").setLevel(logging.WARNING)  # like `--quiet`
    enqueue(runtime.redis, "default", "tests.base.test_logs.breaks", NUMBER)
    worker(runtime, "default").work(burst=True)
    queue = Queue("default", connection=runtime.redis, serializer=JSONSerializer)
    failed = FailedJobRegistry(queue=queue).get_job_ids()
    job = Job.fetch(failed[0], connection=runtime.redis, serializer=JSONSerializer)
    kept = job.latest_result()
    assert kept is not None and kept.type == Result.Type.FAILED
    assert "test_logs.py" in (kept.exc_string or "") and "RuntimeError" in (kept.exc_string or "")
    assert not [word for word in PLANTED if word in (kept.exc_string or "") + as_json.text]
    assert any(line["event"] == "job failed" and line["exception"] for line in as_json.found)


def test_worker_reregisters_after_redis_flush(runtime: Runtime) -> None:
    mine = worker(runtime)
    mine.register_birth()
    runtime.redis.flushdb()
    assert Worker.all(connection=runtime.redis) == []
    mine.heartbeat()
    (found,) = Worker.all(connection=runtime.redis)
    assert found.last_heartbeat is not None
    mine.register_death()
    assert Worker.all(connection=runtime.redis) == [], "one that has ended is not"


def breaks(number: str) -> None:
    raise RuntimeError(f"cannot write to {number} of {NAME}")


def worker(runtime: Runtime, *names: str) -> ReconnectingWorker:
    """Run our worker in this process, without a fork, so that its log lines can be read here."""
    queues = [Queue(one, connection=runtime.redis, serializer=JSONSerializer) for one in names or ("urgent",)]
    return InProcessWorker(queues, connection=runtime.redis, serializer=JSONSerializer)


class InProcessWorker(ReconnectingWorker):
    """Run jobs without a work-horse."""

    def execute_job(self, job: Job, queue: Queue, *args: Any, **kwargs: Any) -> None:
        """Behave like rq's SimpleWorker."""
        self.perform_job(job, queue, self.prepare_execution(job))


def test_log_messages_are_literals_never_built_strings() -> None:
    """The message of a log line is a constant. Only its arguments vary, and each is checked."""
    for path in (settings.ROOT / "bot").rglob("*.py"):
        assert "structlog.get_logger" not in path.read_text(), f"{path}: its lines would pass by the redaction"
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if getattr(node.func.value, "id", "") == "log" and node.func.attr in (
                "info",
                "warning",
                "error",
                "exception",
            ):
                words = node.args[0]
                assert isinstance(words, ast.Constant), f"{path}:{node.lineno}"
                fields = re.findall(r"(\w+)=%", str(words.value))
                assert set(fields) <= logs.ALLOWED_FIELDS, (
                    f"{path}:{node.lineno}: put the field into logs.ALLOWED_FIELDS"
                )
