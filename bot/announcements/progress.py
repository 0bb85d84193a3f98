"""Report the progress of an announcement: counts by language and channel, reasons of failures, and the time left."""

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
"""The progress group that the page shows for each state."""
PROGRESS_GROUP_ORDER = ("queued", "sent", "delivered", "read", "failed", "held", "canceled")
HOLD_EXPLANATIONS = {
    "stopped": "Opted out (STOP). Call, or write a letter.",
    "no consent": "No consent for this type of message. Emergencies still reach these families.",
    "bad number": "The number can't get texts. Ask the family for the right one.",
    "no way": "No channel of this announcement reaches these families. Call them.",
    EXPIRED_REASON: "The message expired before it could be sent.",
    UNAPPROVED_LANGUAGE_REASON: "Their language isn't approved yet. The message is sent after the approval.",
}
"""Why nothing was sent, and what the office can do about it."""
RATE_WINDOW, DUE_SOON = timedelta(seconds=30), timedelta(minutes=2)


@dataclass
class ProgressLine:
    """The counts of one language or channel."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class FailureReason:
    """Why the announcement did not reach some families, and what the office can do about it."""

    why: str
    number: int
    code: int | None = None


@dataclass(frozen=True)
class AnnouncementProgress:
    """Everything that the progress page shows."""

    announcement: Announcement
    total: Counter[str]
    languages: tuple[ProgressLine, ...]
    channels: tuple[ProgressLine, ...]
    reasons: tuple[FailureReason, ...]
    kits: Counter[str]
    seconds_left: int | None
    retryable_count: int
    calls: Counter[str]
    """Outcomes of the calls: "answered", "machine", "busy", "no answer"."""
    replies: tuple[int, ...]
    next_send_at: datetime | None = None
    """When the next message is sent, if that is later than now, such as in the morning."""

    @property
    def families(self) -> int:
        """Return how many families the announcement is for."""
        return self.total.total()


def load_progress(runtime: Runtime, announcement_id: int) -> AnnouncementProgress | None:
    """Return the current progress, or None if the announcement doesn't exist."""
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None:
            return None
        counts = recipient_counts.list_counts(db, announcement_id)
        kit_counts = recipient_counts.list_counts(db, announcement_id, "kit")
        recent_count = recipient_counts.count_sent_since(db, announcement_id, now() - RATE_WINDOW)
        replies = cases.list_ids_for_announcement(db, announcement_id)
        due_at = recipients.find_next_due_at(db, announcement_id)
    total = _count_by_group(counts, "state")
    retryable_counts = [
        count
        for count in (*counts, *kit_counts)
        if PROGRESS_GROUP_BY_STATE[count.state] == "failed" and count.error_code not in PERMANENT_FAILURES
    ]
    is_waiting = due_at is not None and due_at > now() + DUE_SOON and announcement.state == "sending"
    return AnnouncementProgress(
        announcement=announcement,
        total=total,
        languages=_build_lines(counts, "language"),
        channels=_build_lines([count for count in counts if count.channel], "channel"),
        reasons=tuple(_list_reasons([*counts, *kit_counts])),
        kits=_count_by_group(kit_counts, "state"),
        seconds_left=_estimate_seconds_left(announcement, total["queued"], recent_count),
        retryable_count=sum(count.family_count for count in retryable_counts),
        calls=_count_call_outcomes([*counts, *kit_counts]),
        replies=tuple(replies),
        next_send_at=due_at if is_waiting else None,
    )


def _count_by_group(counts: list[RecipientCount], attribute: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for count in counts:
        total[PROGRESS_GROUP_BY_STATE[getattr(count, attribute)]] += count.family_count
    return total


def _count_call_outcomes(counts: list[RecipientCount]) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for count in counts:
        if count.channel == "voice" and count.reason in CALL_OUTCOME_LABELS:
            outcomes[count.reason] += count.family_count
    return outcomes


def _build_lines(counts: list[RecipientCount], attribute: str) -> tuple[ProgressLine, ...]:
    lines: dict[str, ProgressLine] = defaultdict(lambda: ProgressLine(""))
    for count in counts:
        line = lines[getattr(count, attribute)]
        line.name = getattr(count, attribute)
        line.counts[PROGRESS_GROUP_BY_STATE[count.state]] += count.family_count
    return tuple(sorted(lines.values(), key=lambda line: -line.counts.total()))


def _list_reasons(counts: list[RecipientCount]) -> Iterator[FailureReason]:
    totals: Counter[tuple[str, int | None]] = Counter()
    for count in counts:
        if PROGRESS_GROUP_BY_STATE[count.state] == "failed":
            reason = CALL_OUTCOME_LABELS.get(count.reason) or _explain_error(count.error_code)
            totals[(reason, count.error_code)] += count.family_count
        elif count.state in ("held", "canceled") and count.reason:
            totals[(HOLD_EXPLANATIONS.get(count.reason, count.reason), None)] += count.family_count
    for (reason, code), total in totals.most_common():
        yield FailureReason(reason, total, code)


def _explain_error(code: int | None) -> str:
    return ERROR_EXPLANATIONS.get(code or 0, UNKNOWN_ERROR_EXPLANATION)


def _estimate_seconds_left(announcement: Announcement, queued_count: int, recent_count: int) -> int | None:
    """Return the seconds left at the rate of the last half minute, or None if nothing is being sent."""
    if announcement.state != "sending" or not queued_count:
        return 0 if announcement.is_finished else None
    if not recent_count:
        return None
    return round(queued_count / (recent_count / RATE_WINDOW.total_seconds()))


REPORT_COLUMNS = ("number", "for", "try", "language", "channel", "state", "last_change", "reason", "what_to_do")


def stream_csv_report(runtime: Runtime, announcement_id: int) -> Iterator[str]:
    """Yield the report as CSV, one line for each family and attempt. No line identifies a family."""
    yield format_line(REPORT_COLUMNS)
    to_local_time = runtime.library.district.to_local_time
    with runtime.database.read() as db:
        for number, row in enumerate(recipient_counts.iterate_recipients(db, announcement_id), 1):
            group = PROGRESS_GROUP_BY_STATE[row.state]
            explanation = HOLD_EXPLANATIONS.get(row.reason, row.reason)
            if group == "failed":
                explanation = _explain_error(row.error_code)
            moved_at = to_local_time(row.moved_at).isoformat(timespec="minutes")
            recipient_kind = "leader" if row.kind == "kit" else "family"
            code = str(row.error_code or "")
            yield format_line(
                (number, recipient_kind, row.round + 1, row.language, row.channel, group, moved_at, code, explanation)
            )
