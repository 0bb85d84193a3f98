"""Ready-made announcements: per school "agents were at …" and "they have left", in all languages, approved before the
day, and released by two different people in two taps.

Each is an ordinary draft that is translated, reviewed and approved like any other, and that never leaves itself: a
release makes a copy with the approved wordings, to which only the date and time are new.  So it is there another day.
The words are facts of the past that the district has verified: nothing of where agents are, how many, or what they do.
"""

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.announcements import launch, translation_drafts
from bot.announcements.approval import (
    ReleaseError,
    compute_current_digest,
    count_audience_families,
    get_approval_status,
)
from bot.announcements.composition import VALIDITY_BY_KIND, list_senders
from bot.announcements.preview import build_preview
from bot.announcements.text import split_sentences
from bot.base.database import Transaction, now
from bot.base.queues import DELIVER_MESSAGE_JOB, enqueue
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.district import District
from bot.content.texts import TextId
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import announcements, approvals, templates, translations
from bot.store.announcements.announcements import Announcement, AnnouncementDraft, Audience
from bot.store.announcements.approvals import Approval
from bot.store.announcements.templates import AGENTS_HAVE_LEFT, AGENTS_WERE_HERE, AnnouncementTemplate
from bot.store.announcements.translations import TranslatedSentence
from bot.store.cases import deliveries
from bot.store.schools import verified_events

TEMPLATE_KIND = "emergency"
RELEASER_ROLES = ("safety_lead", "principal")
"""Whose people (of that school) may propose and confirm, besides approvers and administrators."""
TEMPLATE_VALIDITY = timedelta(days=365)
"""So long its approvals are good for; then the words are looked at again."""
OFFER_WINDOW = timedelta(hours=24)
"""So long after "agents were at …" the other of the pair is offered first."""
CLOSING_TEXT_IDS: tuple[TextId, ...] = ("ready_checked", "ready_ask", "ready_danger")
TEMPLATE_TEXT_IDS: dict[str, tuple[TextId, ...]] = {
    AGENTS_WERE_HERE: ("ready_were_here", *CLOSING_TEXT_IDS),
    AGENTS_HAVE_LEFT: ("ready_have_left", *CLOSING_TEXT_IDS),
}
"""Each a sentence of flows/texts.yaml, so that the catalogs hold a draft of it in every language."""
PROPOSAL_GONE_MESSAGE = "The proposal is gone, or too old: look at the page again."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemplateStatus:
    """One of a school's two, and what is missing before it could leave (`missing` empty: it can)."""

    template: AnnouncementTemplate
    announcement: Announcement
    missing: tuple[str, ...]
    families: int
    held: tuple[tuple[str, int], ...]
    """(language, families) that wait, because no person has approved their wording."""
    text: str
    """What phones show in English, if it left now."""


def can_release(district: District, staff: str | None, school: str) -> bool:
    """Whether this member of staff is one of those who may propose and confirm for that school."""
    person = district.staff.get(staff or "")
    if person is None or (person.schools and school not in person.schools):
        return False
    return staff in _list_releasers(district, school)


def _list_releasers(district: District, school: str) -> dict[str, None]:
    chains = [district.on_call[role] for role in RELEASER_ROLES if role in district.on_call]
    people = dict.fromkeys(one for chain in chains for one in (*chain.schools.get(school, ()), *chain.people))
    return {one: None for one in people if not district.staff[one].schools or school in district.staff[one].schools}


def create_missing(runtime: Runtime, by: str) -> int:
    """Write the pair for every school that lacks it, and have it translated; how many are new."""
    made = []
    with runtime.database.write() as db:
        known = {(one.school, one.what) for one in templates.list_all(db)}
        for school in runtime.library.district.schools:
            made += [
                _create_template(runtime, db, school, what, by)
                for what in TEMPLATE_TEXT_IDS
                if (school, what) not in known
            ]
    for announcement in made:
        translation_drafts.request_drafts(runtime, announcement)
    return len(made)


