"""The worker: `python worker.py [QUEUE …]` does RQ's jobs, the most urgent queue first."""

import gc
import logging
import sys
from typing import Any

from redis import RedisError
from redis.client import Pipeline
from rq import Worker, worker_registration
from rq.cli.cli import main as rq
from rq.job import Job
from twilio.rest.api.v2010 import account as _loaded_now  # noqa: F401  # else half a second in each work-horse

from bot import jobs
from bot.base import logs, settings
from bot.base.database import Database
from bot.base.encryption import Vault
from bot.base.queues import QUEUE_NAMES
from bot.base.redis_client import RedisFromUrl
from bot.base.yaml_source import SourceError
from bot.content import dates
from bot.nlu import preload_language_model
from bot.store.lifecycle import reindex
from bot.translation import google as _loaded_too  # noqa: F401


class ReconnectingWorker(Worker):
    """RQ's worker, but while Redis is away it looks again every few seconds; RQ's own pauses grow to a minute.

    A job's lines carry the trace of what queued it; of one that fails neither log nor Redis keeps what its error says
    (RQ would repeat it, with a statement's parameters or a number).
    """

    max_connection_wait_time = 4.0

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """As RQ's, and whoever asks who works finds this worker again after Redis was emptied, or this machine slept:
        RQ 3.0 tells that once, at the start: it would count as missing for good (its scheduler does as here)."""
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)

    def perform_job(self, job: Job, *args: Any, **kwargs: Any) -> bool:
        """As RQ's."""
        with logs.trace_context(job.meta.get("trace")):
            was_successful: bool = super().perform_job(job, *args, **kwargs)
        return was_successful

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Where it broke, and of what kind it was."""
        with logs.trace_context(job.meta.get("trace")):
            logging.getLogger("worker").error("job failed: job=%s id=%s", job.func_name, job.id, exc_info=exc_info)

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """As RQ's; what is kept for three days says where, not what."""
        error = sys.exc_info()[1]
        if error is not None:
            kwargs["exc_string"] = logs.format_exception_line(error)
        super().handle_job_failure(job, *args, **kwargs)


# Why these (docs/dependencies.md): with RQ's defaults it takes a quarter of an hour until a killed worker is noticed.
RQ_OPTIONS = (
    *("--worker-class", "worker.ReconnectingWorker"),
    *("--connection-class", "bot.base.redis_client.RedisFromUrl"),
    *("--serializer", "rq.serializers.JSONSerializer"),
    *("--job-monitoring-interval", "5"),
    *("--maintenance-interval", "10"),
    *("--worker-ttl", "30"),
    *("--results-ttl", "0"),
    "--disable-job-desc-logging",
    "--quiet",
)


def main(queues: list[str]) -> None:
    """Work until SIGTERM; exits with 1 if the settings are unusable or Redis is not there at the start."""
    logs.configure()
    try:
        process_settings = settings.load_settings()
        # Read before the fork, so that no job has to.  Nothing here may open a connection: a fork would share it.
        library = jobs.get_library()
        _check_keys(process_settings)
    except (settings.SettingsError, SourceError) as error:
        sys.exit(f"The worker cannot start:\n{error}")
    preload_language_model(library.understood_languages)
    dates.preload_calendars(library.district.languages)
    _check_redis(process_settings.redis_url)
    gc.collect()
    gc.freeze()  # a collection in a work-horse then copies nothing: 55 MB each (docs/performance.md)
    rq(["worker", "--url", process_settings.redis_url, *RQ_OPTIONS, *(queues or QUEUE_NAMES)])


def _check_keys(process_settings: settings.Settings) -> None:
    """Raises `SettingsError` for a wrong `DATA_KEY`: one such worker of several takes its part of the alerts, and can
    read none.  The connection is closed before the fork."""
    database = Database(process_settings.database_url, Vault(process_settings.data_keys))
    problem = reindex.explain_unfit_database(database)
    database.engine.dispose()
    if problem:
        raise settings.SettingsError(problem)


def _check_redis(redis_url: str) -> None:
    """Ends with a sentence if Redis is not there; RQ would log one with the address, which may hold a password."""
    try:
        with RedisFromUrl.from_url(redis_url) as redis:
            redis.ping()
    except RedisError as error:
        sys.exit(
            f"The worker cannot start:\nRedis does not answer ({type(error).__name__}). "
            "Is REDIS_URL right, and does the server run?"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
