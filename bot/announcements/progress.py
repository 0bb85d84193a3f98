"""How an announcement stands while it is sent and after: counts by language and channel, reasons, the time left."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.announcements.launch import PERMANENT_FAILURES
from bot.announcements.personalization import EXPIRED_REASON, UNAPPROVED_LANGUAGE_REASON
from bot.base.csv_export import format_line
from bot.base.database import now
from bot.channels.error_messages import CALL_OUTCOME_LABELS, ERROR_EXPLANATIONS, UNKNOWN_ERROR_EXPLANATION
from bot.runtime import Runtime
from bot.store.announcements import announcements, recipient_counts, recipients
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipient_counts import RecipientCount
from bot.store.cases import cases

PROGRESS_GROUP_BY_STATE = {
    "waiting": "queued", "claimed": "queued", "unknown": "queued",
    "queued": "sent", "accepted": "sent", "scheduled": "sent", "sending": "sent", "sent": "sent",
    "delivered": "delivered", "read": "read", "undelivered": "failed", "failed": "failed",
    "held": "held", "canceled": "canceled",
}  # fmt: skip
"""What the page calls each state."""
PROGRESS_GROUP_ORDER = ("queued", "sent", "delivered", "read", "failed", "held", "canceled")
HOLD_EXPLANATIONS = {
    "stopped": "They texted STOP. Call, or write a letter.",
    "no consent": "They have not agreed to this kind of message. Emergencies still reach them.",
    "bad number": "The number gets no texts. Ask the family for the right one.",
    "no way": "No channel of this announcement reaches them. Call.",
    EXPIRED_REASON: "It held true only until a time that had come before it could leave.",
    UNAPPROVED_LANGUAGE_REASON: "Nobody has approved their language yet. It leaves as soon as somebody does.",
}
"""Why nothing was sent, and what the office can do."""
RATE_WINDOW, DUE_SOON = timedelta(seconds=30), timedelta(minutes=2)


@dataclass
class ProgressLine:
    """One language or channel."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class FailureReason:
    """Why it did not reach some families, and what the office can do."""

    why: str
    number: int
    code: int | None = None


@dataclass(frozen=True)
class AnnouncementProgress:
    """Everything that the page shows."""

    announcement: Announcement
    total: Counter[str]
    languages: tuple[ProgressLine, ...]
    channels: tuple[ProgressLine, ...]
    reasons: tuple[FailureReason, ...]
    kits: Counter[str]
    seconds_left: int | None
    retryable_count: int
    calls: Counter[str]
    """Who answered the calls: "answered", "machine", "busy", "no answer"."""
    replies: tuple[int, ...]
    next_send_at: datetime | None = None
    """When the next of them leaves, if that is later than now: the morning."""

    @property
    def families(self) -> int:
        """How many it is for."""
        return self.total.total()


def load_progress(runtime: Runtime, announcement_id: int) -> AnnouncementProgress | None:
    """How it stands now; None if there is no such announcement."""
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None:
            return None
        counted = recipient_counts.list_counts(db, announcement_id)
        kits = recipient_counts.list_counts(db, announcement_id, "kit")
        recent = recipient_counts.count_sent_since(db, announcement_id, now() - RATE_WINDOW)
        replies = cases.list_ids_for_announcement(db, announcement_id)
        due = recipients.find_next_due_at(db, announcement_id)
    total = _count_by_group(counted, "state")
    again = [
        one
        for one in (*counted, *kits)
        if PROGRESS_GROUP_BY_STATE[one.state] == "failed" and one.error_code not in PERMANENT_FAILURES
    ]
    return AnnouncementProgress(
        announcement=announcement,
        total=total,
        languages=_build_lines(counted, "language"),
        channels=_build_lines([one for one in counted if one.channel], "channel"),
        reasons=tuple(_list_reasons([*counted, *kits])),
        kits=_count_by_group(kits, "state"),
        seconds_left=_estimate_seconds_left(announcement, total["queued"], recent),
        retryable_count=sum(one.family_count for one in again),
        calls=_count_call_outcomes([*counted, *kits]),
        replies=tuple(replies),
        next_send_at=due if due and due > now() + DUE_SOON and announcement.state == "sending" else None,
    )


def _count_by_group(counted: list[RecipientCount], attribute: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counted:
        total[PROGRESS_GROUP_BY_STATE[getattr(one, attribute)]] += one.family_count
    return total


def _count_call_outcomes(counted: list[RecipientCount]) -> Counter[str]:
    told: Counter[str] = Counter()
    for one in counted:
        if one.channel == "voice" and one.reason in CALL_OUTCOME_LABELS:
            told[one.reason] += one.family_count
    return told


def _build_lines(counted: list[RecipientCount], attribute: str) -> tuple[ProgressLine, ...]:
    lines: dict[str, ProgressLine] = defaultdict(lambda: ProgressLine(""))
    for one in counted:
        line = lines[getattr(one, attribute)]
        line.name = getattr(one, attribute)
        line.counts[PROGRESS_GROUP_BY_STATE[one.state]] += one.family_count
    return tuple(sorted(lines.values(), key=lambda line: -line.counts.total()))


def _list_reasons(counted: list[RecipientCount]) -> Iterator[FailureReason]:
    found: Counter[tuple[str, int | None]] = Counter()
    for one in counted:
        if PROGRESS_GROUP_BY_STATE[one.state] == "failed":
            why = CALL_OUTCOME_LABELS.get(one.reason) or ERROR_EXPLANATIONS.get(
                one.error_code or 0, UNKNOWN_ERROR_EXPLANATION
            )
            found[(why, one.error_code)] += one.family_count
        elif one.state in ("held", "canceled") and one.reason:
            found[(HOLD_EXPLANATIONS.get(one.reason, one.reason), None)] += one.family_count
    for (why, code), number in found.most_common():
        yield FailureReason(why, number, code)


def _estimate_seconds_left(announcement: Announcement, queued: int, recent: int) -> int | None:
    """Seconds, at the pace of the last half minute; None where nothing is being sent."""
    if announcement.state != "sending" or not queued:
        return 0 if announcement.is_finished else None
    return round(queued / (recent / RATE_WINDOW.total_seconds())) if recent else None


REPORT_COLUMNS = ("number", "for", "try", "language", "channel", "state", "last_change", "reason", "what_to_do")


def stream_csv_report(runtime: Runtime, announcement_id: int) -> Iterator[str]:
    """The report as CSV, a line for each family and try; no number, no name, and nothing by which one is found."""
    yield format_line(REPORT_COLUMNS)
    local = runtime.library.district.to_local_time
    with runtime.database.read() as db:
        for number, one in enumerate(recipient_counts.iterate_recipients(db, announcement_id), 1):
            group = PROGRESS_GROUP_BY_STATE[one.state]
            why = (
                ERROR_EXPLANATIONS.get(one.error_code or 0, UNKNOWN_ERROR_EXPLANATION)
                if group == "failed"
                else HOLD_EXPLANATIONS.get(one.reason, one.reason)
            )
            moved = local(one.moved_at).isoformat(timespec="minutes")
            whom = "leader" if one.kind == "kit" else "family"
            code = str(one.error_code or "")
            yield format_line((number, whom, one.round + 1, one.language, one.channel, group, moved, code, why))