def _create_template(runtime: Runtime, db: Transaction, school: str, what: str, by: str) -> Announcement:
    """The draft with its drafted wordings; both are kept, or neither."""
    district, at = runtime.library.district, now()
    text = " ".join(runtime.library.texts[one] for one in TEMPLATE_TEXT_IDS[what])
    audience = Audience(roles=("family",), schools=(school,))
    draft = AnnouncementDraft(
        TEMPLATE_KIND,
        _choose_sender(district),
        text,
        audience,
        at + TEMPLATE_VALIDITY,
        channels=tuple(district.channels),
    )
    number = announcements.add(db, draft, by, at)
    templates.add(db, number, school, what)
    audit_log.record(db, by, "wrote an announcement", f"announcement {number}", at, "ready-made")
    for language in district.languages:
        _save_catalog_draft(runtime, db, number, what, language, at)
    found = announcements.find(db, number)
    assert found is not None, "just kept"
    return found


def _choose_sender(district: District) -> str:
    """Somebody whose name needs no approval in person on the day: of the safety lead's chain, if one may announce."""
    may = list_senders(district)
    free = [one for one in may if one not in district.announcements.released_by_sender] or list(may)
    chain = district.on_call.get(RELEASER_ROLES[0])
    return next((one for one in (chain.people if chain else ()) if one in free), free[0])


def _save_catalog_draft(runtime: Runtime, db: Transaction, number: int, what: str, language: str, at: datetime) -> None:
    """The catalogs' wordings as a draft for who approves this language; else it waits for the translator."""
    if language == SOURCE_LANGUAGE:
        return
    english = [runtime.library.texts[one] for one in TEMPLATE_TEXT_IDS[what]]
    found = [(text, runtime.library.catalogs.find_text(language, text)) for text in english]
    parts = [
        TranslatedSentence(text, one.text, "yes" if one.is_draft else "no") for text, one in found if not one.is_missing
    ]
    translations.request(db, number, language, split_sentences(" ".join(english)), at)
    if len(parts) == len(english):
        parts[-1] = replace(parts[-1], after="")
        translations.save_draft(db, number, language, parts)


def list_statuses(runtime: Runtime, school: str) -> list[TemplateStatus]:
    """A school's two, each with what is missing."""
    with runtime.database.read() as db:
        own = [one for one in templates.list_all(db) if one.school == school]
        found = [(one, announcements.find(db, one.announcement_id)) for one in own]
    return [_check_status(runtime, one, announcement) for one, announcement in found if announcement]


def _check_status(runtime: Runtime, ready: AnnouncementTemplate, announcement: Announcement) -> TemplateStatus:
    shown = build_preview(runtime, announcement)
    missing = []
    with runtime.database.read() as db:
        given = approvals.list_for_announcement(db, announcement.id)
        seen = compute_current_digest(db, announcement)
    size = count_audience_families(runtime, announcement)
    state = get_approval_status(runtime.library.district, announcement, given, size, seen)
    if not state.is_complete:
        missing.append("Nobody or too few people have approved it yet.")
    if announcement.until <= now():
        missing.append("It was approved too long ago: look at the words again, and give it a later time.")
    if any(one.is_too_long for one in shown.languages):
        missing.append("It does not fit one message in every language.")
    held = tuple((one.language, one.held) for one in shown.unapproved_languages if one.held)
    english = next(one.text for one in shown.languages if one.language == SOURCE_LANGUAGE)
    return TemplateStatus(ready, announcement, tuple(missing), shown.reached_count, held, english)


def propose_release(runtime: Runtime, template_id: int, by: str) -> AnnouncementTemplate:
    """The first of two people: it leaves when somebody else confirms.  The others who may are told.

    Raises `CannotRelease`.  The caller has asked `may_release`, or the login's role.
    """
    at, one = now(), _load_template(runtime, template_id)
    state = _check_status(runtime, *one)
    if state.missing:
        raise ReleaseError(" ".join(state.missing))
    with runtime.database.write() as db:
        if not templates.propose(db, template_id, by, at):
            raise ReleaseError("Somebody has proposed it already, or it has just been sent.")
        audit_log.record(db, by, "proposed an announcement", f"announcement {one[1].id}", at)
        planned = _notify_releasers(runtime, db, one[0], by, at)
    for delivery_id in planned:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return one[0]


def _load_template(runtime: Runtime, template_id: int) -> tuple[AnnouncementTemplate, Announcement]:
    with runtime.database.read() as db:
        ready = templates.find(db, template_id)
        announcement = announcements.find(db, ready.announcement_id) if ready else None
    if ready is None or announcement is None:
        raise ReleaseError("There is no such ready-made announcement.")
    return ready, announcement


