"""Text the technical contact about alarms: once when an alarm starts, and once when it ends.

A web process and a worker check every minute, so that each can report the other. An alarm's row is claimed in one
transaction with its text, so that only one process sends it. The text is sent directly, without the queue, because the
queue may be what failed.
"""

import logging
import time
from contextlib import suppress
from datetime import datetime, timedelta

from redis import RedisError

from bot.base.database import Transaction, now
from bot.channels.base import OutgoingMessage, SendError
from bot.messaging import delivery
from bot.monitoring import alert_rules
from bot.monitoring.alert_rules import ActiveAlarm
from bot.monitoring.snapshot import WEB_LAST_SEEN_KEY, take_snapshot
from bot.runtime import Runtime
from bot.store.cases import deliveries
from bot.store.operations import alarms

ALARM_CHECK_SECONDS = 60
ALARM_NOTIFY_DELAY = timedelta(seconds=100)
"""How long an alarm lasts before a text is sent, so that a restart or one slow minute wakes nobody."""
ALARM_END_DELAY = timedelta(minutes=5)
"""How long it must be quiet before an alarm counts as over."""
DATABASE_FAILURES_KEY, FAILURES_BEFORE_ALARM, FAILURE_COUNT_SECONDS = "puente:alarms:database", 3, 6 * 3600
"""After the third failed check of the database, a text is sent. Redis counts them, because no row can be saved."""

ALARM_SMS_TEXTS = {
    "database_away": "the database doesn't answer: Puente rejects messages, and Twilio repeats them for a while",
    "redis_away": "Redis doesn't answer: families get only emergency answers and a person",
    "worker_missing": "no worker runs: no alerts or messages are sent",
    "scheduler_missing": "the scheduler doesn't run: overdue work is not found",
    "web_missing": "no web process was seen: families may get no answer",
    "messages_missed": "in the last hour, messages reached Twilio but not Puente, and were answered late",
    "queue_urgent": "alerts wait in the queue",
    "queue_default": "messages wait in the queue",
    "queue_bulk": "announcements wait in the queue",
    "twilio_failing": "Twilio rejects our messages",
    "deliveries_late": "due messages are not sent",
    "unknown_outcomes": "for many messages, it is unknown whether they were sent",
    "disk_full": "the disk is nearly full",
    "opt_outs": "many families opted out within an hour",
    "encoder_failing": "the encoder doesn't work: Puente understands fewer messages",
    "logins_locked": "several logins are locked after wrong passwords",
}
"""The texts of alarms that the technical contact gets by SMS."""

log = logging.getLogger(__name__)


def check_alarms(runtime: Runtime) -> list[ActiveAlarm]:
    """Check once, text the technical contact about new and ended alarms, and return the active alarms."""
    snapshot = take_snapshot(runtime)
    active_alarms = alert_rules.find_alarms(snapshot)
    if snapshot.database is None:
        _handle_database_down(runtime)
        return active_alarms
    _handle_database_recovery(runtime)
    for delivery_id in _record_changes(runtime, active_alarms, snapshot.taken_at):
        delivery.deliver(runtime, delivery_id)
    return active_alarms


def check_forever(runtime: Runtime) -> None:
    """Check every minute, in a thread of a web process, and record that this process runs."""
    while True:
        try:
            _record_web_alive(runtime)
            check_alarms(runtime)
        except Exception as error:
            # The thread must survive every error, because a dead thread checks nothing.
            log.warning("alarm check failed: reason=%s", type(error).__name__, exc_info=error)
        time.sleep(ALARM_CHECK_SECONDS)


def _record_web_alive(runtime: Runtime) -> None:
    with suppress(RedisError):  # Redis has its own alarm
        runtime.redis.set(WEB_LAST_SEEN_KEY, f"{now().timestamp():.0f}", ex=24 * 3600)


def _record_changes(runtime: Runtime, active_alarms: list[ActiveAlarm], current_time: datetime) -> list[str]:
    """Record which alarms started or ended, and return the planned texts."""
    active_by_name = {alarm.name: alarm for alarm in active_alarms}
    planned: list[str] = []
    with runtime.database.read() as db:
        if not active_alarms and not alarms.list_open(db):
            return planned
    with runtime.database.write() as db:
        alarms.record_active(db, [alarm.name for alarm in active_alarms], current_time)
        for row in alarms.list_open(db):
            current = active_by_name.get(row.name)
            if current is None:
                if row.seen_at <= current_time - ALARM_END_DELAY:
                    planned += _end_alarm(runtime, db, row, current_time)
                continue
            is_due = current.level == "text" and row.began_at <= current_time - ALARM_NOTIFY_DELAY
            if is_due and alarms.mark_notified(db, row.id, current_time):
                log.warning("alarm: alarm=%s", row.name)
                planned += _plan_texts(runtime, db, _build_alarm_text(runtime, current), current_time)
    return planned


def _end_alarm(runtime: Runtime, db: Transaction, alarm: alarms.Alarm, current_time: datetime) -> list[str]:
    if not alarms.end(db, alarm.id, current_time) or alarm.notified_at is None:
        return []
    log.info("alarm is over: alarm=%s", alarm.name)
    return _plan_texts(runtime, db, _build_end_text(runtime, alarm.name), current_time)


def _build_end_text(runtime: Runtime, name: str) -> str:
    return f'{runtime.library.district.name}: this alarm is over: "{ALARM_SMS_TEXTS[name]}".'


def _build_alarm_text(runtime: Runtime, alarm: ActiveAlarm) -> str:
    figure = f" ({alarm.value})" if alarm.value else ""
    text = f"{ALARM_SMS_TEXTS[alarm.name]}{figure}"
    link = f"{runtime.settings.public_base}/console/well"
    return f"{runtime.library.district.name}: {text}. What to do: {link} and docs/runbook.md"


def _plan_texts(runtime: Runtime, db: Transaction, body: str, current_time: datetime) -> list[str]:
    """Plan one text to the technical contact, at any hour."""
    return [deliveries.plan_reminder(db, person, body, current_time) for person in list_technical_contacts(runtime)]


def list_technical_contacts(runtime: Runtime) -> tuple[str, ...]:
    """Return `technical` from the district file, or the first person of the default on-call chain."""
    district = runtime.library.district
    return (district.technical,) if district.technical else district.find_owners("technical contact")


def _handle_database_down(runtime: Runtime) -> None:
    """Count failed checks in Redis, because no row can be saved. Without Redis too, only /readyz reports it."""
    try:
        failure_count = int(runtime.redis.incr(DATABASE_FAILURES_KEY))
        runtime.redis.expire(DATABASE_FAILURES_KEY, FAILURE_COUNT_SECONDS)
    except RedisError:
        return
    if failure_count == FAILURES_BEFORE_ALARM:
        log.error("alarm: alarm=%s", "database_away")
        _send_now(runtime, _build_alarm_text(runtime, ActiveAlarm("database_away", "text", "")))


def _handle_database_recovery(runtime: Runtime) -> None:
    try:
        failure_count = runtime.redis.getdel(DATABASE_FAILURES_KEY)
    except RedisError:
        return
    if isinstance(failure_count, bytes) and int(failure_count) >= FAILURES_BEFORE_ALARM:
        _send_now(runtime, _build_end_text(runtime, "database_away"))


def _send_now(runtime: Runtime, body: str) -> None:
    """Send directly to Twilio, because there is no row to claim."""
    for person in list_technical_contacts(runtime):
        try:
            runtime.channel.send(OutgoingMessage("alarm", runtime.library.district.staff[person].phone, body))
        except SendError as error:
            log.warning("not sent: alarm=%s code=%s", "database_away", error.code)
