"""What runs by the clock (`rq cron bot/jobs/schedule.py`).  One such process is enough; two would do no harm."""

from rq import cron

from bot.jobs import sweep

SWEEP_SECONDS = 10
"""Often, so that an alert whose worker was killed leaves well within 90 seconds."""

cron.register(
    sweep, "urgent", interval=SWEEP_SECONDS, job_timeout=60, result_ttl=0, ttl=SWEEP_SECONDS, failure_ttl=3600
)
