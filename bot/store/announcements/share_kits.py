"""Kits: the picture and the sound of an announcement in each language, made once for all who pass it on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table, UniqueConstraint, delete, insert, select

from bot.base.database import Transaction, UtcDateTime, metadata

share_kits = Table(
    "announcement_kits",
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
    """`picture` is a PNG; `sound` an MP3 that a machine speaks (the district's own stands with the wording)."""

    language: str
    digest: str
    picture: bytes | None
    sound: bytes | None


def save(db: Transaction, announcement_id: int, kit: ShareKit, at: datetime) -> None:
    """Put it in place of an older one."""
    key = (share_kits.c.announcement_id == announcement_id) & (share_kits.c.language == kit.language)
    db.execute(delete(share_kits).where(key))
    db.execute(insert(share_kits).values(announcement_id=announcement_id, **vars(kit), made_at=at))


def find(db: Transaction, announcement_id: int, language: str) -> ShareKit | None:
    """The kit in this language, if it was made."""
    key = (share_kits.c.announcement_id == announcement_id) & (share_kits.c.language == language)
    row = db.execute(select(share_kits).where(key)).one_or_none()
    return ShareKit(row.language, row.digest, row.picture, row.sound) if row else None


def get_digests(db: Transaction, announcement_id: int) -> dict[str, tuple[str, bool, bool]]:
    """Language → (of which words, is there a picture, is there a sound)."""
    columns = (
        share_kits.c.language,
        share_kits.c.digest,
        share_kits.c.picture.is_not(None),
        share_kits.c.sound.is_not(None),
    )
    rows = db.execute(select(*columns).where(share_kits.c.announcement_id == announcement_id))
    return {language: (digest, picture, sound) for language, digest, picture, sound in rows}
