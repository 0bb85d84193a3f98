"""Serve the pages about retention: the rules with their last runs, and counts of what a disclosure would include."""

from flask import render_template

from bot.base.database import now
from bot.retention import job
from bot.retention.rules import RETENTION_RULES, RetentionRule
from bot.runtime import Runtime
from bot.store.lifecycle import disclosure_inventory, erasure_log, redactions, retention_runs
from bot.web.console.core.console_i18n import N_
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import APPROVER, RECORDS_OFFICER, allow_roles
from bot.web.core.current_runtime import get_runtime

RETENTION_RUNS_SHOWN = 14
RETENTION_RUNS_PER_YEAR = 366
DISCLOSURE_KIND_LABELS = {
    "families": N_("Families: role, consent, schools, tags; the number as a keyed hash"),
    "addresses": N_("Contacts: the number (encrypted), the language, and the opt-out date"),
    "open_cases": N_("Open cases, with what the family wrote"),
    "done_cases": N_("Closed cases that aren't deleted yet"),
    "messages": N_("Messages about these cases"),
    "voices": N_("Voice notes"),
    "needs": N_("Support needs, in the family's words"),
    "visits": N_("Planned home visits"),
    "unsent": N_("Messages that Twilio hasn't accepted yet"),
    "sent": N_("Sent messages: time and result, without text"),
    "announced": N_("Which families got an announcement"),
    "absences": N_("Absence reports that identify a family"),
    "meetings": N_("Families who attend a meeting"),
    "consents": N_("Proof of consent: opt-ins and opt-outs"),
    "leaders": N_("Community leaders"),
    "audit": N_("Audit log, without text"),
}
"""Label of each kind in `bot.store.lifecycle.disclosure_inventory`."""
RETENTION_RULE_TEXTS = {
    "families": (
        N_(
            "Families and contacts: number (encrypted), language, schools, role, the family's key, and proof of consent"
        ),
        N_("until the family is erased"),
    ),
    "cases": (N_("Cases, with the conversation (encrypted)"), N_("after the case is closed")),
    "voice_notes": (N_("Voice notes (encrypted), here and at Twilio"), N_("after the case is closed")),
    "deliveries": (
        N_("Sent messages: time, type, and result (the text is deleted after Twilio accepts it)"),
        N_("after sending, and then only counts remain"),
    ),
    "follow_ups": (N_("Follow-up questions"), N_("after the question, and then only counts remain")),
    "recipients": (N_("Who got an announcement"), N_("after sending, and then anonymized")),
    "absences": (
        N_("Absence reports: school, day, reason in one word"),
        N_("after the report, and then anonymized"),
    ),
    "needs": (N_("Support needs (encrypted)"), N_("after it is done, and then anonymized")),
    "home_visits": (N_("Planned home visits (encrypted)"), N_("after the question to the family, and then anonymized")),
    "meetings": (N_("Meeting attendees and anonymous questions (encrypted)"), N_("after the meeting")),
    "suggestions": (N_("Suggested partners (encrypted)"), N_("after the decision of staff")),
    "told": (N_("Hashes of the texts that a family got, for corrections"), N_("after sending")),
    "roster_imports": (N_("Imported roster files, as hashes"), N_("after a newer import")),
    "incidents": (N_("Records of incidents and drills (encrypted)"), N_("after it ended")),
    "drills": (N_("Records of drills"), N_("after it ended")),
    "quizzes": (N_("Results of the front office's quiz"), N_("after it was taken")),
    "audit": (N_("Audit log, without text"), N_("after it was written")),
    "erasures": (N_("Erasures, without the family's identity"), N_("after it was done")),
    "reminders": (N_("Weekly digests and review reminders"), N_("after it was written")),
    "retention_runs": (N_("Runs of the retention rules"), N_("after it was written")),
    "heard_away": (
        N_("Twilio's message IDs, for messages answered while Redis was unavailable"),
        N_("after the answer"),
    ),
    "counts": (N_("Number of messages by month"), N_("as long as the district uses it")),
    "leaders": (N_("Community leaders (encrypted)"), N_("until someone removes the leader")),
    "announcements": (
        N_("Announcements and meetings of the district: public text, no family data"),
        N_("as long as the district uses it"),
    ),
    "content": (
        N_("Public content: texts, recordings, fact reviews, and school statuses"),
        N_("as long as the district uses it"),
    ),
    "logins": (N_("Staff accounts, and data that the program needs to work"), N_("as long as the district uses it")),
}
"""Rule name (`bot.retention.rules`) -> (what it deletes, when its retention time starts or ends)."""
REDACTION_DELAY_TEXTS = {
    "busy": N_("Twilio limits our request rate"),
    "denied": N_("Twilio rejects the token"),
    "refused": N_("Twilio refuses some deletions"),
    "away": N_("Twilio doesn't respond"),
    "not_final": N_("some messages are still being sent"),
    "later": N_("there is much to delete; deletion continues every minute"),
}


@console.get("/kept", endpoint="kept")
@allow_roles(RECORDS_OFFICER, APPROVER)
def kept_page() -> str:
    """Show the retention rule of each table, the last runs, and the progress of redactions at Twilio."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        runs = retention_runs.list_newest(db, RETENTION_RUNS_SHOWN)
        at_twilio = redactions.get_progress(db)
    return render_template(
        "console/kept.html",
        rules=RETENTION_RULES,
        days=lambda rule: _get_retention_days(runtime, rule),
        runs=runs,
        words=RETENTION_RULE_TEXTS,
        held=lambda rule: job.has_legal_hold(runtime, rule),
        at_twilio=at_twilio,
        why=REDACTION_DELAY_TEXTS,
        live=runtime.settings.is_live,
    )


def _get_retention_days(runtime: Runtime, rule: RetentionRule) -> int | None:
    if rule.get_period is None:
        return None
    return rule.get_period(runtime.library.district).days


@console.get("/demanded")
@allow_roles(RECORDS_OFFICER, APPROVER)
def demanded_page() -> str:
    """Show counts of the data that exists today, without names, numbers, or texts."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        counts = disclosure_inventory.list_counts(db)
        erasure_count = erasure_log.count_since(db, now() - job.RETENTION_YEAR)
        runs = retention_runs.list_newest(db, RETENTION_RUNS_PER_YEAR)
        at_twilio = redactions.get_progress(db)
    conversation_count = sum(1 for key in runtime.redis.scan_iter("puente:talk:*", count=1000))
    return render_template(
        "console/demanded.html",
        lines=counts,
        kinds=DISCLOSURE_KIND_LABELS,
        today=conversation_count,
        erased=erasure_count,
        gone=sum(sum(run.counts.values()) for run in runs),
        at_twilio=at_twilio,
    )
