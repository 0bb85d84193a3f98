"""Find the families of an audience, and the channel that reaches each family or the reason that none does."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from redis import RedisError
from sqlalchemy import Select, case, exists, select
from sqlalchemy.engine import Row

from bot.base.database import Transaction
from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging.contact_policy import can_call, can_send_sms
from bot.runtime import Runtime
from bot.store.announcements.announcements import Announcement, AnnouncementDraft, Audience
from bot.store.families.contacts import contacts
from bot.store.families.families import families, family_schools, family_tags

CONSENT_EXEMPT_KINDS = frozenset({"emergency", "attendance"})
"""A school may send these kinds without consent (FCC 16-88). After an opt-out, it may not send them either."""
RECIPIENT_BATCH_SIZE = 1000

OPTED_OUT_REASON, NO_CONSENT_REASON, BAD_NUMBER_REASON, NO_CHANNEL_REASON = (
    "stopped",
    "no consent",
    "bad number",
    "no way",
)
"""The reasons that a family cannot be reached."""


@dataclass(frozen=True)
class FamilyAddress:
    """One address of a family, by its lookup hash."""

    contact_id: int
    channel: str
    lookup_hash: str


@dataclass(frozen=True)
class AudienceFamily:
    """One family of an audience, with all its addresses."""

    family_id: int
    role: str
    language: str
    has_opted_out: bool
    has_consented: bool
    has_bad_number: bool
    has_no_whatsapp: bool
    addresses: tuple[FamilyAddress, ...]

    def find_address(self, channel: str) -> FamilyAddress | None:
        """Return the family's address on this channel, or None."""
        return next((address for address in self.addresses if address.channel == channel), None)


@dataclass(frozen=True)
class RecipientRoute:
    """How a family is reached: the address, the channel, and any WhatsApp template. `reason` says why it is not."""

    family: AudienceFamily
    contact_id: int
    channel: str
    template: str = ""
    reason: str = ""


def stream_families(db: Transaction, audience: Audience) -> Iterator[AudienceFamily]:
    """Yield every family of an audience once, even if it has children at two schools."""
    rows = db.execute(_build_query(audience), execution_options={"yield_per": RECIPIENT_BATCH_SIZE})
    for _, family_rows in groupby(rows, key=lambda row: row.family_id):
        family = _build_family(list(family_rows))
        if not audience.languages or family.language in audience.languages:
            yield family


def _build_query(audience: Audience) -> Select[Any]:
    """Select all addresses of these families, grouped by family, with WhatsApp addresses first."""
    contact_columns = (
        *(contacts.c.id, contacts.c.family_id, contacts.c.channel, contacts.c.address_index),
        *(contacts.c.language, contacts.c.opted_out_at),
    )
    family_columns = (families.c.role, families.c.consent_at, families.c.bad_number, families.c.no_whatsapp_at)
    query = select(*contact_columns, *family_columns).join(families, families.c.id == contacts.c.family_id)
    if audience.roles:
        query = query.where(families.c.role.in_(audience.roles))
    if audience.schools:
        has_school = (family_schools.c.family_id == families.c.id) & family_schools.c.school.in_(audience.schools)
        query = query.where(exists().where(has_school))
    if audience.tags:
        has_tag = (family_tags.c.family_id == families.c.id) & family_tags.c.tag.in_(audience.tags)
        query = query.where(exists().where(has_tag))
    whatsapp_first = case((contacts.c.channel == "whatsapp", 0), else_=1)
    return query.order_by(contacts.c.family_id, whatsapp_first, contacts.c.id)


def _build_family(rows: list[Row[Any]]) -> AudienceFamily:
    """Combine the rows of one family. An opt-out on one address counts for all of them."""
    first = rows[0]
    return AudienceFamily(
        family_id=first.family_id,
        role=first.role,
        language=next((row.language for row in rows if row.language), SOURCE_LANGUAGE),
        has_opted_out=any(row.opted_out_at for row in rows),
        has_consented=first.consent_at is not None,
        has_bad_number=first.bad_number is not None,
        has_no_whatsapp=first.no_whatsapp_at is not None,
        addresses=tuple(FamilyAddress(row.id, row.channel, row.address_index) for row in rows),
    )


