"""Serve the page that shows which alarms are active, what they mean, what to do, and which ended recently."""

from flask import render_template

from bot.base.database import now
from bot.monitoring import alert_rules, notifier
from bot.monitoring.snapshot import SystemSnapshot
from bot.store.operations import alarms
from bot.web.console.core.console_i18n import N_
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import allow_roles
from bot.web.core.current_runtime import get_runtime
from bot.web.operations.metrics import get_snapshot

ALARM_HISTORY_SIZE = 20
ALARM_TEXTS = {
    "database_away": (
        N_("The database doesn't respond"),
        N_("Puente rejects messages, and Twilio sends them again. Check that the database runs and has disk space."),
    ),
    "redis_away": (
        N_("Redis doesn't respond"),
        N_("Families get only emergency answers and a person. Restart Redis. No data is lost."),
    ),
    "worker_missing": (N_("No worker is running"), N_("Alerts and messages aren't sent. Restart the worker process.")),
    "scheduler_missing": (
        N_("The scheduler isn't running"),
        N_("Late messages aren't found. Restart the scheduler process."),
    ),
    "web_missing": (N_("No web process is running"), N_("Families might get no answer. Restart the web process.")),
    "messages_missed": (
        N_("Messages reached Twilio but not Puente"),
        N_(
            "They were answered some minutes late."
            " Look at the certificate, the proxy and the number's webhook at Twilio."
        ),
    ),
    "queue_urgent": (N_("Alerts are waiting in the queue"), N_("Check that the workers run, and start one more.")),
    "queue_default": (N_("Messages are waiting in the queue"), N_("Check that the workers run, and start one more.")),
    "queue_bulk": (
        N_("Announcements are waiting in the queue"),
        N_("A large announcement takes time. If none is being sent, start one more worker."),
    ),
    "twilio_failing": (
        N_("Twilio rejects our messages"),
        N_("Check status.twilio.com and your account (balance, token). Puente sends rejected messages again later."),
    ),
    "deliveries_late": (N_("Due messages aren't being sent"), N_("Check the workers and Twilio.")),
    "unknown_outcomes": (
        N_("Unknown whether some messages were sent"),
        N_("Puente asks Twilio automatically. Check status.twilio.com."),
    ),
    "disk_full": (
        N_("The disk is nearly full"),
        N_("Free up space. When the disk is full, Puente can't save anything."),
    ),
    "unclaimed_escalate_now": (
        N_("An emergency is unassigned"),
        N_("Puente alerts staff again every few minutes. Call the person on call."),
    ),
    "unclaimed_escalate_day": (
        N_("A case has been unassigned for a day"),
        N_("Inform the office. The case is in the inbox."),
    ),
    "opt_outs": (
        N_("Many families opted out"),
        N_("Check the last announcement for a problem."),
    ),
    "facts_expired": (
        N_("Families no longer see some content"),
        N_("Its owner was notified. See the Content to review page."),
    ),
    "logins_locked": (
        N_("Several accounts are locked"),
        N_("Someone entered wrong passwords. Ask the account holders. An administrator can unlock the accounts."),
    ),
    "encoder_failing": (
        N_("The encoder isn't working"),
        N_("Puente understands fewer messages, and pages staff more often by mistake. Run “python -m bot doctor”."),
    ),
    "translation_failing": (
        N_("Machine translation isn't working"),
        N_(
            "Messages stay in their own language, and their cases are flagged."
            " Until it works, staff need an interpreter."
        ),
    ),
}
"""Alarm name (`bot.monitoring.alert_rules`) -> (what is wrong, what to do first). For more, see docs/runbook.md."""


@console.get("/well", endpoint="well")
@allow_roles()
def well_page() -> str:
    """Show the technical contact the current figures, the active alarms, and what to do."""
    runtime = get_runtime()
    snapshot = get_snapshot(runtime)
    open_alarms, ended_alarms = _load_alarms(snapshot)
    district = runtime.library.district
    names = [district.staff[staff_id].name for staff_id in notifier.list_technical_contacts(runtime)]
    return render_template(
        "console/well.html",
        found=alert_rules.find_alarms(snapshot),
        since=open_alarms,
        ended=ended_alarms,
        words=ALARM_TEXTS,
        figures=snapshot,
        contact_name=", ".join(names),
        parts=_build_figure_rows(snapshot),
        named=district.technical is not None,
    )


def _load_alarms(snapshot: SystemSnapshot) -> tuple[dict[str, alarms.Alarm], list[alarms.Alarm]]:
    """Return the open alarms by name, and the alarms that ended recently."""
    if snapshot.database is None:
        return {}, []
    with get_runtime().database.read() as db:
        open_alarms = {alarm.name: alarm for alarm in alarms.list_open(db)}
        return open_alarms, alarms.list_recently_ended(db, ALARM_HISTORY_SIZE)


def _build_figure_rows(snapshot: SystemSnapshot) -> list[tuple[str, str]]:
    """Return (label, value) of each figure."""
    rows: list[tuple[str, str]] = [(N_("Free disk space"), f"{snapshot.free_disk_ratio:.0%}")]
    if redis := snapshot.redis:
        waiting = ", ".join(f"{queue} {count}" for queue, count in redis.waiting_job_counts.items())
        rows += [
            (N_("Workers"), str(len(redis.worker_heartbeats))),
            (N_("Waiting jobs"), waiting),
            (N_("Failed jobs in three days"), str(sum(redis.failed_job_counts.values()))),
        ]
    if database := snapshot.database:
        delay = int((now() - database.oldest_due_at).total_seconds()) if database.oldest_due_at else 0
        active_counts = database.active_recipient_counts
        waiting_count = sum(count for (state,), count in active_counts.items() if state in ("waiting", "claimed"))
        rows += [
            (N_("Delay of the latest message"), f"{delay} s"),
            (
                N_("Messages that Twilio accepted and rejected in the last 15 minutes"),
                f"{database.accepted_send_count}, {database.refused_send_count}",
            ),
            (N_("Messages with an unknown result"), str(database.unknown_send_count)),
            (N_("Announcement recipients who are waiting"), str(waiting_count)),
        ]
    return rows
