"""Ready-made announcements: per school "agents were at …" and "they have left", in all languages, approved before the
day, and released by two different people in two taps.

Each is an ordinary draft that is translated, reviewed and approved like any other, and that never leaves itself: a
release makes a copy with the approved wordings, to which only the date and time are new.  So it is there another day.
The words are facts of the past that the district has verified: nothing of where agents are, how many, or what they do.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from bot.announcements import launch, translation_drafts
from bot.announcements.approval import CannotRelease, digest_now, meant_in_all, standing
from bot.announcements.composition import HOLDS, senders_of
from bot.announcements.preview import preview
from bot.announcements.text import sentences
from bot.base.database import now
from bot.base.queues import DELIVER, enqueue
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.content.texts import TextId
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import announcements, approvals, templates, translations
from bot.store.announcements.announcements import Announcement, Audience, Draft
from bot.store.announcements.approvals import Approval
from bot.store.announcements.templates import HAVE_LEFT, WERE_HERE, Ready
from bot.store.announcements.translations import Part
from bot.store.cases import deliveries
from bot.store.schools import verified_events

KIND = "emergency"
CHAINS = ("safety_lead", "principal")
"""Whose people (of that school) may propose and confirm, besides approvers and administrators."""
WAITS = timedelta(days=365)
"""So long its approvals are good for; then the words are looked at again."""
OFFERED = timedelta(hours=24)
"""So long after "agents were at …" the other of the pair is offered first."""
ENDS: tuple[TextId, ...] = ("ready_checked", "ready_ask", "ready_danger")
SENTENCES: dict[str, tuple[TextId, ...]] = {
    WERE_HERE: ("ready_were_here", *ENDS),
    HAVE_LEFT: ("ready_have_left", *ENDS),
}
"""Each a sentence of flows/texts.yaml, so that the catalogs hold a draft of it in every language."""
GONE = "The proposal is gone, or too old: look at the page again."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """One of a school's two, and what is missing before it could leave (`missing` empty: it can)."""

    ready: Ready
    announcement: Announcement
    missing: tuple[str, ...]
    families: int
    held: tuple[tuple[str, int], ...]
    """(language, families) that wait, because no person has approved their wording."""
    text: str
    """What phones show in English, if it left now."""


def may_release(district: District, staff: str | None, school: str) -> bool:
    """Whether this member of staff is one of those who may propose and confirm for that school."""
    person = district.staff.get(staff or "")
    if person is None or (person.schools and school not in person.schools):
        return False
    return staff in _releasers(district, school)


def _releasers(district: District, school: str) -> dict[str, None]:
    chains = [district.on_call[role] for role in CHAINS if role in district.on_call]
    people = dict.fromkeys(one for chain in chains for one in (*chain.schools.get(school, ()), *chain.people))
    return {one: None for one in people if not district.staff[one].schools or school in district.staff[one].schools}


def make(services: Services, by: str) -> int:
    """Write the pair for every school that lacks it, and have it translated; how many are new."""
    made = []
    with services.database.write() as db:
        known = {(one.school, one.what) for one in templates.every(db)}
        for school in services.library.district.schools:
            made += [_made(services, db, school, what, by) for what in SENTENCES if (school, what) not in known]
    for announcement in made:
        translation_drafts.ask(services, announcement)
    return len(made)


def _made(services: Services, db: Connection, school: str, what: str, by: str) -> Announcement:
    """The draft with its drafted wordings; both are kept, or neither."""
    district, at = services.library.district, now()
    text = " ".join(services.library.texts[one] for one in SENTENCES[what])
    audience = Audience(roles=("family",), schools=(school,))
    draft = Draft(KIND, _sender(district), text, audience, at + WAITS, channels=tuple(district.channels))
    number = announcements.add(db, draft, by, at)
    templates.add(db, number, school, what)
    audit_log.record(db, by, "wrote an announcement", f"announcement {number}", at, "ready-made")
    for language in district.languages:
        _draft_from_catalog(services, db, number, what, language, at)
    found = announcements.find(db, number)
    assert found is not None, "just kept"
    return found


def _sender(district: District) -> str:
    """Somebody whose name needs no approval in person on the day: of the safety lead's chain, if one may announce."""
    may = senders_of(district)
    free = [one for one in may if one not in district.announcements.released_by_sender] or list(may)
    chain = district.on_call.get(CHAINS[0])
    return next((one for one in (chain.people if chain else ()) if one in free), free[0])


def _draft_from_catalog(
    services: Services, db: Connection, number: int, what: str, language: str, at: datetime
) -> None:
    """The catalogs' wordings as a draft for who approves this language; else it waits for the translator."""
    if language == SOURCE_LANGUAGE:
        return
    english = [services.library.texts[one] for one in SENTENCES[what]]
    found = [(text, services.library.catalogs.wording(language, text)) for text in english]
    parts = [Part(text, one.text, "yes" if one.draft else "no") for text, one in found if not one.missing]
    translations.ask_for(db, number, language, sentences(" ".join(english)), at)
    if len(parts) == len(english):
        parts[-1] = replace(parts[-1], after="")
        translations.save_draft(db, number, language, parts)


def waiting(services: Services, school: str) -> list[Waiting]:
    """A school's two, each with what is missing."""
    with services.database.read() as db:
        own = [one for one in templates.every(db) if one.school == school]
        found = [(one, announcements.find(db, one.announcement_id)) for one in own]
    return [_waiting(services, one, announcement) for one, announcement in found if announcement]


