"""What each phone of an announcement gets: its words, its address at this moment, its template; or why nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import RedisError
from sqlalchemy import select

from bot.announcements.audience import (
    CONSENT_EXEMPT_KINDS,
    NO_CHANNEL_REASON,
    NO_CONSENT_REASON,
    find_whatsapp_template,
)
from bot.announcements.call_script import build_call_script, can_read_aloud
from bot.announcements.current_translations import load_current_translations
from bot.announcements.sender_rate_limit import SenderTokenBucket
from bot.announcements.share_kit import render_kit_message
from bot.announcements.text import compose_body, get_translation_mark
from bot.base.database import Transaction
from bot.channels.base import OutgoingMessage
from bot.messaging.catalog_drafts import get_localized_library
from bot.runtime import Runtime
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.recipients import Recipient, RecipientChange
from bot.store.announcements.translations import AnnouncementTranslation
from bot.store.families.contacts import contacts, decrypt_address
from bot.store.families.families import extract_number, families

UNAPPROVED_LANGUAGE_REASON, EXPIRED_REASON = "language", "over"
"""Why a row is held: no person has approved its language, and the writer wants that; its time is past."""
MAX_TEMPLATE_CHARACTERS = 1000
"""WhatsApp takes 1,024 in a template's body (twilio.md, section 3); the district's name stands there too."""


@dataclass(frozen=True)
class PreparedMessage:
    """One message that can leave."""

    recipient: Recipient
    outgoing: OutgoingMessage


@dataclass(frozen=True)
class _CurrentFamily:
    """A family at this moment."""

    address: str
    lookup_hash: str
    has_opted_out: bool
    has_bad_number: bool
    has_consented: bool


class AnnouncementMessageBuilder:
    """The messages of one announcement.  A language's words are put together once, and anew when they change."""

    def __init__(self, runtime: Runtime, announcement: Announcement) -> None:
        self._services, self._announcement = runtime, announcement
        self._wordings: dict[str, AnnouncementTranslation] = {}
        self._bodies: dict[tuple[str, str], str] = {}
        with runtime.database.read() as db:
            self._reload_translations(db)

    @property
    def code(self) -> str:
        """What stands in each of its messages, whatever the language: by it one is known in Twilio's list."""
        return self._announcement.code

    def _reload_translations(self, db: Transaction) -> None:
        """The wordings of this moment: one may be approved while the others are sent."""
        found = load_current_translations(db, self._announcement)
        if found != self._wordings:
            self._wordings, self._bodies = found, {}

    def render_body(self, kind: str, language: str) -> str:
        """What a phone shows by SMS, or by WhatsApp inside the window."""
        key = (kind, language)
        if key not in self._bodies:
            library, base = get_localized_library(self._services, language), self._services.settings.public_base
            wording = self._wordings.get(language)
            said = compose_body(library, self._announcement, language, wording, base)
            more = render_kit_message(library, self._announcement, language, base) if kind == "kit" else ""
            self._bodies[key] = f"{said}\n\n{more}" if more else said
        return self._bodies[key]

    def prepare(
        self, db: Transaction, rows: list[Recipient], bucket: SenderTokenBucket, at: datetime
    ) -> tuple[list[PreparedMessage], list[RecipientChange]]:
        """The messages for these claimed rows, and what becomes of those that cannot leave now."""
        self._reload_translations(db)
        current = self._load_families(db, rows)
        open_now = self._find_open_windows(rows, current)
        ready: list[PreparedMessage] = []
        aside: list[RecipientChange] = []
        for row in rows:
            one = self._prepare_message(db, row, current.get(row.contact_id), row.contact_id in open_now, bucket, at)
            (ready if isinstance(one, PreparedMessage) else aside).append(one)  # type: ignore[arg-type]
        return ready, aside

    def _prepare_message(
        self,
        db: Transaction,
        row: Recipient,
        family: _CurrentFamily | None,
        is_window_open: bool,
        bucket: SenderTokenBucket,
        at: datetime,
    ) -> PreparedMessage | RecipientChange:
        if family is None or family.has_opted_out:
            return RecipientChange(row.id, "canceled", at, reason="stopped")
        if reason := self._find_hold_reason(row, family, at):
            return RecipientChange(row.id, "held", at, reason=reason)
        if row.channel == "voice":
            return self._prepare_call(db, row, family, at)
        text = self.render_body(row.kind, row.language)
        if row.channel == "sms":
            if family.has_bad_number or not extract_number(family.address).startswith("+"):
                return RecipientChange(row.id, "held", at, reason="bad number")
            return PreparedMessage(row, OutgoingMessage(row.id, extract_number(family.address), text))
        if is_window_open:
            return PreparedMessage(row, OutgoingMessage(row.id, family.address, text))
        template = find_whatsapp_template(self._services, self._announcement, row.language)
        variables = (self._services.library.district.name, collapse_to_one_line(text))
        if not template or len(variables[1]) > MAX_TEMPLATE_CHARACTERS:
            return self._switch_to_sms(row, at) or RecipientChange(row.id, "held", at, reason=NO_CHANNEL_REASON)
        if not bucket.take_daily_permit():
            return self._handle_daily_limit(row, at)
        return PreparedMessage(row, OutgoingMessage(row.id, family.address, text, template, variables))

    def _prepare_call(
        self, db: Transaction, row: Recipient, family: _CurrentFamily, at: datetime
    ) -> PreparedMessage | RecipientChange:
        """The call, if anything can read it out in this language; else a text, or a person calls."""
        said = self._find_call_script(db, row.language)
        if not said or not family.address.startswith("voice:+"):
            return self._switch_to_sms(row, at) or RecipientChange(row.id, "held", at, reason=NO_CHANNEL_REASON)
        return PreparedMessage(
            row, OutgoingMessage(row.id, family.address, "\n".join(said), should_detect_machine=True)
        )

    def _find_call_script(self, db: Transaction, language: str) -> tuple[str, ...]:
        library = get_localized_library(self._services, language)
        said = build_call_script(library, self._announcement, language, self._wordings.get(language))
        return said if can_read_aloud(db, library, language, said) else ()

    def _handle_daily_limit(self, row: Recipient, at: datetime) -> RecipientChange:
        """WhatsApp allows no more people today: by SMS, or when a place is free again."""
        return self._switch_to_sms(row, at) or RecipientChange(row.id, "waiting", at + timedelta(minutes=30))

    def _switch_to_sms(self, row: Recipient, at: datetime) -> RecipientChange | None:
        return RecipientChange(row.id, "waiting", at, channel="sms") if "sms" in self._announcement.channels else None

    def _find_hold_reason(self, row: Recipient, family: _CurrentFamily, at: datetime) -> str:
        """Why it must not leave at this moment, although it was planned: "" if it may."""
        announcement = self._announcement
        if announcement.until <= at:
            return EXPIRED_REASON
        if announcement.kind not in CONSENT_EXEMPT_KINDS and not family.has_consented:
            return NO_CONSENT_REASON
        unapproved = get_translation_mark(row.language, self._wordings.get(row.language))
        return UNAPPROVED_LANGUAGE_REASON if unapproved and announcement.unapproved == "hold" else ""

    def load_addresses(self, db: Transaction, rows: list[Recipient]) -> dict[str, str]:
        """Where these rows were sent to, to look for them in Twilio's list."""
        current = self._load_families(db, rows)
        found = {row.id: current[row.contact_id].address if row.contact_id in current else "" for row in rows}
        return {row.id: extract_number(found[row.id]) if row.channel == "sms" else found[row.id] for row in rows}

    def _load_families(self, db: Transaction, rows: Iterable[Recipient]) -> dict[int, _CurrentFamily]:
        """Contact → its family now: an opt-out of a minute ago counts, on whichever of its addresses."""
        vault = self._services.database.vault
        wanted = tuple({row.family_id for row in rows})
        columns = (contacts.c.id, contacts.c.family_id, contacts.c.address_index, contacts.c.sealed_address)
        query = select(*columns, contacts.c.stopped_at, families.c.bad_number, families.c.consent_at)
        query = query.join(families, families.c.id == contacts.c.family_id).where(contacts.c.family_id.in_(wanted))
        found = db.execute(query).all() if wanted else []
        stopped = {row.family_id for row in found if row.stopped_at}
        return {
            row.id: _CurrentFamily(
                decrypt_address(vault, row.sealed_address, row.address_index),
                row.address_index,
                row.family_id in stopped,
                row.bad_number is not None,
                row.consent_at is not None,
            )
            for row in found
        }

    def _find_open_windows(self, rows: list[Recipient], current: dict[int, _CurrentFamily]) -> frozenset[int]:
        asked = [row.contact_id for row in rows if row.channel == "whatsapp" and row.contact_id in current]
        try:
            there = self._services.conversations.check_windows_open([current[one].lookup_hash for one in asked])
        except RedisError:
            return frozenset()
        return frozenset(one for one, is_open in zip(asked, there, strict=True) if is_open)


def collapse_to_one_line(text: str) -> str:
    """A template's variable holds no line breaks and no run of spaces (Meta refuses them)."""
    return " ".join(text.split())
