"""The retention rules: for each table what it contains, how long rows stay, and what happens then.

This is the only source of the rules. docs/privacy.md and the console's page show them, `job` applies them, and a test
finds tables without a rule. Without a `get_period`, rows stay until the family is erased, or as long as they are used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.base.database import Transaction
from bot.content.district import District
from bot.incidents import retention_policy
from bot.store.cases import voice_notes
from bot.store.lifecycle import expiry, retention_runs
from bot.store.schools import absences, home_visits, incidents, protocol_quizzes, support_needs

ExpireRows = Callable[[Transaction, datetime, datetime], int]
"""(transaction, cutoff, current time) → number of expired rows. Called until it returns 0."""

KEEP_ONE_DAY, KEEP_ONE_QUARTER, KEEP_ONE_YEAR = timedelta(days=1), timedelta(days=90), timedelta(days=366)
"""Not a day less than the privacy notice promises."""


@dataclass(frozen=True)
class RetentionRule:
    """The console page explains each `name` (web/console/oversight/retention_page). `get_period` is the period."""

    name: str
    tables: tuple[str, ...]
    get_period: Callable[[District], timedelta] | None = None
    delete_rows: ExpireRows | None = None
    can_have_legal_hold: bool = False
    """Under a legal hold (`records: {hold: true}`), no rows of these tables are deleted."""


def _fix_period(period: timedelta) -> Callable[[District], timedelta]:
    return lambda district: period


def _get_cases_period(district: District) -> timedelta:
    return timedelta(days=district.retention.cases_days)


def _ignore_current_time(expire: Callable[[Transaction, datetime], int]) -> ExpireRows:
    return lambda db, cutoff, _current_time: expire(db, cutoff)


RETENTION_RULES: tuple[RetentionRule, ...] = (
    RetentionRule(
        "families",
        (
            "families",
            "contacts",
            "family_schools",
            "family_tags",
            "contact_attributes",
            "family_keys",
            "consent_events",
        ),
    ),
    RetentionRule(
        "cases",
        (
            "cases",
            "case_messages",
            "case_links",
            "topic_corrections",
            "interpreter_requests",
            "referrals",
            "school_status_answers",
        ),
        _get_cases_period,
        expiry.delete_done_cases,
    ),
    RetentionRule(
        "voice_notes",
        ("voice_notes",),
        _get_cases_period,
        voice_notes.delete_old,
    ),
    RetentionRule(
        "deliveries",
        ("deliveries",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(expiry.delete_old_deliveries),
    ),
    RetentionRule(
        "follow_ups",
        ("follow_ups",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(expiry.delete_old_follow_ups),
    ),
    RetentionRule(
        "recipients",
        ("recipients",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(expiry.anonymize_old_recipients),
    ),
    RetentionRule(
        "absences",
        ("absences", "absence_calls"),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(absences.forget_families_before),
    ),
    RetentionRule(
        "needs",
        ("support_needs",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(support_needs.anonymize_closed_before),
    ),
    RetentionRule(
        "home_visits",
        ("home_visits",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(home_visits.anonymize_before),
    ),
    RetentionRule(
        "meetings",
        ("rsvps", "meeting_questions"),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(expiry.delete_old_meeting_answers),
    ),
    RetentionRule(
        "suggestions",
        ("partner_suggestions",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(expiry.delete_old_suggestions),
    ),
    RetentionRule(
        "told",
        ("sent_texts",),
        _fix_period(KEEP_ONE_YEAR),
        _ignore_current_time(expiry.delete_old_sent_texts),
    ),
    RetentionRule(
        "roster_imports",
        ("roster_imports",),
        _fix_period(KEEP_ONE_QUARTER),
        _ignore_current_time(expiry.delete_old_roster_imports),
    ),
    RetentionRule(
        "incidents",
        ("incidents", "incident_people", "incident_entries"),
        lambda district: retention_policy.get_retention_period(district.records, False),
        lambda db, cutoff, _current_time: incidents.delete_ended_before(db, False, cutoff),
        can_have_legal_hold=True,
    ),
    RetentionRule(
        "drills",
        (),
        lambda district: retention_policy.get_retention_period(district.records, True),
        lambda db, cutoff, _current_time: incidents.delete_ended_before(db, True, cutoff),
        can_have_legal_hold=True,
    ),
    RetentionRule(
        "quizzes",
        ("quiz_results",),
        lambda district: retention_policy.get_retention_period(district.records, True),
        _ignore_current_time(protocol_quizzes.delete_before),
        can_have_legal_hold=True,
    ),
    RetentionRule(
        "audit",
        ("audit", "audit_retention_marks"),
        _fix_period(KEEP_ONE_YEAR),
        _ignore_current_time(expiry.delete_old_audit_entries),
        can_have_legal_hold=True,
    ),
    RetentionRule(
        "erasures",
        ("erasures",),
        _fix_period(KEEP_ONE_YEAR),
        _ignore_current_time(expiry.delete_old_erasures),
    ),
    RetentionRule(
        "reminders",
        ("reminders", "weekly_digests", "digest_reads", "alarms"),
        _fix_period(KEEP_ONE_YEAR),
        _ignore_current_time(expiry.delete_old_reminders),
    ),
    RetentionRule(
        "retention_runs",
        ("retention_runs",),
        _fix_period(KEEP_ONE_YEAR),
        lambda db, cutoff, _current_time: retention_runs.delete_before(db, cutoff, expiry.EXPIRY_BATCH_SIZE),
    ),
    RetentionRule(
        "heard_away",
        ("handled_offline",),
        _fix_period(KEEP_ONE_DAY),
        _ignore_current_time(expiry.delete_old_offline_messages),
    ),
    RetentionRule("counts", ("retention_counts",)),
    RetentionRule(
        "leaders",
        ("community_leaders", "leader_requests", "leader_tasks"),
    ),
    RetentionRule(
        "announcements",
        (
            *(
                "announcements",
                "announcement_approvals",
                "announcement_translations",
                "share_kits",
                "announcement_templates",
            ),
            *("meetings", "meeting_interpreters", "meeting_interpreter_requests", "meeting_themes"),
        ),
    ),
    RetentionRule(
        "content",
        (
            *(
                "content_reviews",
                "drafted_languages",
                "catalog_drafts",
                "partner_checks",
                "approved_phrases",
                "recordings",
            ),
            *("school_statuses", "verified_events"),
        ),
    ),
    RetentionRule(
        "logins",
        ("staff_accounts", "permanent_secrets", "redactions"),
    ),
)
