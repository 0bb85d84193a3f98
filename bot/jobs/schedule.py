"""The periodic jobs (`rq cron bot.jobs.schedule`). One such process is enough, and two do no harm."""

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
"""Short, so that an alert whose worker was killed is sent within 90 seconds."""
ALARM_INTERVAL_SECONDS = 60
MISSED_INTERVAL_SECONDS = 60
REDACT_INTERVAL_SECONDS = 60
"""After a large announcement, one run redacts only some messages at Twilio. The next run continues."""
RETENTION_TIMEOUT_SECONDS = 600
"""Enough for a day's rows of a large district. The run an hour later continues."""
REMINDER_INTERVAL_SECONDS = 3600
"""Due dates change with the day. An hour is often enough for every time zone."""

logs.configure(logging.WARNING)  # `rq cron` imports this file, and adds no handler if one exists
# The cron of rq 3.0 ignores `--serializer`. Its jobs would be pickled, and our workers reject pickles.
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
