"""Who is meant by an audience, and by which way each can be reached, or why not.  One row for each family."""

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
"""What a school may send without consent: emergencies, unexcused absences (FCC 16-88); never after an opt-out."""
RECIPIENT_BATCH_SIZE = 1000

OPTED_OUT_REASON, NO_CONSENT_REASON, BAD_NUMBER_REASON, NO_CHANNEL_REASON = (
    "stopped",
    "no consent",
    "bad number",
    "no way",
)
"""Why a family cannot be reached."""


@dataclass(frozen=True)
class FamilyAddress:
    """One address of a family, still sealed."""

    contact_id: int
    channel: str
    lookup_hash: str


@dataclass(frozen=True)
class AudienceFamily:
    """A family that an audience means."""

    family_id: int
    role: str
    language: str
    has_opted_out: bool
    has_consented: bool
    has_bad_number: bool
    has_no_whatsapp: bool
    addresses: tuple[FamilyAddress, ...]

    def find_address(self, channel: str) -> FamilyAddress | None:
        """Its address on this channel."""
        return next((one for one in self.addresses if one.channel == channel), None)


@dataclass(frozen=True)
class RecipientRoute:
    """How a family is reached: by which address and channel, in how many cases with a template; or the reason not."""

    family: AudienceFamily
    contact_id: int
    channel: str
    template: str = ""
    reason: str = ""


def stream_families(db: Transaction, audience: Audience) -> Iterator[AudienceFamily]:
    """Every family of an audience once, streamed: two children at two schools are one family."""
    rows = db.execute(_build_query(audience), execution_options={"yield_per": RECIPIENT_BATCH_SIZE})
    for _, group in groupby(rows, key=lambda row: row.family_id):
        candidate = _build_family(list(group))
        if not audience.languages or candidate.language in audience.languages:
            yield candidate


def _build_query(audience: Audience) -> Select[Any]:
    """All addresses of those families, a family's own together, the one that wrote by WhatsApp first."""
    columns = (contacts.c.id, contacts.c.family_id, contacts.c.channel, contacts.c.address_index, contacts.c.language)
    more = (contacts.c.stopped_at, families.c.role, families.c.consent_at, families.c.bad_number)
    query = select(*columns, *more, families.c.no_whatsapp_at).join(families, families.c.id == contacts.c.family_id)
    if audience.roles:
        query = query.where(families.c.role.in_(audience.roles))
    if audience.schools:
        at_one = (family_schools.c.family_id == families.c.id) & family_schools.c.school.in_(audience.schools)
        query = query.where(exists().where(at_one))
    if audience.tags:
        query = query.where(
            exists().where((family_tags.c.family_id == families.c.id) & family_tags.c.tag.in_(audience.tags))
        )
    whatsapp_first = case((contacts.c.channel == "whatsapp", 0), else_=1)
    return query.order_by(contacts.c.family_id, whatsapp_first, contacts.c.id)


def _build_family(rows: list[Row[Any]]) -> AudienceFamily:
    """Whoever stopped on one address has stopped: nobody has to say it twice."""
    first = rows[0]
    return AudienceFamily(
        family_id=first.family_id,
        role=first.role,
        language=next((row.language for row in rows if row.language), SOURCE_LANGUAGE),
        has_opted_out=any(row.stopped_at for row in rows),
        has_consented=first.consent_at is not None,
        has_bad_number=first.bad_number is not None,
        has_no_whatsapp=first.no_whatsapp_at is not None,
        addresses=tuple(FamilyAddress(row.id, row.channel, row.address_index) for row in rows),
    )


def stream_routes(
    runtime: Runtime, draft: AnnouncementDraft, candidates: Iterable[AudienceFamily]
) -> Iterator[RecipientRoute]:
    """How each of them is reached now; WhatsApp's windows are asked for a thousand at a time."""
    candidates = iter(candidates)
    while batch := list(islice(candidates, RECIPIENT_BATCH_SIZE)):
        windows = find_open_windows(runtime, [one.find_address("whatsapp") for one in batch])
        for candidate in batch:
            yield _choose_route(runtime, draft, candidate, windows)


def find_open_windows(runtime: Runtime, addresses: Iterable[FamilyAddress | None]) -> frozenset[int]:
    """The contacts that wrote by WhatsApp within 24 hours; none if Redis is away (then by the other ways)."""
    asked = [one for one in addresses if one]
    try:
        there = runtime.conversations.check_windows_open([one.lookup_hash for one in asked])
    except RedisError:
        return frozenset()
    return frozenset(one.contact_id for one, is_open in zip(asked, there, strict=True) if is_open)


def _choose_route(
    runtime: Runtime, draft: AnnouncementDraft, family: AudienceFamily, windows: frozenset[int]
) -> RecipientRoute:
    first = family.addresses[0].contact_id
    if family.has_opted_out:
        return RecipientRoute(family, first, "", reason=OPTED_OUT_REASON)
    if draft.kind not in CONSENT_EXEMPT_KINDS and not family.has_consented:
        return RecipientRoute(family, first, "", reason=NO_CONSENT_REASON)
    whatsapp = family.find_address("whatsapp") if _can_use_channel(runtime, draft, "whatsapp") else None
    template = "" if family.has_no_whatsapp else find_whatsapp_template(runtime, draft, family.language)
    if whatsapp and (whatsapp.contact_id in windows or template):
        opened = whatsapp.contact_id in windows
        return RecipientRoute(family, whatsapp.contact_id, "whatsapp", "" if opened else template)
    called = _find_call_address(runtime, draft, family)
    if called:
        return RecipientRoute(family, called.contact_id, "voice")
    if _can_use_channel(runtime, draft, "sms") and can_send_sms(runtime) and not family.has_bad_number:
        own = family.find_address("sms") or family.find_address("whatsapp") or family.addresses[0]
        return RecipientRoute(family, own.contact_id, "sms")
    return RecipientRoute(family, first, "", reason=BAD_NUMBER_REASON if family.has_bad_number else NO_CHANNEL_REASON)


def _find_call_address(runtime: Runtime, draft: AnnouncementDraft, family: AudienceFamily) -> FamilyAddress | None:
    """The address of a family that is known by the telephone alone, or whose number gets no texts, although a caller
    once had one sent to it: whoever writes is written to."""
    called = family.find_address("voice")
    only = all(one.channel == "voice" for one in family.addresses) or family.has_bad_number
    return called if only and _can_use_channel(runtime, draft, "voice") and can_call(runtime) else None


def _can_use_channel(runtime: Runtime, draft: AnnouncementDraft, channel: str) -> bool:
    return channel in draft.channels and channel in runtime.library.district.channels


def find_whatsapp_template(runtime: Runtime, draft: AnnouncementDraft, language: str) -> str:
    """The approved WhatsApp template of this kind of announcement and language; "" if the district has none."""
    templates = runtime.library.district.templates
    own = templates.get(f"announcement_{draft.kind}", {}) or templates.get("announcement", {})
    return own.get(language, "")


def get_leader_audience(announcement: Announcement) -> Audience | None:
    """The community leaders who get it to pass on: those of its schools, whatever language or tag it is for; none for
    what is for staff alone."""
    if not {"family", "leader"} & set(announcement.audience.roles):
        return None
    return Audience(roles=("leader",), schools=announcement.audience.schools)


def list_audiences(announcement: Announcement) -> list[Audience]:
    """The audience, and the leaders who pass it on."""
    return [one for one in (announcement.audience, get_leader_audience(announcement)) if one]
