"""Who must approve an announcement before it leaves, and what is still missing.

Who writes it cannot approve it alone; over a set number of families two people besides the writer do; what stands in
the name of somebody who releases in person (the superintendent) waits for exactly that person.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.announcements.audience import stream_families, stream_routes
from bot.announcements.current_translations import load_current_translations
from bot.announcements.preview import build_preview
from bot.announcements.text import find_unknown_placeholders
from bot.base.database import Transaction, now
from bot.content.district import District
from bot.messaging import suppression_rules
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements, approvals, templates, translations
from bot.store.announcements.announcements import Announcement, AnnouncementDraft
from bot.store.announcements.approvals import Approval
from bot.store.meetings import meetings


@dataclass(frozen=True)
class ApprovalStatus:
    """How far the approvals are: by whom, how many people are still needed, and whether a certain one."""

    approved_by: tuple[str, ...]
    missing_approver_count: int
    missing_sender: str | None

    @property
    def is_complete(self) -> bool:
        """Whether it may leave."""
        return self.missing_approver_count == 0 and self.missing_sender is None


class ReleaseError(Exception):
    """Why not, in a sentence for the person who asked."""


def compute_digest(announcement: Announcement, approved: Mapping[str, str]) -> str:
    """All that is approved, with the approved wordings (language → text): whatever changes needs new approvals."""
    audience = {name: sorted(values) for name, values in vars(announcement.audience).items()}
    moments = [moment.isoformat() if moment else "" for moment in (announcement.send_at, announcement.until)]
    words = [announcement.kind, announcement.sender, announcement.text, announcement.link, announcement.unapproved]
    whole = json.dumps([words, sorted(announcement.channels), audience, moments, dict(approved)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def compute_current_digest(db: Transaction, announcement: Announcement) -> str:
    """The digest of what stands in the database now."""
    found = load_current_translations(db, announcement)
    approved = {language: one.text for language, one in found.items() if one.state == "approved"}
    return compute_digest(announcement, approved | _hash_recordings(db, announcement.id))


def _hash_recordings(db: Transaction, announcement_id: int) -> dict[str, str]:
    """What the district's own recordings say can only be heard: another sound is another announcement."""
    found = translations.list_audio_by_language(db, announcement_id)
    return {f"{language} aloud": hashlib.sha256(audio).hexdigest() for language, audio in found.items()}


def get_approval_status(
    district: District, announcement: Announcement, given: list[Approval], families: int, current_digest: str
) -> ApprovalStatus:
    """What is missing; `seen` is the digest of now.  The writers' own approvals count for nobody but the sender."""
    valid = {one.by for one in given if one.digest == current_digest}
    others = valid - announcement.writers
    wanted = 2 if families > district.announcements.two_people_over else 1
    in_person = announcement.sender in district.announcements.released_by_sender
    sender_missing = announcement.sender if in_person and announcement.sender not in valid else None
    return ApprovalStatus(tuple(sorted(valid)), max(0, wanted - len(others)), sender_missing)


def count_reachable_families(runtime: Runtime, draft: AnnouncementDraft) -> int:
    """So many families are reached, as far as one knows now."""
    with runtime.database.read() as db:
        return sum(1 for one in stream_routes(runtime, draft, stream_families(db, draft.audience)) if not one.reason)


def count_audience_families(runtime: Runtime, draft: AnnouncementDraft) -> int:
    """So many families are meant, whether they can be reached or not: what the number of approvals goes by."""
    with runtime.database.read() as db:
        return sum(1 for _ in stream_families(db, draft.audience))


def approve(runtime: Runtime, announcement_id: int, by: str, seen_digest: str | None = None) -> None:
    """Say that this announcement is right.  `seen`: the digest of what was looked at.

    Raises `CannotRelease` for one that has left, or that was changed while somebody looked at it.
    """
    at = now()
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or announcement.state != "draft":
            raise ReleaseError("This announcement is no draft any more.")
        now_reads = compute_current_digest(db, announcement)
        if seen_digest not in (None, now_reads):
            raise ReleaseError("It was changed just now: look at it again.")
        approvals.add(db, announcement_id, Approval(by, now_reads, at))
        audit_log.record(db, by, "approved an announcement", f"announcement {announcement_id}", at)


def release(runtime: Runtime, announcement_id: int, by: str) -> Announcement:
    """Let it go, now or at its hour.  Raises `CannotRelease` with what is missing."""
    at = now()
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        given = approvals.list_for_announcement(db, announcement_id)
        seen = compute_current_digest(db, announcement) if announcement else ""
        waits, invited = templates.is_template(db, announcement_id), meetings.find_by_announcement(db, announcement_id)
    if announcement is None or announcement.state != "draft":
        raise ReleaseError("This announcement has been sent, or is no draft any more.")
    if waits:
        raise ReleaseError("This one waits ready: two people release it from the page of the schools.")
    if invited and invited.state != "invited":
        raise ReleaseError("Its gathering was changed or canceled since: draft the invitation anew.")
    families = count_audience_families(runtime, announcement)
    missing = get_approval_status(runtime.library.district, announcement, given, families, seen)
    if not missing.is_complete:
        raise ReleaseError(f"Not approved yet: {_describe_missing(runtime.library.district, missing)}.")
    if announcement.until <= _find_first_delivery_time(runtime, announcement, at):
        raise ReleaseError("It would leave after the time until which it holds: give it a later one.")
    if find_unknown_placeholders(announcement.text):
        raise ReleaseError("The text holds a placeholder that nothing fills in.")
    too_long = [one.language for one in build_preview(runtime, announcement).languages if one.is_too_long]
    if too_long:
        raise ReleaseError(f"It does not fit one message in {', '.join(too_long)}: say it in fewer words.")
    with runtime.database.write() as db:
        again = suppression_rules.find_announcement_hold_end(
            db, runtime.library.district, announcement.kind, announcement.audience.schools, announcement.send_at or at
        )
        if again:
            raise ReleaseError(f"After a verified event nothing about attendance leaves before {again}.")
        fresh = announcements.find(db, announcement_id)
        if fresh is None or compute_current_digest(db, fresh) != seen:
            raise ReleaseError("It was changed just now: look at it again.")
        if not announcements.change_state(db, announcement_id, ["draft"], "ready"):
            raise ReleaseError("Somebody has released it just now.")
        audit_log.record(db, by, "released an announcement", f"announcement {announcement_id}", at)
    return announcement


def _find_first_delivery_time(runtime: Runtime, announcement: Announcement, at: datetime) -> datetime:
    """When the first family gets it: nobody is written to at night but in an emergency."""
    due = max(at, announcement.send_at or at)
    return due if announcement.kind == "emergency" else runtime.library.district.find_next_waking_time(due)


def _describe_missing(district: District, missing: ApprovalStatus) -> str:
    parts = []
    if missing.missing_approver_count:
        parts.append(
            "one more person"
            if missing.missing_approver_count == 1
            else f"{missing.missing_approver_count} more people"
        )
    if missing.missing_sender:
        parts.append(district.staff[missing.missing_sender].name)
    return " and ".join(parts) + " must approve it"
