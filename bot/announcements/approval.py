"""Who must approve an announcement before it leaves, and what is still missing.

Who writes it cannot approve it alone; over a set number of families two people besides the writer do; what stands in
the name of somebody who releases in person (the superintendent) waits for exactly that person.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from bot.announcements.audience import meant, reached
from bot.announcements.current_translations import wordings_now
from bot.announcements.preview import preview
from bot.announcements.text import unknown_placeholders
from bot.base.database import now
from bot.content.district import District
from bot.messaging import suppression_rules
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import announcements, approvals, templates, translations
from bot.store.announcements.announcements import Announcement, Draft
from bot.store.announcements.approvals import Approval
from bot.store.meetings import meetings


@dataclass(frozen=True)
class Standing:
    """How far the approvals are: by whom, how many people are still needed, and whether a certain one."""

    by: tuple[str, ...]
    people_missing: int
    sender_missing: str | None

    @property
    def complete(self) -> bool:
        """Whether it may leave."""
        return self.people_missing == 0 and self.sender_missing is None


class CannotRelease(Exception):
    """Why not, in a sentence for the person who asked."""


def digest(announcement: Announcement, approved: Mapping[str, str]) -> str:
    """All that is approved, with the approved wordings (language → text): whatever changes needs new approvals."""
    audience = {name: sorted(values) for name, values in vars(announcement.audience).items()}
    moments = [moment.isoformat() if moment else "" for moment in (announcement.send_at, announcement.until)]
    words = [announcement.kind, announcement.sender, announcement.text, announcement.link, announcement.unapproved]
    whole = json.dumps([words, sorted(announcement.channels), audience, moments, dict(approved)], sort_keys=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def digest_now(db: Connection, announcement: Announcement) -> str:
    """The digest of what stands in the database now."""
    found = wordings_now(db, announcement)
    approved = {language: one.text for language, one in found.items() if one.state == "approved"}
    return digest(announcement, approved | _spoken(db, announcement.id))


def _spoken(db: Connection, announcement_id: int) -> dict[str, str]:
    """What the district's own recordings say can only be heard: another sound is another announcement."""
    found = translations.audios(db, announcement_id)
    return {f"{language} aloud": hashlib.sha256(audio).hexdigest() for language, audio in found.items()}


def standing(
    district: District, announcement: Announcement, given: list[Approval], families: int, seen: str
) -> Standing:
    """What is missing; `seen` is the digest of now.  The writers' own approvals count for nobody but the sender."""
    valid = {one.by for one in given if one.digest == seen}
    others = valid - announcement.writers
    wanted = 2 if families > district.announcements.two_people_over else 1
    in_person = announcement.sender in district.announcements.released_by_sender
    sender_missing = announcement.sender if in_person and announcement.sender not in valid else None
    return Standing(tuple(sorted(valid)), max(0, wanted - len(others)), sender_missing)


def size_of(services: Services, draft: Draft) -> int:
    """So many families are reached, as far as one knows now."""
    with services.database.read() as db:
        return sum(1 for one in reached(services, draft, meant(db, draft.audience)) if not one.reason)


def meant_in_all(services: Services, draft: Draft) -> int:
    """So many families are meant, whether they can be reached or not: what the number of approvals goes by."""
    with services.database.read() as db:
        return sum(1 for _ in meant(db, draft.audience))


def approve(services: Services, announcement_id: int, by: str, seen: str | None = None) -> None:
    """Say that this announcement is right.  `seen`: the digest of what was looked at.

    Raises `CannotRelease` for one that has left, or that was changed while somebody looked at it.
    """
    at = now()
    with services.database.write() as db:
        announcement = announcements.find(db, announcement_id)
        if announcement is None or announcement.state != "draft":
            raise CannotRelease("This announcement is no draft any more.")
        now_reads = digest_now(db, announcement)
        if seen not in (None, now_reads):
            raise CannotRelease("It was changed just now: look at it again.")
        approvals.add(db, announcement_id, Approval(by, now_reads, at))
        audit_log.record(db, by, "approved an announcement", f"announcement {announcement_id}", at)


def release(services: Services, announcement_id: int, by: str) -> Announcement:
    """Let it go, now or at its hour.  Raises `CannotRelease` with what is missing."""
    at = now()
    with services.database.read() as db:
        announcement = announcements.find(db, announcement_id)
        given = approvals.of(db, announcement_id)
        seen = digest_now(db, announcement) if announcement else ""
        waits, invited = templates.is_one(db, announcement_id), meetings.by_announcement(db, announcement_id)
    if announcement is None or announcement.state != "draft":
        raise CannotRelease("This announcement has been sent, or is no draft any more.")
    if waits:
        raise CannotRelease("This one waits ready: two people release it from the page of the schools.")
    if invited and invited.state != "invited":
        raise CannotRelease("Its gathering was changed or canceled since: draft the invitation anew.")
    families = meant_in_all(services, announcement)
    missing = standing(services.library.district, announcement, given, families, seen)
    if not missing.complete:
        raise CannotRelease(f"Not approved yet: {_in_words(services.library.district, missing)}.")
    if announcement.until <= _leaves(services, announcement, at):
        raise CannotRelease("It would leave after the time until which it holds: give it a later one.")
    if unknown_placeholders(announcement.text):
        raise CannotRelease("The text holds a placeholder that nothing fills in.")
    too_long = [one.language for one in preview(services, announcement).shown if one.too_long]
    if too_long:
        raise CannotRelease(f"It does not fit one message in {', '.join(too_long)}: say it in fewer words.")
    with services.database.write() as db:
        again = suppression_rules.announcement_held(
            db, services.library.district, announcement.kind, announcement.audience.schools, announcement.send_at or at
        )
        if again:
            raise CannotRelease(f"After a verified event nothing about attendance leaves before {again}.")
        fresh = announcements.find(db, announcement_id)
        if fresh is None or digest_now(db, fresh) != seen:
            raise CannotRelease("It was changed just now: look at it again.")
        if not announcements.move(db, announcement_id, ["draft"], "ready"):
            raise CannotRelease("Somebody has released it just now.")
        audit_log.record(db, by, "released an announcement", f"announcement {announcement_id}", at)
    return announcement


def _leaves(services: Services, announcement: Announcement, at: datetime) -> datetime:
    """When the first family gets it: nobody is written to at night but in an emergency."""
    due = max(at, announcement.send_at or at)
    return due if announcement.kind == "emergency" else services.library.district.waking(due)


def _in_words(district: District, missing: Standing) -> str:
    parts = []
    if missing.people_missing:
        parts.append("one more person" if missing.people_missing == 1 else f"{missing.people_missing} more people")
    if missing.sender_missing:
        parts.append(district.staff[missing.sender_missing].name)
    return " and ".join(parts) + " must approve it"
