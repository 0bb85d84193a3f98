"""What runs by the clock (`rq cron bot.jobs.schedule`).  One such process is enough; two would do no harm."""

import logging
from functools import partial

from rq import Queue, cron
from rq.serializers import JSONSerializer

from bot.base import logs
from bot.jobs import (
    answer_missed_messages,
    check_alarms,
    delete_expired_records,
    redact_provider_messages,
    run_sweep,
    send_reminders,
    send_weekly_digest,
)

SWEEP_INTERVAL_SECONDS = 10
"""Often, so that an alert whose worker was killed leaves well within 90 seconds."""
ALARM_INTERVAL_SECONDS = 60
MISSED_INTERVAL_SECONDS = 60
REDACT_INTERVAL_SECONDS = 60
"""After a large announcement one run deletes only some of it at Twilio; the next goes on."""
RETENTION_TIMEOUT_SECONDS = 600
"""A day's rows of a large district; what is not done then is done an hour later."""
REMINDER_INTERVAL_SECONDS = 3600
"""What is past its time changes with the day; an hour is soon enough for every time zone."""

logs.configure(logging.WARNING)  # `rq cron` imports this file; it adds no handler of its own where one is
# rq 3.0's cron takes `--serializer` and does not use it: its jobs would be pickled, and our workers refuse pickles.
cron.Queue = partial(Queue, serializer=JSONSerializer)  # type: ignore[assignment,attr-defined]
cron.register(
    run_sweep,
    "urgent",
    interval=SWEEP_INTERVAL_SECONDS,
    job_timeout=60,
    result_ttl=0,
    ttl=SWEEP_INTERVAL_SECONDS,
    failure_ttl=60,
)
cron.register(
    check_alarms,
    "urgent",
    interval=ALARM_INTERVAL_SECONDS,
    job_timeout=60,
    result_ttl=0,
    ttl=ALARM_INTERVAL_SECONDS,
    failure_ttl=60,
)
cron.register(
    send_reminders,
    "default",
    interval=REMINDER_INTERVAL_SECONDS,
    job_timeout=60,
    result_ttl=0,
    ttl=REMINDER_INTERVAL_SECONDS,
    failure_ttl=60,
)
cron.register(
    send_weekly_digest,
    "default",
    interval=REMINDER_INTERVAL_SECONDS,
    job_timeout=60,
    result_ttl=0,
    ttl=REMINDER_INTERVAL_SECONDS,
    failure_ttl=60,
)
cron.register(
    delete_expired_records,
    "default",
    interval=REMINDER_INTERVAL_SECONDS,
    job_timeout=RETENTION_TIMEOUT_SECONDS,
    result_ttl=0,
    ttl=REMINDER_INTERVAL_SECONDS,
    failure_ttl=60,
)
cron.register(
    answer_missed_messages,
    "urgent",
    interval=MISSED_INTERVAL_SECONDS,
    job_timeout=60,
    result_ttl=0,
    ttl=MISSED_INTERVAL_SECONDS,
    failure_ttl=60,
)
cron.register(
    redact_provider_messages,
    "bulk",
    interval=REDACT_INTERVAL_SECONDS,
    job_timeout=60,
    result_ttl=0,
    ttl=REDACT_INTERVAL_SECONDS,
    failure_ttl=60,
)
