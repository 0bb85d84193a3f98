"""What each phone of an announcement gets: its words, its address at this moment, its template; or why nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import RedisError
from sqlalchemy import select
from sqlalchemy.engine import Connection

from bot.announcements.audience import NO_CONSENT, NO_WAY, WITHOUT_CONSENT, template_for
from bot.announcements.call_script import can_read, read_out
from bot.announcements.current_translations import wordings_now
from bot.announcements.sender_rate_limit import Bucket
from bot.announcements.share_kit import kit_words
from bot.announcements.text import body, marked_as
from bot.channels.base import Outgoing
from bot.messaging.catalog_drafts import library_for
from bot.runtime import Services
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import Change, Recipient
from bot.store.announcements.translations import Wording
from bot.store.families.contacts import contacts, open_address
from bot.store.families.families import families, number_of

LANGUAGE, OVER = "language", "over"
"""Why a row is held: no person has approved its language, and the writer wants that; its time is past."""
TEMPLATE_CHARACTERS = 1000
"""WhatsApp takes 1,024 in a template's body (twilio.md, section 3); the district's name stands there too."""


@dataclass(frozen=True)
class Ready:
    """One message that can leave."""

    recipient: Recipient
    outgoing: Outgoing


@dataclass(frozen=True)
class _Now:
    """A family at this moment."""

    address: str
    index: str
    stopped: bool
    bad_number: bool
    consented: bool


class Messages:
    """The messages of one announcement.  A language's words are put together once, and anew when they change."""

    def __init__(self, services: Services, announcement: Announcement) -> None:
        self._services, self._announcement = services, announcement
        self._wordings: dict[str, Wording] = {}
        self._bodies: dict[tuple[str, str], str] = {}
        with services.database.read() as db:
            self._read(db)

    @property
    def code(self) -> str:
        """What stands in each of its messages, whatever the language: by it one is known in Twilio's list."""
        return self._announcement.code

    def _read(self, db: Connection) -> None:
        """The wordings of this moment: one may be approved while the others are sent."""
        found = wordings_now(db, self._announcement)
        if found != self._wordings:
            self._wordings, self._bodies = found, {}

    def body(self, kind: str, language: str) -> str:
        """What a phone shows by SMS, or by WhatsApp inside the window."""
        key = (kind, language)
        if key not in self._bodies:
            library, base = library_for(self._services, language), self._services.settings.public_base
            wording = self._wordings.get(language)
            said = body(library, self._announcement, language, wording, base)
            more = kit_words(library, self._announcement, language, base) if kind == "kit" else ""
            self._bodies[key] = f"{said}\n\n{more}" if more else said
        return self._bodies[key]

    def ready(
        self, db: Connection, rows: list[Recipient], bucket: Bucket, at: datetime
    ) -> tuple[list[Ready], list[Change]]:
        """The messages for these claimed rows, and what becomes of those that cannot leave now."""
        self._read(db)
        current = self._current(db, rows)
        open_now = self._windows(rows, current)
        ready: list[Ready] = []
        aside: list[Change] = []
        for row in rows:
            one = self._one(db, row, current.get(row.contact_id), row.contact_id in open_now, bucket, at)
            (ready if isinstance(one, Ready) else aside).append(one)  # type: ignore[arg-type]
        return ready, aside

    def _one(
        self, db: Connection, row: Recipient, now: _Now | None, opened: bool, bucket: Bucket, at: datetime
    ) -> Ready | Change:
        if now is None or now.stopped:
            return Change(row.id, "canceled", at, reason="stopped")
        if reason := self._held(row, now, at):
            return Change(row.id, "held", at, reason=reason)
        if row.channel == "voice":
            return self._call(db, row, now, at)
        text = self.body(row.kind, row.language)
        if row.channel == "sms":
            if now.bad_number or not number_of(now.address).startswith("+"):
                return Change(row.id, "held", at, reason="bad number")
            return Ready(row, Outgoing(row.id, number_of(now.address), text))
        if opened:
            return Ready(row, Outgoing(row.id, now.address, text))
        template = template_for(self._services, self._announcement, row.language)
        variables = (self._services.library.district.name, one_line(text))
        if not template or len(variables[1]) > TEMPLATE_CHARACTERS:
            return self._by_sms(row, at) or Change(row.id, "held", at, reason=NO_WAY)
        if not bucket.take_day(1):
            return self._over_the_day(row, at)
        return Ready(row, Outgoing(row.id, now.address, text, template, variables))

    def _call(self, db: Connection, row: Recipient, now: _Now, at: datetime) -> Ready | Change:
        """The call, if anything can read it out in this language; else a text, or a person calls."""
        said = self._aloud(db, row.language)
        if not said or not now.address.startswith("voice:+"):
            return self._by_sms(row, at) or Change(row.id, "held", at, reason=NO_WAY)
        return Ready(row, Outgoing(row.id, now.address, "\n".join(said), machines=True))

    def _aloud(self, db: Connection, language: str) -> tuple[str, ...]:
        library = library_for(self._services, language)
        said = read_out(library, self._announcement, language, self._wordings.get(language))
        return said if can_read(db, library, language, said) else ()

    def _over_the_day(self, row: Recipient, at: datetime) -> Change:
        """WhatsApp allows no more people today: by SMS, or when a place is free again."""
        return self._by_sms(row, at) or Change(row.id, "waiting", at + timedelta(minutes=30))

    def _by_sms(self, row: Recipient, at: datetime) -> Change | None:
        return Change(row.id, "waiting", at, channel="sms") if "sms" in self._announcement.channels else None

    def _held(self, row: Recipient, now: _Now, at: datetime) -> str:
        """Why it must not leave at this moment, although it was planned: "" if it may."""
        announcement = self._announcement
        if announcement.until <= at:
            return OVER
        if announcement.kind not in WITHOUT_CONSENT and not now.consented:
            return NO_CONSENT
        unapproved = marked_as(row.language, self._wordings.get(row.language))
        return LANGUAGE if unapproved and announcement.unapproved == "hold" else ""

    def addresses_of(self, db: Connection, rows: list[Recipient]) -> dict[str, str]:
        """Where these rows were sent to, to look for them in Twilio's list."""
        current = self._current(db, rows)
        found = {row.id: current[row.contact_id].address if row.contact_id in current else "" for row in rows}
        return {row.id: number_of(found[row.id]) if row.channel == "sms" else found[row.id] for row in rows}

    def _current(self, db: Connection, rows: Iterable[Recipient]) -> dict[int, _Now]:
        """Contact → its family now: an opt-out of a minute ago counts, on whichever of its addresses."""
        vault = self._services.database.vault
        wanted = tuple({row.family_id for row in rows})
        columns = (contacts.c.id, contacts.c.family_id, contacts.c.address_index, contacts.c.sealed_address)
        query = select(*columns, contacts.c.stopped_at, families.c.bad_number, families.c.consent_at)
        query = query.join(families, families.c.id == contacts.c.family_id).where(contacts.c.family_id.in_(wanted))
        found = db.execute(query).all() if wanted else []
        stopped = {row.family_id for row in found if row.stopped_at}
        return {
            row.id: _Now(
                open_address(vault, row.sealed_address, row.address_index),
                row.address_index,
                row.family_id in stopped,
                row.bad_number is not None,
                row.consent_at is not None,
            )
            for row in found
        }

    def _windows(self, rows: list[Recipient], current: dict[int, _Now]) -> frozenset[int]:
        asked = [row.contact_id for row in rows if row.channel == "whatsapp" and row.contact_id in current]
        try:
            there = self._services.conversations.windows_open([current[one].index for one in asked])
        except RedisError:
            return frozenset()
        return frozenset(one for one, is_open in zip(asked, there, strict=True) if is_open)


def one_line(text: str) -> str:
    """A template's variable holds no line breaks and no run of spaces (Meta refuses them)."""
    return " ".join(text.split())
