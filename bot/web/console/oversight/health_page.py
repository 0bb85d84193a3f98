"""Is all well?  What is wrong with the line at this moment, what it means, and what to do; and what was lately."""

from flask import render_template

from bot.base.database import now
from bot.content.district import District
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
    "translation_failing": (
        N_("Machine translation isn't working"),
        N_(
            "Messages stay in their own language, and their cases are flagged. Until it works, staff need an interpreter."
        ),
    ),
}
"""Of each alarm (`bot/alarms/rules`): what is wrong, and what to do first; docs/runbook.md says more."""


@console.get("/well", endpoint="well")
@allow_roles()
def well_page() -> str:
    """For who looks after the machines: the figures of this moment, with what to do."""
    runtime = get_runtime()
    figures = get_snapshot(runtime)
    opened, ended = _load_alarms(figures)
    names = [runtime.library.district.staff[one].name for one in notifier.list_technical_contacts(runtime)]
    return render_template(
        "console/well.html",
        found=alert_rules.find_alarms(figures),
        since=opened,
        ended=ended,
        words=ALARM_TEXTS,
        figures=figures,
        told=", ".join(names),
        parts=_build_figure_rows(figures),
        named=_has_technical_contact(runtime.library.district),
    )


def _load_alarms(figures: SystemSnapshot) -> tuple[dict[str, alarms.Alarm], list[alarms.Alarm]]:
    if figures.database is None:
        return {}, []
    with get_runtime().database.read() as db:
        return {one.name: one for one in alarms.list_open(db)}, alarms.list_recently_ended(db, ALARM_HISTORY_SIZE)


def _has_technical_contact(district: District) -> bool:
    return district.technical is not None


def _build_figure_rows(figures: SystemSnapshot) -> list[tuple[str, str]]:
    """The plain figures, each with its words."""
    known, seen, at = figures.database, figures.redis, now()
    rows: list[tuple[str, str]] = [(N_("Free disk space"), f"{figures.free_disk_ratio:.0%}")]
    if seen:
        waiting = ", ".join(f"{name} {many}" for name, many in seen.waiting_job_counts.items())
        rows += [(N_("Workers"), str(len(seen.worker_heartbeats))), (N_("Waiting jobs"), waiting)]
        rows += [(N_("Failed jobs in three days"), str(sum(seen.failed_job_counts.values())))]
    if known:
        late = int((at - known.oldest_due_at).total_seconds()) if known.oldest_due_at else 0
        rows += [
            (N_("Delay of the latest message"), f"{late} s"),
            (
                N_("Messages that Twilio accepted and rejected in the last 15 minutes"),
                f"{known.accepted_send_count}, {known.refused_send_count}",
            ),
            (N_("Messages with an unknown result"), str(known.unknown_send_count)),
            (N_("Announcement recipients who are waiting"), str(_count_waiting(known.active_recipient_counts))),
        ]
    return rows


def _count_waiting(sending: object) -> int:
    return sum(many for (state,), many in sending.items() if state in ("waiting", "claimed"))  # type: ignore[attr-defined]
