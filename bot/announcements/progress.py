"""How an announcement stands while it is sent and after: counts by language and channel, reasons, the time left."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.announcements.launch import NEVER_AGAIN
from bot.announcements.personalization import LANGUAGE, OVER
from bot.base.csv_export import line
from bot.base.database import now
from bot.channels.error_messages import CALLED, UNKNOWN, WHY
from bot.runtime import Services
from bot.store.announcements import announcements, recipient_counts, recipients
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipient_counts import Count
from bot.store.cases import cases

GROUPS = {
    "waiting": "queued", "claimed": "queued", "unknown": "queued",
    "queued": "sent", "accepted": "sent", "scheduled": "sent", "sending": "sent", "sent": "sent",
    "delivered": "delivered", "read": "read", "undelivered": "failed", "failed": "failed",
    "held": "held", "canceled": "canceled",
}  # fmt: skip
"""What the page calls each state."""
ORDER = ("queued", "sent", "delivered", "read", "failed", "held", "canceled")
HELD = {
    "stopped": "They texted STOP. Call, or write a letter.",
    "no consent": "They have not agreed to this kind of message. Emergencies still reach them.",
    "bad number": "The number gets no texts. Ask the family for the right one.",
    "no way": "No channel of this announcement reaches them. Call.",
    OVER: "It held true only until a time that had come before it could leave.",
    LANGUAGE: "Nobody has approved their language yet. It leaves as soon as somebody does.",
}
"""Why nothing was sent, and what the office can do."""
MEASURED, SOON = timedelta(seconds=30), timedelta(minutes=2)


@dataclass
class Line:
    """One language or channel."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Reason:
    """Why it did not reach some families, and what the office can do."""

    why: str
    number: int
    code: int | None = None


@dataclass(frozen=True)
class Watch:
    """Everything that the page shows."""

    announcement: Announcement
    total: Counter[str]
    languages: tuple[Line, ...]
    channels: tuple[Line, ...]
    reasons: tuple[Reason, ...]
    kits: Counter[str]
    seconds_left: int | None
    can_try_again: int
    calls: Counter[str]
    """Who answered the calls: "answered", "machine", "busy", "no answer"."""
    replies: tuple[int, ...]
    waits_until: datetime | None = None
    """When the next of them leaves, if that is later than now: the morning."""

    @property
    def families(self) -> int:
        """How many it is for."""
        return self.total.total()


def watch(services: Services, announcement_id: int) -> Watch | None:
    """How it stands now; None if there is no such announcement."""
    with services.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None:
            return None
        counted = recipient_counts.counts(db, announcement_id)
        kits = recipient_counts.counts(db, announcement_id, "kit")
        recent = recipient_counts.left_since(db, announcement_id, now() - MEASURED)
        replies = cases.answering(db, announcement_id)
        due = recipients.next_due(db, announcement_id)
    total = _by(counted, "state")
    again = [one for one in (*counted, *kits) if GROUPS[one.state] == "failed" and one.error_code not in NEVER_AGAIN]
    return Watch(
        announcement=announcement,
        total=total,
        languages=_lines(counted, "language"),
        channels=_lines([one for one in counted if one.channel], "channel"),
        reasons=tuple(_reasons([*counted, *kits])),
        kits=_by(kits, "state"),
        seconds_left=_left(announcement, total["queued"], recent),
        can_try_again=sum(one.number for one in again),
        calls=_calls([*counted, *kits]),
        replies=tuple(replies),
        waits_until=due if due and due > now() + SOON and announcement.state == "sending" else None,
    )


def _by(counted: list[Count], what: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counted:
        total[GROUPS[getattr(one, what)]] += one.number
    return total


def _calls(counted: list[Count]) -> Counter[str]:
    told: Counter[str] = Counter()
    for one in counted:
        if one.channel == "voice" and one.reason in CALLED:
            told[one.reason] += one.number
    return told


def _lines(counted: list[Count], what: str) -> tuple[Line, ...]:
    lines: dict[str, Line] = defaultdict(lambda: Line(""))
    for one in counted:
        line = lines[getattr(one, what)]
        line.name = getattr(one, what)
        line.counts[GROUPS[one.state]] += one.number
    return tuple(sorted(lines.values(), key=lambda line: -line.counts.total()))


def _reasons(counted: list[Count]) -> Iterator[Reason]:
    found: Counter[tuple[str, int | None]] = Counter()
    for one in counted:
        if GROUPS[one.state] == "failed":
            why = CALLED.get(one.reason) or WHY.get(one.error_code or 0, UNKNOWN)
            found[(why, one.error_code)] += one.number
        elif one.state in ("held", "canceled") and one.reason:
            found[(HELD.get(one.reason, one.reason), None)] += one.number
    for (why, code), number in found.most_common():
        yield Reason(why, number, code)


def _left(announcement: Announcement, queued: int, recent: int) -> int | None:
    """Seconds, at the pace of the last half minute; None where nothing is being sent."""
    if announcement.state != "sending" or not queued:
        return 0 if announcement.over else None
    return round(queued / (recent / MEASURED.total_seconds())) if recent else None


COLUMNS = ("number", "for", "try", "language", "channel", "state", "last_change", "reason", "what_to_do")


def report(services: Services, announcement_id: int) -> Iterator[str]:
    """The report as CSV, a line for each family and try; no number, no name, and nothing by which one is found."""
    yield line(COLUMNS)
    local = services.library.district.local
    with services.database.read() as db:
        for number, one in enumerate(recipient_counts.each(db, announcement_id), 1):
            group = GROUPS[one.state]
            why = WHY.get(one.error_code or 0, UNKNOWN) if group == "failed" else HELD.get(one.reason, one.reason)
            moved = local(one.moved_at).isoformat(timespec="minutes")
            whom = "leader" if one.kind == "kit" else "family"
            code = str(one.error_code or "")
            yield line((number, whom, one.round + 1, one.language, one.channel, group, moved, code, why))
