"""What is kept until when, with the last runs; and what the district could be made to hand over today, in counts."""

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
    "addresses": N_("Addresses: the number (sealed), the language, when it stopped"),
    "open_cases": N_("Requests that are open, with what the family told"),
    "done_cases": N_("Requests that are done and not deleted yet"),
    "messages": N_("Messages about these requests"),
    "voices": N_("Voice messages"),
    "needs": N_("What would help a family, in its words"),
    "visits": N_("Planned home visits"),
    "unsent": N_("Texts that have not been handed over to Twilio yet"),
    "sent": N_("That a text was sent: when and how it ended, without its words"),
    "announced": N_("That a family got an announcement"),
    "absences": N_("Absence reports that can still be led back to a family"),
    "meetings": N_("That a family comes to a gathering"),
    "consents": N_("Proof of consent: agreed, stopped, started"),
    "leaders": N_("Community leaders in the register"),
    "audit": N_("Who of the staff did what, without words"),
}
"""What each kind of `store/lifecycle/disclosure_inventory` is."""
RETENTION_RULE_TEXTS = {
    "families": (
        N_("Who writes: number (sealed), language, schools, role, the family's key, proof of consent"),
        N_("until the family is erased"),
    ),
    "cases": (N_("Requests of families, with all that was said about them (sealed)"), N_("after the request is done")),
    "voice_notes": (N_("Voice messages (sealed), here and at Twilio"), N_("after the request is done")),
    "deliveries": (
        N_("Messages that were sent: when, of which kind, how it ended (the words are dropped once Twilio has them)"),
        N_("after it was sent; then counted"),
    ),
    "follow_ups": (N_("Questions that are asked later"), N_("after it was asked; then counted")),
    "recipients": (N_("Who got an announcement"), N_("after it was sent; then the row leads to nobody")),
    "absences": (
        N_("Absence reports: school, day, reason in one word"),
        N_("after the report; then it leads to nobody"),
    ),
    "needs": (N_("What would help a family (sealed)"), N_("after it was seen to; then it leads to nobody")),
    "home_visits": (N_("Planned home visits (sealed)"), N_("after the family was asked; then it leads to nobody")),
    "meetings": (N_("Who comes to a gathering, and what was asked without a name (sealed)"), N_("after the gathering")),
    "suggestions": (N_("Organizations that somebody suggested (sealed)"), N_("after staff decided")),
    "told": (N_("Which texts a family was told, as hashes: for corrections"), N_("after it was told")),
    "roster_imports": (N_("Which roster files were read, as hashes"), N_("after a newer one was read")),
    "incidents": (N_("Records of agents at a school, and of drills (sealed)"), N_("after it ended")),
    "drills": (N_("Records of drills"), N_("after it ended")),
    "quizzes": (N_("Results of the front office's quiz"), N_("after it was taken")),
    "audit": (N_("Who did what, never the text"), N_("after it was written")),
    "erasures": (N_("That a family was erased, never which"), N_("after it was done")),
    "reminders": (N_("Weekly digests, and which owners were told of which text"), N_("after it was written")),
    "retention_runs": (N_("Runs of these rules"), N_("after it was written")),
    "heard_away": (
        N_("Twilio's numbers of messages that were answered while Redis was away"),
        N_("after it was answered"),
    ),
    "counts": (N_("What was sent, by month, as counts"), N_("as long as the district uses it")),
    "leaders": (N_("Community leaders who are in the register (sealed)"), N_("until they leave the register")),
    "announcements": (
        N_("What the district announced, and its gatherings: public words, no family"),
        N_("as long as the district uses it"),
    ),
    "content": (
        N_("What is told to everybody: texts, recordings, checks of facts, how schools are"),
        N_("as long as the district uses it"),
    ),
    "logins": (N_("Logins of staff, and what the program needs to work"), N_("as long as the district uses it")),
}
"""What each rule of `bot/retention/rules` is about, and from when on its days count."""
REDACTION_DELAY_TEXTS = {
    "busy": N_("Twilio asks to be asked more slowly"),
    "denied": N_("Twilio refuses the token"),
    "refused": N_("Twilio refuses to delete some of it"),
    "away": N_("Twilio does not answer"),
    "not_final": N_("some texts are still on their way"),
    "later": N_("there is much to delete; it goes on every minute"),
}


@console.get("/kept", endpoint="kept")
@allow_roles(RECORDS_OFFICER, APPROVER)
def kept_page() -> str:
    """The rule of each table, in this district's days; the last runs; how far it is at Twilio."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        runs, at_twilio = retention_runs.list_newest(db, RETENTION_RUNS_SHOWN), redactions.get_progress(db)
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
    return rule.get_period(runtime.library.district).days if rule.get_period else None


@console.get("/demanded")
@allow_roles(RECORDS_OFFICER, APPROVER)
def demanded_page() -> str:
    """What there is today, in counts: no name, no number, no word."""
    here, at = get_runtime(), now()
    with here.database.read() as db:
        lines = disclosure_inventory.list_counts(db)
        erased = erasure_log.count_since(db, at - job.RETENTION_YEAR)
        gone = _count_deleted_rows(retention_runs.list_newest(db, RETENTION_RUNS_PER_YEAR))
        at_twilio = redactions.get_progress(db)
    today = sum(1 for _ in here.redis.scan_iter("puente:talk:*", count=1000))
    return render_template(
        "console/demanded.html",
        lines=lines,
        kinds=DISCLOSURE_KIND_LABELS,
        today=today,
        erased=erased,
        gone=gone,
        at_twilio=at_twilio,
    )


def _count_deleted_rows(runs: list[retention_runs.RetentionRun]) -> int:
    """How many rows retention has taken in these runs."""
    return sum(sum(run.counts.values()) for run in runs)
