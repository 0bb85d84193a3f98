"""Who is meant by an audience, and by which way each can be reached, or why not.  One row for each family."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

from redis import RedisError
from sqlalchemy import Select, case, exists, select
from sqlalchemy.engine import Connection, Row

from bot.content.catalog import SOURCE_LANGUAGE
from bot.messaging.contact_policy import can_call, can_send_sms
from bot.runtime import Services
from bot.store.announcements.announcements import Announcement, Audience, Draft
from bot.store.families.contacts import contacts
from bot.store.families.families import families, schools, tags

WITHOUT_CONSENT = frozenset({"emergency", "attendance"})
"""What a school may send without consent: emergencies, unexcused absences (FCC 16-88); never after an opt-out."""
AT_ONCE = 1000

STOPPED, NO_CONSENT, BAD_NUMBER, NO_WAY = "stopped", "no consent", "bad number", "no way"
"""Why a family cannot be reached."""


@dataclass(frozen=True)
class Address:
    """One address of a family, still sealed."""

    contact_id: int
    channel: str
    index: str


@dataclass(frozen=True)
class Candidate:
    """A family that an audience means."""

    family_id: int
    role: str
    language: str
    stopped: bool
    consented: bool
    bad_number: bool
    no_whatsapp: bool
    addresses: tuple[Address, ...]

    def by(self, channel: str) -> Address | None:
        """Its address on this channel."""
        return next((one for one in self.addresses if one.channel == channel), None)


@dataclass(frozen=True)
class Reach:
    """How a family is reached: by which address and channel, in how many cases with a template; or the reason not."""

    family: Candidate
    contact_id: int
    channel: str
    template: str = ""
    reason: str = ""


def meant(db: Connection, audience: Audience) -> Iterator[Candidate]:
    """Every family of an audience once, streamed: two children at two schools are one family."""
    rows = db.execution_options(yield_per=AT_ONCE).execute(_query(audience))
    for _, group in groupby(rows, key=lambda row: row.family_id):
        candidate = _candidate(list(group))
        if not audience.languages or candidate.language in audience.languages:
            yield candidate


def _query(audience: Audience) -> Select[Any]:
    """All addresses of those families, a family's own together, the one that wrote by WhatsApp first."""
    columns = (contacts.c.id, contacts.c.family_id, contacts.c.channel, contacts.c.address_index, contacts.c.language)
    more = (contacts.c.stopped_at, families.c.role, families.c.consent_at, families.c.bad_number)
    query = select(*columns, *more, families.c.no_whatsapp_at).join(families, families.c.id == contacts.c.family_id)
    if audience.roles:
        query = query.where(families.c.role.in_(audience.roles))
    if audience.schools:
        at_one = (schools.c.family_id == families.c.id) & schools.c.school.in_(audience.schools)
        query = query.where(exists().where(at_one))
    if audience.tags:
        query = query.where(exists().where((tags.c.family_id == families.c.id) & tags.c.tag.in_(audience.tags)))
    whatsapp_first = case((contacts.c.channel == "whatsapp", 0), else_=1)
    return query.order_by(contacts.c.family_id, whatsapp_first, contacts.c.id)


def _candidate(rows: list[Row[Any]]) -> Candidate:
    """Whoever stopped on one address has stopped: nobody has to say it twice."""
    first = rows[0]
    return Candidate(
        family_id=first.family_id,
        role=first.role,
        language=next((row.language for row in rows if row.language), SOURCE_LANGUAGE),
        stopped=any(row.stopped_at for row in rows),
        consented=first.consent_at is not None,
        bad_number=first.bad_number is not None,
        no_whatsapp=first.no_whatsapp_at is not None,
        addresses=tuple(Address(row.id, row.channel, row.address_index) for row in rows),
    )


def reached(services: Services, draft: Draft, found: Iterable[Candidate]) -> Iterator[Reach]:
    """How each of them is reached now; WhatsApp's windows are asked for a thousand at a time."""
    found = iter(found)
    while batch := list(islice(found, AT_ONCE)):
        windows = open_windows(services, [one.by("whatsapp") for one in batch])
        for candidate in batch:
            yield _reach(services, draft, candidate, windows)


def open_windows(services: Services, addresses: Iterable[Address | None]) -> frozenset[int]:
    """The contacts that wrote by WhatsApp within 24 hours; none if Redis is away (then by the other ways)."""
    asked = [one for one in addresses if one]
    try:
        there = services.conversations.windows_open([one.index for one in asked])
    except RedisError:
        return frozenset()
    return frozenset(one.contact_id for one, is_open in zip(asked, there, strict=True) if is_open)


def _reach(services: Services, draft: Draft, family: Candidate, windows: frozenset[int]) -> Reach:
    first = family.addresses[0].contact_id
    if family.stopped:
        return Reach(family, first, "", reason=STOPPED)
    if draft.kind not in WITHOUT_CONSENT and not family.consented:
        return Reach(family, first, "", reason=NO_CONSENT)
    whatsapp = family.by("whatsapp") if _may(services, draft, "whatsapp") else None
    template = "" if family.no_whatsapp else template_for(services, draft, family.language)
    if whatsapp and (whatsapp.contact_id in windows or template):
        opened = whatsapp.contact_id in windows
        return Reach(family, whatsapp.contact_id, "whatsapp", "" if opened else template)
    called = _by_telephone(services, draft, family)
    if called:
        return Reach(family, called.contact_id, "voice")
    if _may(services, draft, "sms") and can_send_sms(services) and not family.bad_number:
        own = family.by("sms") or family.by("whatsapp") or family.addresses[0]
        return Reach(family, own.contact_id, "sms")
    return Reach(family, first, "", reason=BAD_NUMBER if family.bad_number else NO_WAY)


def _by_telephone(services: Services, draft: Draft, family: Candidate) -> Address | None:
    """The address of a family that is known by the telephone alone, or whose number gets no texts, although a caller
    once had one sent to it: whoever writes is written to."""
    called = family.by("voice")
    only = all(one.channel == "voice" for one in family.addresses) or family.bad_number
    return called if only and _may(services, draft, "voice") and can_call(services) else None


def _may(services: Services, draft: Draft, channel: str) -> bool:
    return channel in draft.channels and channel in services.library.district.channels


def template_for(services: Services, draft: Draft, language: str) -> str:
    """The approved WhatsApp template of this kind of announcement and language; "" if the district has none."""
    templates = services.library.district.templates
    own = templates.get(f"announcement_{draft.kind}", {}) or templates.get("announcement", {})
    return own.get(language, "")


def leaders_of(announcement: Announcement) -> Audience | None:
    """The community leaders who get it to pass on: those of its schools, whatever language or tag it is for; none for
    what is for staff alone."""
    if not {"family", "leader"} & set(announcement.audience.roles):
        return None
    return Audience(roles=("leader",), schools=announcement.audience.schools)


def readers_of(announcement: Announcement) -> list[Audience]:
    """The audience, and the leaders who pass it on."""
    return [one for one in (announcement.audience, leaders_of(announcement)) if one]
