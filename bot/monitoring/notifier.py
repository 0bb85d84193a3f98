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
from sqlalchemy.engine import Connection

from bot.base.database import now
from bot.channels.base import Outgoing, SendError
from bot.messaging import delivery
from bot.monitoring import alert_rules
from bot.monitoring.alert_rules import Found
from bot.monitoring.snapshot import WEB_SEEN, read
from bot.runtime import Services
from bot.store.cases import deliveries
from bot.store.operations import alarms

EVERY_SECONDS = 60
STAYS = timedelta(seconds=100)
"""So long an alarm stands before anybody is told: a restart, or one slow minute, wakes nobody."""
OVER = timedelta(minutes=5)
"""So long it is quiet before it counts as over."""
LOOKS, IN_VAIN, SILENT_SECONDS = "puente:alarms:database", 3, 6 * 3600
"""How many looks in vain there were at the database; at the third it is told, which cannot be written down anywhere."""

IN_WORDS = {
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


def look(services: Services) -> list[Found]:
    """Look once; tell what is new, and what is over.  The alarms of this moment."""
    figures = read(services)
    now_so = alert_rules.found(figures)
    if figures.database is None:
        _without_database(services)
        return now_so
    _database_is_back(services)
    for delivery_id in _note(services, now_so, figures.at):
        delivery.deliver(services, delivery_id)
    return now_so


def watch(services: Services) -> None:
    """For a thread of a web process: look every minute, for ever; also say that this process lives."""
    while True:
        try:
            _seen(services)
            look(services)
        except Exception as error:
            # Whatever it was: the next minute is looked at again.  A thread that has ended watches nothing.
            log.warning("not looked: reason=%s", type(error).__name__, exc_info=error)
        time.sleep(EVERY_SECONDS)


def _seen(services: Services) -> None:
    with suppress(RedisError):  # which is an alarm of its own
        services.redis.set(WEB_SEEN, f"{now().timestamp():.0f}", ex=24 * 3600)


def _note(services: Services, now_so: list[Found], at: datetime) -> list[str]:
    """Write down what began and what ended; the texts that follow."""
    names, of_name = [one.name for one in now_so], {one.name: one for one in now_so}
    planned: list[str] = []
    with services.database.read() as db:
        if not now_so and not alarms.opened(db):
            return planned
    with services.database.write() as db:
        alarms.seen(db, names, at)
        for one in alarms.opened(db):
            current = of_name.get(one.name)
            if current is None and one.seen_at <= at - OVER:
                planned += _ended(services, db, one, at)
            elif current and current.level == "text" and one.began_at <= at - STAYS and alarms.tell(db, one.id, at):
                log.warning("alarm: alarm=%s", one.name)
                planned += _plan(services, db, _begun_text(services, current), at)
    return planned


def _ended(services: Services, db: Connection, one: alarms.Alarm, at: datetime) -> list[str]:
    if not alarms.end(db, one.id, at) or one.told_at is None:
        return []
    log.info("alarm is over: alarm=%s", one.name)
    return _plan(services, db, _over_text(services, one.name), at)


def _over_text(services: Services, name: str) -> str:
    return f'{services.library.district.name}: this is over: "{IN_WORDS[name]}".'


def _begun_text(services: Services, one: Found) -> str:
    figure = f" ({one.figure})" if one.figure else ""
    where = f"{services.settings.public_base}/console/well"
    return f"{services.library.district.name}: {IN_WORDS[one.name]}{figure}. What to do: {where} and docs/runbook.md"


def _plan(services: Services, db: Connection, body: str, at: datetime) -> list[str]:
    """One text to the technical contact, at any hour."""
    return [deliveries.plan_reminder(db, services.database.vault, person, body, at) for person in contacts(services)]


def contacts(services: Services) -> tuple[str, ...]:
    """`technical` of the district file; where none is named, who comes first in the default chain."""
    district = services.library.district
    return (district.technical,) if district.technical else district.owners("technical contact")


def _without_database(services: Services) -> None:
    """Nothing can be written down, so Redis counts the looks; without both nobody is told: /readyz says it."""
    try:
        looks = int(services.redis.incr(LOOKS))
        services.redis.expire(LOOKS, SILENT_SECONDS)
    except RedisError:
        return
    if looks == IN_VAIN:
        log.error("alarm: alarm=%s", "database_away")
        _send(services, _begun_text(services, Found("database_away", "text", "")))


def _database_is_back(services: Services) -> None:
    try:
        looks = services.redis.getdel(LOOKS)
    except RedisError:
        return
    if isinstance(looks, bytes) and int(looks) >= IN_VAIN:
        _send(services, _over_text(services, "database_away"))


def _send(services: Services, body: str) -> None:
    """Straight to Twilio: there is no row that could be claimed."""
    for person in contacts(services):
        try:
            services.channel.send(Outgoing("alarm", services.library.district.staff[person].phone, body))
        except SendError as error:
            log.warning("not sent: alarm=%s code=%s", "database_away", error.code)
