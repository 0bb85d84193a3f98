"""The rules: of every table what it holds, how long a row stays, and what happens then.

The one place that says so; docs/privacy.md and the console's page show it, `running` carries it out, and a test finds
a table without a rule.  `after` None: until the family is erased, or as long as the district uses it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.content.district import District
from bot.incidents import keeping
from bot.store import absences, expiring, incidents, needs, quizzes, retention, visits, voice_notes


def N_(text: str) -> str:
    """The same text, marked for the catalogs of the console."""
    return text


Expire = Callable[[Connection, datetime, datetime], int]
"""(transaction, rows of before, this moment) → how many rows it took; called until there are none."""

QUARTER, YEAR = timedelta(days=90), timedelta(days=366)
"""Never a day less than was promised."""
UNTIL_ERASED = N_("until the family is erased")
IN_USE = N_("as long as the district uses it")


@dataclass(frozen=True)
class Rule:
    """`what` and `until` are shown (English; the catalogs hold the rest); `after`: how long, in this district."""

    name: str
    tables: tuple[str, ...]
    what: str
    until: str
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
        N_("Who writes: number (sealed), language, schools, role, the family's key, proof of consent"),
        UNTIL_ERASED,
    ),
    Rule(
        "cases",
        ("cases", "case_messages", "case_links", "corrections", "interpreters", "referrals", "school_status_answers"),
        N_("Requests of families, with all that was said about them (sealed)"),
        N_("after the request is done"),
        _cases,
        expiring.done_cases,
    ),
    Rule(
        "voice_notes",
        ("voice_notes",),
        N_("Voice messages (sealed), here and at Twilio"),
        N_("after the request is done"),
        _cases,
        voice_notes.forget,
    ),
    Rule(
        "deliveries",
        ("deliveries",),
        N_("Messages that were sent: when, of which kind, how it ended (the words are dropped once Twilio has them)"),
        N_("after it was sent; then counted"),
        _days(QUARTER),
        _plain(expiring.old_deliveries),
    ),
    Rule(
        "follow_ups",
        ("follow_ups",),
        N_("Questions that are asked later"),
        N_("after it was asked; then counted"),
        _days(QUARTER),
        _plain(expiring.old_follow_ups),
    ),
    Rule(
        "recipients",
        ("recipients",),
        N_("Who got an announcement"),
        N_("after it was sent; then the row leads to nobody"),
        _days(QUARTER),
        _plain(expiring.old_recipients),
    ),
    Rule(
        "absences",
        ("absences", "absence_calls"),
        N_("Absence reports: school, day, reason in one word"),
        N_("after the report; then it leads to nobody"),
        _days(QUARTER),
        _plain(absences.forget),
    ),
    Rule(
        "needs",
        ("needs",),
        N_("What would help a family (sealed)"),
        N_("after it was seen to; then it leads to nobody"),
        _days(QUARTER),
        _plain(needs.forget),
    ),
    Rule(
        "home_visits",
        ("home_visits",),
        N_("Planned home visits (sealed)"),
        N_("after the family was asked; then it leads to nobody"),
        _days(QUARTER),
        _plain(visits.forget),
    ),
    Rule(
        "meetings",
        ("rsvps", "gathering_questions"),
        N_("Who comes to a gathering, and what was asked without a name (sealed)"),
        N_("after the gathering"),
        _days(QUARTER),
        _plain(expiring.old_meetings),
    ),
    Rule(
        "suggestions",
        ("suggestions",),
        N_("Organizations that somebody suggested (sealed)"),
        N_("after staff decided"),
        _days(QUARTER),
        _plain(expiring.old_suggestions),
    ),
    Rule(
        "told",
        ("told",),
        N_("Which texts a family was told, as hashes: for corrections"),
        N_("after it was told"),
        _days(YEAR),
        _plain(expiring.old_told),
    ),
    Rule(
        "roster_imports",
        ("roster_imports",),
        N_("Which roster files were read, as hashes"),
        N_("after a newer one was read"),
        _days(QUARTER),
        _plain(expiring.old_imports),
    ),
    Rule(
        "incidents",
        ("incidents", "incident_people", "incident_entries"),
        N_("Records of agents at a school, and of drills (sealed)"),
        N_("after it ended"),
        lambda district: keeping.kept_for(district.records, False),
        lambda db, before, _at: incidents.forget(db, False, before),
        may_be_held=True,
    ),
    Rule(
        "drills",
        (),
        N_("Records of drills"),
        N_("after it ended"),
        lambda district: keeping.kept_for(district.records, True),
        lambda db, before, _at: incidents.forget(db, True, before),
        may_be_held=True,
    ),
    Rule(
        "quizzes",
        ("quizzes",),
        N_("Results of the front office's quiz"),
        N_("after it was taken"),
        lambda district: keeping.kept_for(district.records, True),
        _plain(quizzes.forget),
        may_be_held=True,
    ),
    Rule(
        "audit",
        ("audit", "audit_cuts"),
        N_("Who did what, never the text"),
        N_("after it was written"),
        _days(YEAR),
        _plain(expiring.old_audit),
        may_be_held=True,
    ),
    Rule(
        "erasures",
        ("erasures",),
        N_("That a family was erased, never which"),
        N_("after it was done"),
        _days(YEAR),
        _plain(expiring.old_erasures),
    ),
    Rule(
        "reminders",
        ("reminders", "digests", "digest_reads"),
        N_("Weekly digests, and which owners were told of which text"),
        N_("after it was written"),
        _days(YEAR),
        _plain(expiring.old_reminders),
    ),
    Rule(
        "retention_runs",
        ("retention_runs",),
        N_("Runs of these rules"),
        N_("after it was written"),
        _days(YEAR),
        lambda db, before, _at: retention.forget_runs(db, before, expiring.AT_ONCE),
    ),
    Rule("counts", ("retention_counts",), N_("What was sent, by month, as counts"), IN_USE),
    Rule(
        "leaders",
        ("leaders", "leader_requests", "leader_tasks"),
        N_("Community leaders who are in the register (sealed)"),
        N_("until they leave the register"),
    ),
    Rule(
        "announcements",
        (
            *("announcements", "announcement_approvals", "announcement_wordings", "announcement_kits", "ready_made"),
            *("gatherings", "gathering_interpreters", "gathering_needs", "gathering_themes"),
        ),
        N_("What the district announced, and its gatherings: public words, no family"),
        IN_USE,
    ),
    Rule(
        "content",
        (
            *("content_reviews", "drafted_languages", "drafts", "partner_checks", "phrases", "recordings"),
            *("school_statuses", "verified_events"),
        ),
        N_("What is told to everybody: texts, recordings, checks of facts, how schools are"),
        IN_USE,
    ),
    Rule(
        "logins",
        ("logins", "lasting_secrets", "redactions"),
        N_("Logins of staff, and what the program needs to work"),
        IN_USE,
    ),
)