def _waiting(services: Services, ready: Ready, announcement: Announcement) -> Waiting:
    shown = preview(services, announcement)
    missing = []
    with services.database.read() as db:
        given = approvals.of(db, announcement.id)
        seen = digest_now(db, announcement)
    size = meant_in_all(services, announcement)
    state = standing(services.library.district, announcement, given, size, seen)
    if not state.complete:
        missing.append("Nobody or too few people have approved it yet.")
    if announcement.until <= now():
        missing.append("It was approved too long ago: look at the words again, and give it a later time.")
    if any(one.too_long for one in shown.shown):
        missing.append("It does not fit one message in every language.")
    held = tuple((one.language, one.held) for one in shown.unapproved if one.held)
    english = next(one.text for one in shown.shown if one.language == SOURCE_LANGUAGE)
    return Waiting(ready, announcement, tuple(missing), shown.reached, held, english)


def propose(services: Services, ready_id: int, by: str) -> Ready:
    """The first of two people: it leaves when somebody else confirms.  The others who may are told.

    Raises `CannotRelease`.  The caller has asked `may_release`, or the login's role.
    """
    at, one = now(), _found(services, ready_id)
    state = _waiting(services, *one)
    if state.missing:
        raise CannotRelease(" ".join(state.missing))
    with services.database.write() as db:
        if not templates.propose(db, ready_id, by, at):
            raise CannotRelease("Somebody has proposed it already, or it has just been sent.")
        audit_log.record(db, by, "proposed an announcement", f"announcement {one[1].id}", at)
        planned = _tell_the_others(services, db, one[0], by, at)
    for delivery_id in planned:
        enqueue(services.redis, "urgent", DELIVER, delivery_id)
    return one[0]


def _found(services: Services, ready_id: int) -> tuple[Ready, Announcement]:
    with services.database.read() as db:
        ready = templates.find(db, ready_id)
        announcement = announcements.find(db, ready.announcement_id) if ready else None
    if ready is None or announcement is None:
        raise CannotRelease("There is no such ready-made announcement.")
    return ready, announcement


def _tell_the_others(services: Services, db: Connection, ready: Ready, by: str, at: datetime) -> list[str]:
    district = services.library.district
    name = district.staff[by].name if by in district.staff else by
    what = "agents were at the school" if ready.what == WERE_HERE else "the agents have left"
    minutes = int(templates.PROPOSED_FOR.total_seconds() // 60)
    body = (
        f"{district.name}: {name} proposes to tell the families of {district.schools[ready.school].name}: {what}."
        f" A second person must confirm it within {minutes} minutes. {services.settings.public_base}/console/schools"
    )
    others = [one for one in _releasers(district, ready.school) if one != by]
    return [deliveries.plan_notice(db, services.database.vault, {"staff": one}, body, at) for one in others]


def confirm(services: Services, ready_id: int, by: str) -> Announcement:
    """The second person: a copy with the approved words leaves now.  Raises `CannotRelease`."""
    at, (ready, announcement) = now(), _found(services, ready_id)
    if ready.proposed_by == by:
        raise CannotRelease("Somebody else must be the second person: you have proposed it.")
    if not ready.proposed(at):
        raise CannotRelease(GONE)
    state = _waiting(services, ready, announcement)
    if state.missing:
        raise CannotRelease(" ".join(state.missing))
    with services.database.write() as db:
        fresh = announcements.find(db, announcement.id)
        if fresh != announcement or not templates.confirm(db, ready, by, at):
            raise CannotRelease(GONE)
        copy = _copy(db, ready, announcement, by, at)
        if ready.what == WERE_HERE:  # two people say that it happened: for the days after, nothing about truancy
            verified_events.add(db, ready.school, services.library.district.local(at).date(), by, at)
    log.info("released: ready=%s announcement=%s", ready_id, copy.id)
    launch.send_when_due(services, copy)
    return copy


def _copy(db: Connection, ready: Ready, announcement: Announcement, by: str, at: datetime) -> Announcement:
    """The announcement that leaves: the same words and wordings, the moment, and everybody who stands for it."""
    proposed_by = ready.proposed_by or by
    names = Draft.__dataclass_fields__
    same = {name: getattr(announcement, name) for name in names}
    draft = Draft(**{**same, "send_at": at, "until": at + HOLDS[announcement.kind]})
    number = announcements.add(db, draft, proposed_by, at)
    translations.copy(db, announcement.id, number)
    copied = announcements.find(db, number)
    assert copied is not None, "just kept"
    before = {one.by for one in approvals.of(db, announcement.id) if one.digest == digest_now(db, announcement)}
    for person in sorted({*before, proposed_by, by}):
        approvals.add(db, number, Approval(person, digest_now(db, copied), at))
    announcements.move(db, number, ["draft"], "ready")
    templates.set_copy(db, ready.id, number)
    audit_log.record(db, proposed_by, "proposed an announcement", f"announcement {number}", at)
    audit_log.record(db, by, "released an announcement", f"announcement {number}", at, f"copy of {announcement.id}")
    return replace(copied, state="ready")


def drop(services: Services, ready_id: int, by: str) -> bool:
    """The proposal is taken back; False if there was none."""
    at, (ready, announcement) = now(), _found(services, ready_id)
    with services.database.write() as db:
        dropped = templates.drop(db, ready.id)
        if dropped:
            audit_log.record(db, by, "dropped a proposal", f"announcement {announcement.id}", at)
    return dropped


def offered(pair: list[Ready], at: datetime) -> str | None:
    """Which of a school's two is offered first: "they have left", for a day after "agents were at …"."""
    sent = {one.what: one.released_at for one in pair}
    were, left = sent.get(WERE_HERE), sent.get(HAVE_LEFT)
    fresh = were is not None and were > at - OFFERED and (left is None or left < were)
    return HAVE_LEFT if fresh else None
