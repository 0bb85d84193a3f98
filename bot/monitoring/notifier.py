"""Who looks after the machines is told by text that the line is not well: once, and once more when it is over.

Looked at every minute by a web process and by a worker, so that each tells of the other; the row of an alarm is taken
in one transaction with its text, so that only one of them tells.  The text is handed over here and now, without the
queue: that may be just what does not work.
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
"""So long an alarm stands before anybody is told: a restart, or one slow minute, wakes nobody."""
ALARM_END_DELAY = timedelta(minutes=5)
"""So long it is quiet before it counts as over."""
DATABASE_FAILURES_KEY, FAILURES_BEFORE_ALARM, FAILURE_COUNT_SECONDS = "puente:alarms:database", 3, 6 * 3600
"""How many looks in vain there were at the database; at the third it is told, which cannot be written down anywhere."""

ALARM_SMS_TEXTS = {
    "database_away": "the database does not answer: messages are refused, and Twilio sends them again for a while",
    "redis_away": "Redis does not answer: families get emergencies and a person only",
    "worker_missing": "no worker runs: alerts and messages do not leave",
    "scheduler_missing": "the scheduler does not run: nothing that is late is found",
    "web_missing": "no web process has been seen: families may get no answer",
    "messages_missed": "messages of the last hour reached Twilio but not us, and were answered late",
    "queue_urgent": "alerts wait in the queue",
    "queue_default": "messages wait in the queue",
    "queue_bulk": "announcements wait in the queue",
    "twilio_failing": "Twilio does not take what we send",
    "deliveries_late": "messages that are due do not leave",
    "unknown_outcomes": "of many messages it is not known whether they were sent",
    "disk_full": "the disk is nearly full",
    "opt_outs": "many families stopped the messages within an hour",
    "logins_locked": "several logins are locked after wrong passwords",
}
"""Of the alarms that are told by text."""

log = logging.getLogger(__name__)


def check_alarms(runtime: Runtime) -> list[ActiveAlarm]:
    """Look once; tell what is new, and what is over.  The alarms of this moment."""
    figures = take_snapshot(runtime)
    now_so = alert_rules.find_alarms(figures)
    if figures.database is None:
        _handle_database_down(runtime)
        return now_so
    _handle_database_recovery(runtime)
    for delivery_id in _record_changes(runtime, now_so, figures.taken_at):
        delivery.deliver(runtime, delivery_id)
    return now_so


def check_forever(runtime: Runtime) -> None:
    """For a thread of a web process: look every minute, for ever; also say that this process lives."""
    while True:
        try:
            _record_web_alive(runtime)
            check_alarms(runtime)
        except Exception as error:
            # Whatever it was: the next minute is looked at again.  A thread that has ended watches nothing.
            log.warning("not looked: reason=%s", type(error).__name__, exc_info=error)
        time.sleep(ALARM_CHECK_SECONDS)


def _record_web_alive(runtime: Runtime) -> None:
    with suppress(RedisError):  # which is an alarm of its own
        runtime.redis.set(WEB_LAST_SEEN_KEY, f"{now().timestamp():.0f}", ex=24 * 3600)


def _record_changes(runtime: Runtime, active_alarms: list[ActiveAlarm], at: datetime) -> list[str]:
    """Write down what began and what ended; the texts that follow."""
    names, of_name = [one.name for one in active_alarms], {one.name: one for one in active_alarms}
    planned: list[str] = []
    with runtime.database.read() as db:
        if not active_alarms and not alarms.list_open(db):
            return planned
    with runtime.database.write() as db:
        alarms.record_active(db, names, at)
        for one in alarms.list_open(db):
            current = of_name.get(one.name)
            if current is None and one.seen_at <= at - ALARM_END_DELAY:
                planned += _end_alarm(runtime, db, one, at)
            elif (
                current
                and current.level == "text"
                and one.began_at <= at - ALARM_NOTIFY_DELAY
                and alarms.mark_notified(db, one.id, at)
            ):
                log.warning("alarm: alarm=%s", one.name)
                planned += _plan_texts(runtime, db, _build_alarm_text(runtime, current), at)
    return planned


def _end_alarm(runtime: Runtime, db: Transaction, alarm: alarms.Alarm, at: datetime) -> list[str]:
    if not alarms.end(db, alarm.id, at) or alarm.notified_at is None:
        return []
    log.info("alarm is over: alarm=%s", alarm.name)
    return _plan_texts(runtime, db, _build_end_text(runtime, alarm.name), at)


def _build_end_text(runtime: Runtime, name: str) -> str:
    return f'{runtime.library.district.name}: this is over: "{ALARM_SMS_TEXTS[name]}".'


def _build_alarm_text(runtime: Runtime, alarm: ActiveAlarm) -> str:
    figure = f" ({alarm.value})" if alarm.value else ""
    where = f"{runtime.settings.public_base}/console/well"
    what = f"{ALARM_SMS_TEXTS[alarm.name]}{figure}"
    return f"{runtime.library.district.name}: {what}. What to do: {where} and docs/runbook.md"


def _plan_texts(runtime: Runtime, db: Transaction, body: str, at: datetime) -> list[str]:
    """One text to the technical contact, at any hour."""
    return [deliveries.plan_reminder(db, person, body, at) for person in list_technical_contacts(runtime)]


def list_technical_contacts(runtime: Runtime) -> tuple[str, ...]:
    """`technical` of the district file; where none is named, who comes first in the default chain."""
    district = runtime.library.district
    return (district.technical,) if district.technical else district.find_owners("technical contact")


def _handle_database_down(runtime: Runtime) -> None:
    """Nothing can be written down, so Redis counts the looks; without both nobody is told: /readyz says it."""
    try:
        looks = int(runtime.redis.incr(DATABASE_FAILURES_KEY))
        runtime.redis.expire(DATABASE_FAILURES_KEY, FAILURE_COUNT_SECONDS)
    except RedisError:
        return
    if looks == FAILURES_BEFORE_ALARM:
        log.error("alarm: alarm=%s", "database_away")
        _send_now(runtime, _build_alarm_text(runtime, ActiveAlarm("database_away", "text", "")))


def _handle_database_recovery(runtime: Runtime) -> None:
    try:
        looks = runtime.redis.getdel(DATABASE_FAILURES_KEY)
    except RedisError:
        return
    if isinstance(looks, bytes) and int(looks) >= FAILURES_BEFORE_ALARM:
        _send_now(runtime, _build_end_text(runtime, "database_away"))


def _send_now(runtime: Runtime, body: str) -> None:
    """Straight to Twilio: there is no row that could be claimed."""
    for person in list_technical_contacts(runtime):
        try:
            runtime.channel.send(OutgoingMessage("alarm", runtime.library.district.staff[person].phone, body))
        except SendError as error:
            log.warning("not sent: alarm=%s code=%s", "database_away", error.code)
