"""Build the message of each recipient: the text, the current address, and the template, or the reason to hold it."""

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
"""A row is held because its language is not approved and the writer waits for it, or because its validity ended."""
MAX_TEMPLATE_CHARACTERS = 1000
"""WhatsApp allows 1,024 characters in a template's body (twilio.md, section 3). The district's name needs some."""


@dataclass(frozen=True)
class PreparedMessage:
    """One message that is ready to send."""

    recipient: Recipient
    outgoing: OutgoingMessage


@dataclass(frozen=True)
class _CurrentFamily:
    """A family as the database shows it now."""

    address: str
    lookup_hash: str
    has_opted_out: bool
    has_bad_number: bool
    has_consented: bool


class AnnouncementMessageBuilder:
    """Builds the messages of one announcement. Renders the text of a language once, and again after a change."""

    def __init__(self, runtime: Runtime, announcement: Announcement) -> None:
        self._runtime, self._announcement = runtime, announcement
        self._wordings: dict[str, AnnouncementTranslation] = {}
        self._bodies: dict[tuple[str, str], str] = {}
        with runtime.database.read() as db:
            self._reload_translations(db)

    @property
    def code(self) -> str:
        """Return the code in every message of the announcement, which identifies it in Twilio's list."""
        return self._announcement.code

    def _reload_translations(self, db: Transaction) -> None:
        """Reload the translations, because one may be approved while others are being sent."""
        current = load_current_translations(db, self._announcement)
        if current != self._wordings:
            self._wordings, self._bodies = current, {}

    def render_body(self, kind: str, language: str) -> str:
        """Return the text that a phone shows by SMS, or by WhatsApp inside the 24-hour window."""
        key = (kind, language)
        if key not in self._bodies:
            library, base = get_localized_library(self._runtime, language), self._runtime.settings.public_base
            body = compose_body(library, self._announcement, language, self._wordings.get(language), base)
            if kind == "kit":
                body = f"{body}\n\n{render_kit_message(library, self._announcement, language, base)}"
            self._bodies[key] = body
        return self._bodies[key]

    def prepare(
        self, db: Transaction, rows: list[Recipient], bucket: SenderTokenBucket, current_time: datetime
    ) -> tuple[list[PreparedMessage], list[RecipientChange]]:
        """Return the messages for these claimed rows, and the changes of rows that cannot be sent now."""
        self._reload_translations(db)
        families_by_contact = self._load_families(db, rows)
        open_contact_ids = self._find_open_windows(rows, families_by_contact)
        ready: list[PreparedMessage] = []
        not_ready: list[RecipientChange] = []
        for row in rows:
            family, is_window_open = families_by_contact.get(row.contact_id), row.contact_id in open_contact_ids
            prepared = self._prepare_message(db, row, family, is_window_open, bucket, current_time)
            if isinstance(prepared, PreparedMessage):
                ready.append(prepared)
            else:
                not_ready.append(prepared)
        return ready, not_ready

    def _prepare_message(
        self,
        db: Transaction,
        row: Recipient,
        family: _CurrentFamily | None,
        is_window_open: bool,
        bucket: SenderTokenBucket,
        current_time: datetime,
    ) -> PreparedMessage | RecipientChange:
        if family is None or family.has_opted_out:
            return RecipientChange(row.id, "canceled", current_time, reason="stopped")
        if reason := self._find_hold_reason(row, family, current_time):
            return RecipientChange(row.id, "held", current_time, reason=reason)
        if row.channel == "voice":
            return self._prepare_call(db, row, family, current_time)
        text = self.render_body(row.kind, row.language)
        if row.channel == "sms":
            if family.has_bad_number or not extract_number(family.address).startswith("+"):
                return RecipientChange(row.id, "held", current_time, reason="bad number")
            return PreparedMessage(row, OutgoingMessage(row.id, extract_number(family.address), text))
        if is_window_open:
            return PreparedMessage(row, OutgoingMessage(row.id, family.address, text))
        template = find_whatsapp_template(self._runtime, self._announcement, row.language)
        variables = (self._runtime.library.district.name, collapse_to_one_line(text))
        if not template or len(variables[1]) > MAX_TEMPLATE_CHARACTERS:
            return self._switch_to_sms(row, current_time) or RecipientChange(
                row.id, "held", current_time, reason=NO_CHANNEL_REASON
            )
        if not bucket.take_daily_permit():
            return self._handle_daily_limit(row, current_time)
        return PreparedMessage(row, OutgoingMessage(row.id, family.address, text, template, variables))

    def _prepare_call(
        self, db: Transaction, row: Recipient, family: _CurrentFamily, current_time: datetime
    ) -> PreparedMessage | RecipientChange:
        """Prepare a call if this language can be read aloud. If not, send an SMS or leave the call to a person."""
        script = self._find_call_script(db, row.language)
        if not script or not family.address.startswith("voice:+"):
            return self._switch_to_sms(row, current_time) or RecipientChange(
                row.id, "held", current_time, reason=NO_CHANNEL_REASON
            )
        body = "\n".join(script)
        return PreparedMessage(row, OutgoingMessage(row.id, family.address, body, should_detect_machine=True))

    def _find_call_script(self, db: Transaction, language: str) -> tuple[str, ...]:
        library = get_localized_library(self._runtime, language)
        script = build_call_script(library, self._announcement, language, self._wordings.get(language))
        if not can_read_aloud(db, library, language, script):
            return ()
        return script

    def _handle_daily_limit(self, row: Recipient, current_time: datetime) -> RecipientChange:
        """After WhatsApp's daily limit, send an SMS or wait until the limit allows more."""
        in_half_an_hour = current_time + timedelta(minutes=30)
        return self._switch_to_sms(row, current_time) or RecipientChange(row.id, "waiting", in_half_an_hour)

    def _switch_to_sms(self, row: Recipient, current_time: datetime) -> RecipientChange | None:
        if "sms" not in self._announcement.channels:
            return None
        return RecipientChange(row.id, "waiting", current_time, channel="sms")

    def _find_hold_reason(self, row: Recipient, family: _CurrentFamily, current_time: datetime) -> str:
        """Return why a planned message must not be sent now, or ""."""
        announcement = self._announcement
        if announcement.until <= current_time:
            return EXPIRED_REASON
        if announcement.kind not in CONSENT_EXEMPT_KINDS and not family.has_consented:
            return NO_CONSENT_REASON
        has_mark = get_translation_mark(row.language, self._wordings.get(row.language))
        if has_mark and announcement.unapproved == "hold":
            return UNAPPROVED_LANGUAGE_REASON
        return ""

    def load_addresses(self, db: Transaction, rows: list[Recipient]) -> dict[str, str]:
        """Return the addresses that these rows were sent to, as Twilio's list shows them, by row ID."""
        families_by_contact = self._load_families(db, rows)
        addresses = {}
        for row in rows:
            family = families_by_contact.get(row.contact_id)
            address = family.address if family else ""
            if row.channel == "sms":
                address = extract_number(address)
            addresses[row.id] = address
        return addresses

    def _load_families(self, db: Transaction, rows: Iterable[Recipient]) -> dict[int, _CurrentFamily]:
        """Return the current family of each contact ID. A recent opt-out counts for all of a family's addresses."""
        vault = self._runtime.database.vault
        family_ids = tuple({row.family_id for row in rows})
        if not family_ids:
            return {}
        columns = (contacts.c.id, contacts.c.family_id, contacts.c.address_index, contacts.c.sealed_address)
        query = select(*columns, contacts.c.opted_out_at, families.c.bad_number, families.c.consent_at)
        query = query.join(families, families.c.id == contacts.c.family_id).where(contacts.c.family_id.in_(family_ids))
        contact_rows = db.execute(query).all()
        opted_out_ids = {row.family_id for row in contact_rows if row.opted_out_at}
        return {
            row.id: _CurrentFamily(
                decrypt_address(vault, row.sealed_address, row.address_index),
                row.address_index,
                row.family_id in opted_out_ids,
                row.bad_number is not None,
                row.consent_at is not None,
            )
            for row in contact_rows
        }

    def _find_open_windows(
        self, rows: list[Recipient], families_by_contact: dict[int, _CurrentFamily]
    ) -> frozenset[int]:
        contact_ids = [
            row.contact_id for row in rows if row.channel == "whatsapp" and row.contact_id in families_by_contact
        ]
        hashes = [families_by_contact[contact_id].lookup_hash for contact_id in contact_ids]
        try:
            are_open = self._runtime.conversations.check_windows_open(hashes)
        except RedisError:
            return frozenset()
        return frozenset(contact_id for contact_id, is_open in zip(contact_ids, are_open, strict=True) if is_open)


def collapse_to_one_line(text: str) -> str:
    """Collapse all whitespace, because Meta rejects line breaks and runs of spaces in a template's variable."""
    return " ".join(text.split())
