"""The rules: of every table what it holds, how long a row stays, and what happens then.

The one place that says so; docs/privacy.md and the console's page show it, `running` carries it out, and a test finds
a table without a rule.  `after` None: until the family is erased, or as long as the district uses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.content.district import District
from bot.incidents import retention_policy
from bot.store.cases import voice_notes
from bot.store.lifecycle import expiry, retention_runs
from bot.store.schools import absences, home_visits, incidents, protocol_quizzes, support_needs

Expire = Callable[[Connection, datetime, datetime], int]
"""(transaction, rows of before, this moment) → how many rows it took; called until there are none."""

DAY, QUARTER, YEAR = timedelta(days=1), timedelta(days=90), timedelta(days=366)
"""Never a day less than was promised."""


@dataclass(frozen=True)
class Rule:
    """`name` is explained on the console page (web/console/oversight/retention_page); `after` is the period."""

    name: str
    tables: tuple[str, ...]
    after: Callable[[District], timedelta] | None = None
    expire: Expire | None = None
    may_be_held: bool = False
    """While counsel expects a case in court (`records: {hold: true}`) nothing of it is deleted."""


def _days(span: timedelta) -> Callable[[District], timedelta]:
    return lambda district: span


def _cases(district: District) -> timedelta:
    return timedelta(days=district.retention.cases_days)


def _plain(expire: Callable[[Connection, datetime], int]) -> Expire:
    return lambda db, before, _at: expire(db, before)


RULES: tuple[Rule, ...] = (
    Rule(
        "families",
        ("families", "contacts", "family_schools", "family_tags", "contact_notes", "family_keys", "consent_events"),
    ),
    Rule(
        "cases",
        ("cases", "case_messages", "case_links", "corrections", "interpreters", "referrals", "school_status_answers"),
        _cases,
        expiry.done_cases,
    ),
    Rule(
        "voice_notes",
        ("voice_notes",),
        _cases,
        voice_notes.forget,
    ),
    Rule(
        "deliveries",
        ("deliveries",),
        _days(QUARTER),
        _plain(expiry.old_deliveries),
    ),
    Rule(
        "follow_ups",
        ("follow_ups",),
        _days(QUARTER),
        _plain(expiry.old_follow_ups),
    ),
    Rule(
        "recipients",
        ("recipients",),
        _days(QUARTER),
        _plain(expiry.old_recipients),
    ),
    Rule(
        "absences",
        ("absences", "absence_calls"),
        _days(QUARTER),
        _plain(absences.forget),
    ),
    Rule(
        "needs",
        ("needs",),
        _days(QUARTER),
        _plain(support_needs.forget),
    ),
    Rule(
        "home_visits",
        ("home_visits",),
        _days(QUARTER),
        _plain(home_visits.forget),
    ),
    Rule(
        "meetings",
        ("rsvps", "gathering_questions"),
        _days(QUARTER),
        _plain(expiry.old_meetings),
    ),
    Rule(
        "suggestions",
        ("suggestions",),
        _days(QUARTER),
        _plain(expiry.old_suggestions),
    ),
    Rule(
        "told",
        ("told",),
        _days(YEAR),
        _plain(expiry.old_told),
    ),
    Rule(
        "roster_imports",
        ("roster_imports",),
        _days(QUARTER),
        _plain(expiry.old_imports),
    ),
    Rule(
        "incidents",
        ("incidents", "incident_people", "incident_entries"),
        lambda district: retention_policy.kept_for(district.records, False),
        lambda db, before, _at: incidents.forget(db, False, before),
        may_be_held=True,
    ),
    Rule(
        "drills",
        (),
        lambda district: retention_policy.kept_for(district.records, True),
        lambda db, before, _at: incidents.forget(db, True, before),
        may_be_held=True,
    ),
    Rule(
        "quizzes",
        ("quizzes",),
        lambda district: retention_policy.kept_for(district.records, True),
        _plain(protocol_quizzes.forget),
        may_be_held=True,
    ),
    Rule(
        "audit",
        ("audit", "audit_cuts"),
        _days(YEAR),
        _plain(expiry.old_audit),
        may_be_held=True,
    ),
    Rule(
        "erasures",
        ("erasures",),
        _days(YEAR),
        _plain(expiry.old_erasures),
    ),
    Rule(
        "reminders",
        ("reminders", "digests", "digest_reads", "alarms"),
        _days(YEAR),
        _plain(expiry.old_reminders),
    ),
    Rule(
        "retention_runs",
        ("retention_runs",),
        _days(YEAR),
        lambda db, before, _at: retention_runs.forget_runs(db, before, expiry.AT_ONCE),
    ),
    Rule(
        "heard_away",
        ("heard_away",),
        _days(DAY),
        _plain(expiry.old_heard),
    ),
    Rule("counts", ("retention_counts",)),
    Rule(
        "leaders",
        ("leaders", "leader_requests", "leader_tasks"),
    ),
    Rule(
        "announcements",
        (
            *("announcements", "announcement_approvals", "announcement_wordings", "announcement_kits", "ready_made"),
            *("gatherings", "gathering_interpreters", "gathering_needs", "gathering_themes"),
        ),
    ),
    Rule(
        "content",
        (
            *("content_reviews", "drafted_languages", "drafts", "partner_checks", "phrases", "recordings"),
            *("school_statuses", "verified_events"),
        ),
    ),
    Rule(
        "logins",
        ("logins", "lasting_secrets", "redactions"),
    ),
)