def _notify_releasers(
    runtime: Runtime, db: Transaction, ready: AnnouncementTemplate, by: str, at: datetime
) -> list[str]:
    district = runtime.library.district
    name = district.staff[by].name if by in district.staff else by
    what = "agents were at the school" if ready.what == AGENTS_WERE_HERE else "the agents have left"
    minutes = int(templates.PROPOSAL_LIFETIME.total_seconds() // 60)
    body = (
        f"{district.name}: {name} proposes to tell the families of {district.schools[ready.school].name}: {what}."
        f" A second person must confirm it within {minutes} minutes. {runtime.settings.public_base}/console/schools"
    )
    others = [one for one in _list_releasers(district, ready.school) if one != by]
    return [deliveries.plan_notice(db, {"staff": one}, body, at) for one in others]


def confirm_release(runtime: Runtime, template_id: int, by: str) -> Announcement:
    """The second person: a copy with the approved words leaves now.  Raises `CannotRelease`."""
    at, (ready, announcement) = now(), _load_template(runtime, template_id)
    if ready.proposed_by == by:
        raise ReleaseError("Somebody else must be the second person: you have proposed it.")
    if not ready.is_proposed_at(at):
        raise ReleaseError(PROPOSAL_GONE_MESSAGE)
    state = _check_status(runtime, ready, announcement)
    if state.missing:
        raise ReleaseError(" ".join(state.missing))
    with runtime.database.write() as db:
        fresh = announcements.find(db, announcement.id)
        if fresh != announcement or not templates.confirm(db, ready, by, at):
            raise ReleaseError(PROPOSAL_GONE_MESSAGE)
        copy = _copy_announcement(db, ready, announcement, by, at)
        if ready.what == AGENTS_WERE_HERE:  # two people say that it happened: for the days after, nothing about truancy
            verified_events.add(db, ready.school, runtime.library.district.to_local_time(at).date(), by, at)
    log.info("released: ready=%s announcement=%s", template_id, copy.id)
    launch.queue_if_due(runtime, copy)
    return copy


def _copy_announcement(
    db: Transaction, ready: AnnouncementTemplate, announcement: Announcement, by: str, at: datetime
) -> Announcement:
    """The announcement that leaves: the same words and wordings, the moment, and everybody who stands for it."""
    proposed_by = ready.proposed_by or by
    names = AnnouncementDraft.__dataclass_fields__
    same = {name: getattr(announcement, name) for name in names}
    draft = AnnouncementDraft(**{**same, "send_at": at, "until": at + VALIDITY_BY_KIND[announcement.kind]})
    number = announcements.add(db, draft, proposed_by, at)
    translations.copy(db, announcement.id, number)
    copied = announcements.find(db, number)
    assert copied is not None, "just kept"
    before = {
        one.by
        for one in approvals.list_for_announcement(db, announcement.id)
        if one.digest == compute_current_digest(db, announcement)
    }
    for person in sorted({*before, proposed_by, by}):
        approvals.add(db, number, Approval(person, compute_current_digest(db, copied), at))
    announcements.change_state(db, number, ["draft"], "ready")
    templates.set_released_copy(db, ready.id, number)
    audit_log.record(db, proposed_by, "proposed an announcement", f"announcement {number}", at)
    audit_log.record(db, by, "released an announcement", f"announcement {number}", at, f"copy of {announcement.id}")
    return replace(copied, state="ready")


def drop_proposal(runtime: Runtime, template_id: int, by: str) -> bool:
    """The proposal is taken back; False if there was none."""
    at, (ready, announcement) = now(), _load_template(runtime, template_id)
    with runtime.database.write() as db:
        dropped = templates.withdraw_proposal(db, ready.id)
        if dropped:
            audit_log.record(db, by, "dropped a proposal", f"announcement {announcement.id}", at)
    return dropped


def choose_offer(pair: list[AnnouncementTemplate], at: datetime) -> str | None:
    """Which of a school's two is offered first: "they have left", for a day after "agents were at …"."""
    sent = {one.what: one.released_at for one in pair}
    were, left = sent.get(AGENTS_WERE_HERE), sent.get(AGENTS_HAVE_LEFT)
    fresh = were is not None and were > at - OFFER_WINDOW and (left is None or left < were)
    return AGENTS_HAVE_LEFT if fresh else None