def stream_routes(
    runtime: Runtime, draft: AnnouncementDraft, candidates: Iterable[AudienceFamily]
) -> Iterator[RecipientRoute]:
    """Yield how each family is reached now. Checks the WhatsApp windows of a whole batch at once."""
    remaining = iter(candidates)
    while batch := list(islice(remaining, RECIPIENT_BATCH_SIZE)):
        windows = find_open_windows(runtime, [family.find_address("whatsapp") for family in batch])
        for family in batch:
            yield _choose_route(runtime, draft, family, windows)


def find_open_windows(runtime: Runtime, addresses: Iterable[FamilyAddress | None]) -> frozenset[int]:
    """Return the contacts that wrote by WhatsApp within 24 hours. Return none if Redis is away."""
    existing = [address for address in addresses if address]
    try:
        are_open = runtime.conversations.check_windows_open([address.lookup_hash for address in existing])
    except RedisError:
        return frozenset()
    return frozenset(address.contact_id for address, is_open in zip(existing, are_open, strict=True) if is_open)


def _choose_route(
    runtime: Runtime, draft: AnnouncementDraft, family: AudienceFamily, windows: frozenset[int]
) -> RecipientRoute:
    first_contact_id = family.addresses[0].contact_id
    if family.has_opted_out:
        return RecipientRoute(family, first_contact_id, "", reason=OPTED_OUT_REASON)
    if draft.kind not in CONSENT_EXEMPT_KINDS and not family.has_consented:
        return RecipientRoute(family, first_contact_id, "", reason=NO_CONSENT_REASON)
    whatsapp = family.find_address("whatsapp") if _can_use_channel(runtime, draft, "whatsapp") else None
    if whatsapp and whatsapp.contact_id in windows:
        return RecipientRoute(family, whatsapp.contact_id, "whatsapp", "")
    template = "" if family.has_no_whatsapp else find_whatsapp_template(runtime, draft, family.language)
    if whatsapp and template:
        return RecipientRoute(family, whatsapp.contact_id, "whatsapp", template)
    call_address = _find_call_address(runtime, draft, family)
    if call_address:
        return RecipientRoute(family, call_address.contact_id, "voice")
    if family.has_bad_number:
        return RecipientRoute(family, first_contact_id, "", reason=BAD_NUMBER_REASON)
    if _can_use_channel(runtime, draft, "sms") and can_send_sms(runtime):
        address = family.find_address("sms") or family.find_address("whatsapp") or family.addresses[0]
        return RecipientRoute(family, address.contact_id, "sms")
    return RecipientRoute(family, first_contact_id, "", reason=NO_CHANNEL_REASON)


def _find_call_address(runtime: Runtime, draft: AnnouncementDraft, family: AudienceFamily) -> FamilyAddress | None:
    """Return the address to call, if the family uses only the phone, or if its number gets no texts.

    A family that once called and then wrote gets texts: Puente answers on the channel that the family uses.
    """
    uses_only_calls = all(address.channel == "voice" for address in family.addresses) or family.has_bad_number
    if not uses_only_calls or not _can_use_channel(runtime, draft, "voice") or not can_call(runtime):
        return None
    return family.find_address("voice")


def _can_use_channel(runtime: Runtime, draft: AnnouncementDraft, channel: str) -> bool:
    return channel in draft.channels and channel in runtime.library.district.channels


def find_whatsapp_template(runtime: Runtime, draft: AnnouncementDraft, language: str) -> str:
    """Return the approved WhatsApp template for this kind of announcement and language, or ""."""
    templates = runtime.library.district.templates
    by_language = templates.get(f"announcement_{draft.kind}", {}) or templates.get("announcement", {})
    return by_language.get(language, "")


def get_leader_audience(announcement: Announcement) -> Audience | None:
    """Return the community leaders who pass it on: those of its schools, whatever its languages or tags.

    Returns None for an announcement that is only for staff.
    """
    if not {"family", "leader"} & set(announcement.audience.roles):
        return None
    return Audience(roles=("leader",), schools=announcement.audience.schools)


def list_audiences(announcement: Announcement) -> list[Audience]:
    """Return the audience, and the community leaders who pass the announcement on."""
    return [audience for audience in (announcement.audience, get_leader_audience(announcement)) if audience]
