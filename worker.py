"""Run RQ's jobs, the most urgent queue first: `python worker.py [QUEUE …]`."""

import gc
import logging
import sys
from typing import Any

from redis import RedisError
from redis.client import Pipeline
from rq import Worker, worker_registration
from rq.cli.cli import main as rq
from rq.job import Job
from twilio.rest.api.v2010 import account as _loaded_now  # noqa: F401  # saves each work-horse half a second

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
    """RQ's worker, which retries every few seconds while Redis is unavailable. RQ's delays grow to a minute.

    The log lines of a job have the trace of the request that queued it. Neither the log nor Redis stores the message of
    a failed job's error, which can contain a statement's parameters or a phone number.
    """

    max_connection_wait_time = 4.0

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Send a heartbeat and register the worker again, in case Redis was flushed or this machine was asleep.

        RQ 3.0 registers a worker only at the start, so that it would be missing from the list afterwards. RQ's
        scheduler registers with each heartbeat too.
        """
        super().heartbeat(timeout, pipeline)
        worker_registration.register(self, pipeline)

    def perform_job(self, job: Job, *args: Any, **kwargs: Any) -> bool:
        """Run a job with the trace of the request that queued it."""
        with logs.trace_context(job.meta.get("trace")):
            was_successful: bool = super().perform_job(job, *args, **kwargs)
        return was_successful

    def handle_exception(self, job: Job, *exc_info: Any) -> None:
        """Log the type and location of an error, without its message."""
        with logs.trace_context(job.meta.get("trace")):
            logging.getLogger("worker").error("job failed: job=%s id=%s", job.func_name, job.id, exc_info=exc_info)

    def handle_job_failure(self, job: Job, *args: Any, **kwargs: Any) -> None:
        """Save the type and location of an error in Redis for three days, without its message."""
        error = sys.exc_info()[1]
        if error is not None:
            kwargs["exc_string"] = logs.format_exception_line(error)
        super().handle_job_failure(job, *args, **kwargs)


# With RQ's defaults, it takes 15 minutes to notice a killed worker (docs/dependencies.md).
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
    """Run jobs until SIGTERM. Exit with 1 if the settings are invalid or Redis is unavailable at the start."""
    logs.configure()
    try:
        process_settings = settings.load_settings()
        # Load the library before the fork, so that no job has to. Don't open a connection: a fork would share it.
        library = jobs.get_library()
        _check_keys(process_settings)
    except (settings.SettingsError, SourceError) as error:
        sys.exit(f"The worker cannot start:\n{error}")
    preload_language_model(library.understood_languages)
    dates.preload_calendars(library.district.languages)
    _check_redis(process_settings.redis_url)
    gc.collect()
    gc.freeze()  # a collection in a work-horse then copies no memory, 55 MB each (docs/performance.md)
    rq(["worker", "--url", process_settings.redis_url, *RQ_OPTIONS, *(queues or QUEUE_NAMES)])


def _check_keys(process_settings: settings.Settings) -> None:
    """Raise `SettingsError` for a wrong `DATA_KEY`, with which a worker would take alerts but could not read them.

    The connection closes before the fork.
    """
    database = Database(process_settings.database_url, Vault(process_settings.data_keys))
    problem = reindex.explain_unfit_database(database)
    database.engine.dispose()
    if problem:
        raise settings.SettingsError(problem)


def _check_redis(redis_url: str) -> None:
    """Exit with a message if Redis is unavailable. RQ would log the URL, which can contain a password."""
    try:
        with RedisFromUrl.from_url(redis_url) as redis:
            redis.ping()
    except RedisError as error:
        sys.exit(
            f"The worker cannot start:\nRedis does not answer ({type(error).__name__}). "
            "Check REDIS_URL, and whether the server is running."
        )


if __name__ == "__main__":
    main(sys.argv[1:])
