"""Decide who must approve an announcement before it is sent, and what is still missing.

The writer cannot approve it alone. Over a set number of families, two people besides the writer must approve it.
An announcement in the name of a person who releases in person (the superintendent) needs the approval of that person.
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
    """Who approved an announcement, and which approvals are still missing."""

    approved_by: tuple[str, ...]
    missing_approver_count: int
    missing_sender: str | None

    @property
    def is_complete(self) -> bool:
        """Return whether the announcement can be sent."""
        return self.missing_approver_count == 0 and self.missing_sender is None


class ReleaseError(Exception):
    """An announcement cannot be released. The message is a sentence for the staff member who asked."""


def compute_digest(announcement: Announcement, approved: Mapping[str, str]) -> str:
    """Hash everything that is approved, with the approved translations by language. Any change needs new approvals."""
    audience = {name: sorted(values) for name, values in vars(announcement.audience).items()}
    moments = [moment.isoformat() if moment else "" for moment in (announcement.send_at, announcement.until)]
    fields = [announcement.kind, announcement.sender, announcement.text, announcement.link, announcement.unapproved]
    content = json.dumps([fields, sorted(announcement.channels), audience, moments, dict(approved)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def compute_current_digest(db: Transaction, announcement: Announcement) -> str:
    """Hash the announcement as the database holds it now."""
    current = load_current_translations(db, announcement)
    approved = {
        language: translation.text for language, translation in current.items() if translation.state == "approved"
    }
    return compute_digest(announcement, approved | _hash_recordings(db, announcement.id))


def _hash_recordings(db: Transaction, announcement_id: int) -> dict[str, str]:
    """Hash the district's own recordings. A reviewer can only hear them, so a new sound needs new approvals."""
    audio_by_language = translations.list_audio_by_language(db, announcement_id)
    return {f"{language} aloud": hashlib.sha256(audio).hexdigest() for language, audio in audio_by_language.items()}


def get_approval_status(
    district: District, announcement: Announcement, given_approvals: list[Approval], families: int, current_digest: str
) -> ApprovalStatus:
    """Return which approvals are missing. The approval of a writer counts only if the writer is also the sender."""
    valid_approvers = {approval.by for approval in given_approvals if approval.digest == current_digest}
    other_approvers = valid_approvers - announcement.writers
    required_count = 2 if families > district.announcements.two_people_over else 1
    needs_sender = announcement.sender in district.announcements.released_by_sender
    missing_sender = None
    if needs_sender and announcement.sender not in valid_approvers:
        missing_sender = announcement.sender
    missing_count = max(0, required_count - len(other_approvers))
    return ApprovalStatus(tuple(sorted(valid_approvers)), missing_count, missing_sender)


def count_reachable_families(runtime: Runtime, draft: AnnouncementDraft) -> int:
    """Count the families that the announcement would reach now."""
    with runtime.database.read() as db:
        routes = stream_routes(runtime, draft, stream_families(db, draft.audience))
        return sum(1 for route in routes if not route.reason)


def count_audience_families(runtime: Runtime, draft: AnnouncementDraft) -> int:
    """Count the families of the audience, reachable or not. The number of required approvals depends on it."""
    with runtime.database.read() as db:
        return sum(1 for _ in stream_families(db, draft.audience))


def approve(runtime: Runtime, announcement_id: int, by: str, seen_digest: str | None = None) -> None:
    """Record an approval. `seen_digest` is the digest of the version that the person read.

    Raises `ReleaseError` if the announcement is not a draft, or changed since the person opened it.
    """
    current_time = now()
    with runtime.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or announcement.state != "draft":
            raise ReleaseError("This announcement is no longer a draft.")
        current_digest = compute_current_digest(db, announcement)
        if seen_digest not in (None, current_digest):
            raise ReleaseError("This announcement just changed. Check it again.")
        approvals.add(db, announcement_id, Approval(by, current_digest, current_time))
        audit_log.record(db, by, "approved an announcement", f"announcement {announcement_id}", current_time)


def release(runtime: Runtime, announcement_id: int, by: str) -> Announcement:
    """Release the announcement, for now or for its send time. Raises `ReleaseError` with what is missing."""
    current_time = now()
    with runtime.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        given_approvals = approvals.list_for_announcement(db, announcement_id)
        seen_digest = compute_current_digest(db, announcement) if announcement else ""
        is_template = templates.is_template(db, announcement_id)
        meeting = meetings.find_by_announcement(db, announcement_id)
    if announcement is None or announcement.state != "draft":
        raise ReleaseError("This announcement was sent, or is no longer a draft.")
    if is_template:
        raise ReleaseError("This is an announcement template. Two people send it from the School status page.")
    if meeting and meeting.state != "invited":
        raise ReleaseError("The meeting was changed or canceled. Draft the invitation again.")
    families = count_audience_families(runtime, announcement)
    status = get_approval_status(runtime.library.district, announcement, given_approvals, families, seen_digest)
    if not status.is_complete:
        raise ReleaseError(f"Not approved yet: {_describe_missing(runtime.library.district, status)}.")
    if announcement.until <= _find_first_delivery_time(runtime, announcement, current_time):
        raise ReleaseError("The announcement would be sent after its end of validity. Choose a later end.")
    if find_unknown_placeholders(announcement.text):
        raise ReleaseError("The text has a word in braces that Puente can't fill in.")
    previews = build_preview(runtime, announcement).languages
    too_long = [preview.language for preview in previews if preview.is_too_long]
    if too_long:
        raise ReleaseError(f"The text is too long for one message in {', '.join(too_long)}. Shorten it.")
    with runtime.database.write() as db:
        send_at = announcement.send_at or current_time
        hold_end = suppression_rules.find_announcement_hold_end(
            db, runtime.library.district, announcement.kind, announcement.audience.schools, send_at
        )
        if hold_end:
            raise ReleaseError(f"After a verified event, messages about attendance are on hold until {hold_end}.")
        latest = announcements.find(db, announcement_id)
        if latest is None or compute_current_digest(db, latest) != seen_digest:
            raise ReleaseError("This announcement just changed. Check it again.")
        if not announcements.change_state(db, announcement_id, ["draft"], "ready"):
            raise ReleaseError("Another person just sent this announcement.")
        audit_log.record(db, by, "released an announcement", f"announcement {announcement_id}", current_time)
    return announcement


def _find_first_delivery_time(runtime: Runtime, announcement: Announcement, current_time: datetime) -> datetime:
    """Return when the first family gets it. Only emergencies are sent at night."""
    due_at = max(current_time, announcement.send_at or current_time)
    if announcement.kind == "emergency":
        return due_at
    return runtime.library.district.find_next_waking_time(due_at)


def _describe_missing(district: District, missing: ApprovalStatus) -> str:
    parts = []
    if missing.missing_approver_count == 1:
        parts.append("one more person")
    elif missing.missing_approver_count:
        parts.append(f"{missing.missing_approver_count} more people")
    if missing.missing_sender:
        parts.append(district.staff[missing.missing_sender].name)
    return " and ".join(parts) + " must approve it"
