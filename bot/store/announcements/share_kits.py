"""Share kits: the picture and the audio of an announcement in each language, for everyone who shares it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, UniqueConstraint, delete, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata

share_kits = Table(
    "share_kits",
    metadata,
    Column("announcement_id", ForeignKey("announcements.id"), nullable=False),
    Column("language", String(8), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("picture", LargeBinary),
    Column("sound", LargeBinary),
    Column("made_at", UtcDateTime, nullable=False),
    UniqueConstraint("announcement_id", "language"),
)


@dataclass(frozen=True)
class ShareKit:
    """A share kit.

    `picture` is a PNG. `sound` is an MP3 with a computer voice; the district's own recording is stored with the
    translation.
    """

    language: str
    digest: str
    picture: bytes | None
    sound: bytes | None


def save(db: Transaction, announcement_id: int, kit: ShareKit, now: datetime) -> None:
    """Store the kit in place of an older one."""
    key = (share_kits.c.announcement_id == announcement_id) & (share_kits.c.language == kit.language)
    db.execute(delete(share_kits).where(key))
    db.execute(insert(share_kits).values(announcement_id=announcement_id, **vars(kit), made_at=now))


def find(db: Transaction, announcement_id: int, language: str) -> ShareKit | None:
    """Return the kit in this language, or None."""
    key = (share_kits.c.announcement_id == announcement_id) & (share_kits.c.language == language)
    row = db.execute(select(share_kits).where(key)).one_or_none()
    return ShareKit(row.language, row.digest, row.picture, row.sound) if row else None


def get_digests(db: Transaction, announcement_id: int) -> dict[str, tuple[str, bool, bool]]:
    """Return language → (hash of the text, whether a picture exists, whether audio exists)."""
    columns = (
        share_kits.c.language,
        share_kits.c.digest,
        share_kits.c.picture.is_not(None),
        share_kits.c.sound.is_not(None),
    )
    rows = db.execute(select(*columns).where(share_kits.c.announcement_id == announcement_id))
    return {language: (digest, has_picture, has_sound) for language, digest, has_picture, has_sound in rows}
