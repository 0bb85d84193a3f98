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
        N_("The database does not answer"),
        N_("Messages are refused, and Twilio sends them again. Look whether the database runs and its disk has room."),
    ),
    "redis_away": (
        N_("Redis does not answer"),
        N_("Families get emergencies and a person only. Start Redis again; nothing is lost."),
    ),
    "worker_missing": (N_("No worker runs"), N_("Alerts and messages do not leave. Start the worker process again.")),
    "scheduler_missing": (
        N_("The scheduler does not run"),
        N_("Nothing that is late is found. Start the scheduler process again."),
    ),
    "web_missing": (N_("No web process was seen"), N_("Families may get no answer. Start the web process again.")),
    "messages_missed": (
        N_("Messages reached Twilio but not us"),
        N_(
            "They were answered some minutes late."
            " Look at the certificate, the proxy and the number's webhook at Twilio."
        ),
    ),
    "queue_urgent": (N_("Alerts wait in the queue"), N_("Look whether the workers run, and start one more.")),
    "queue_default": (N_("Messages wait in the queue"), N_("Look whether the workers run, and start one more.")),
    "queue_bulk": (
        N_("Announcements wait in the queue"),
        N_("A large announcement takes its time. If none is on its way, start one more worker."),
    ),
    "twilio_failing": (
        N_("Twilio does not take what we send"),
        N_("Look at status.twilio.com and at your account (money, token). What was not taken is sent later by itself."),
    ),
    "deliveries_late": (N_("Messages that are due do not leave"), N_("Look at the workers and at Twilio.")),
    "unknown_outcomes": (
        N_("It is not known whether messages were sent"),
        N_("The program asks Twilio by itself. Look at status.twilio.com."),
    ),
    "disk_full": (N_("The disk is nearly full"), N_("Make room before it is full: then nothing can be kept any more.")),
    "unclaimed_escalate_now": (
        N_("Nobody has taken an emergency"),
        N_("Staff are alerted again every few minutes. Call who is on call."),
    ),
    "unclaimed_escalate_day": (
        N_("Nobody has taken a request for a day"),
        N_("Tell the office: it stands in the list."),
    ),
    "opt_outs": (
        N_("Many families stopped the messages"),
        N_("Look at the last announcement: was something wrong with it?"),
    ),
    "facts_expired": (
        N_("Something is not said to families any more"),
        N_("Its owner was told. The page of content to check says what it is."),
    ),
    "logins_locked": (
        N_("Several logins are locked"),
        N_("Somebody tried wrong passwords. Ask these people; an administrator opens the logins."),
    ),
    "translation_failing": (
        N_("The machine does not translate"),
        N_("What is written stays in its own language, and the case is marked. Staff need an interpreter meanwhile."),
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
    rows: list[tuple[str, str]] = [(N_("Free part of the disk"), f"{figures.free_disk_ratio:.0%}")]
    if seen:
        waiting = ", ".join(f"{name} {many}" for name, many in seen.waiting_job_counts.items())
        rows += [(N_("Workers"), str(len(seen.worker_heartbeats))), (N_("Jobs that wait"), waiting)]
        rows += [(N_("Jobs that failed within three days"), str(sum(seen.failed_job_counts.values())))]
    if known:
        late = int((at - known.oldest_due_at).total_seconds()) if known.oldest_due_at else 0
        rows += [
            (N_("How late the latest message is"), f"{late} s"),
            (
                N_("Sends of the last 15 minutes that Twilio took, and did not take"),
                f"{known.accepted_send_count}, {known.refused_send_count}",
            ),
            (N_("Sends of which nobody knows the outcome yet"), str(known.unknown_send_count)),
            (N_("Recipients of announcements who still wait"), str(_count_waiting(known.active_recipient_counts))),
        ]
    return rows


def _count_waiting(sending: object) -> int:
    return sum(many for (state,), many in sending.items() if state in ("waiting", "claimed"))  # type: ignore[attr-defined]
