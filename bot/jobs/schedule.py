"""What runs by the clock (`rq cron bot.jobs.schedule`).  One such process is enough; two would do no harm."""

import logging
from functools import partial

from rq import Queue, cron
from rq.serializers import JSONSerializer

from bot.base import logs
from bot.jobs import digest, look_for_missed, redact, remind, retain, sweep, watch

SWEEP_SECONDS = 10
"""Often, so that an alert whose worker was killed leaves well within 90 seconds."""
WATCH_SECONDS = 60
MISSED_SECONDS = 60
REDACT_SECONDS = 60
"""After a large announcement one run deletes only some of it at Twilio; the next goes on."""
RETAIN_SECONDS = 600
"""A day's rows of a large district; what is not done then is done an hour later."""
REMIND_SECONDS = 3600
"""What is past its time changes with the day; an hour is soon enough for every time zone."""

logs.configure(logging.WARNING)  # `rq cron` imports this file; it adds no handler of its own where one is
# rq 3.0's cron takes `--serializer` and does not use it: its jobs would be pickled, and our workers refuse pickles.
cron.Queue = partial(Queue, serializer=JSONSerializer)  # type: ignore[assignment,attr-defined]
cron.register(sweep, "urgent", interval=SWEEP_SECONDS, job_timeout=60, result_ttl=0, ttl=SWEEP_SECONDS, failure_ttl=60)
cron.register(watch, "urgent", interval=WATCH_SECONDS, job_timeout=60, result_ttl=0, ttl=WATCH_SECONDS, failure_ttl=60)
cron.register(
    remind, "default", interval=REMIND_SECONDS, job_timeout=60, result_ttl=0, ttl=REMIND_SECONDS, failure_ttl=60
)
cron.register(
    digest, "default", interval=REMIND_SECONDS, job_timeout=60, result_ttl=0, ttl=REMIND_SECONDS, failure_ttl=60
)
cron.register(
    retain,
    "default",
    interval=REMIND_SECONDS,
    job_timeout=RETAIN_SECONDS,
    result_ttl=0,
    ttl=REMIND_SECONDS,
    failure_ttl=60,
)
cron.register(
    look_for_missed, "urgent", interval=MISSED_SECONDS, job_timeout=60, result_ttl=0, ttl=MISSED_SECONDS, failure_ttl=60
)
cron.register(redact, "bulk", interval=REDACT_SECONDS, job_timeout=60, result_ttl=0, ttl=REDACT_SECONDS, failure_ttl=60)
