"""Announcement templates: two for each school, translated and approved in advance, and released by two people.

One says "agents were at …", the other "they have left". A template is an ordinary draft that is translated, reviewed,
and approved like any other, but is never sent. A release sends a copy with the approved translations, to which only
the date and time are new, so the template can be used again. The texts state only past facts that the district has
verified: nothing about where agents are, how many there are, or what they do.
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
"""The on-call roles whose people may propose and confirm for their school, besides approvers and administrators."""
TEMPLATE_VALIDITY = timedelta(days=365)
"""How long the approvals of a template are valid. After that, people read the text again."""
OFFER_WINDOW = timedelta(hours=24)
"""How long after "agents were at …" the page offers the other template first."""
CLOSING_TEXT_IDS: tuple[TextId, ...] = ("ready_checked", "ready_ask", "ready_danger")
TEMPLATE_TEXT_IDS: dict[str, tuple[TextId, ...]] = {
    AGENTS_WERE_HERE: ("ready_were_here", *CLOSING_TEXT_IDS),
    AGENTS_HAVE_LEFT: ("ready_have_left", *CLOSING_TEXT_IDS),
}
"""Each is a sentence of flows/texts.yaml, so that the catalogs contain a draft in every language."""
PROPOSAL_GONE_MESSAGE = "The proposal was withdrawn or expired. Reload the page."

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemplateStatus:
    """One template of a school, and what is missing before its release. If `missing` is empty, it can be released."""

    template: AnnouncementTemplate
    announcement: Announcement
    missing: tuple[str, ...]
    families: int
    held: tuple[tuple[str, int], ...]
    """Languages without an approved translation, with the number of families that wait for it."""
    text: str
    """What phones show in English if it is sent now."""


def can_release(district: District, staff: str | None, school: str) -> bool:
    """Return whether this staff member may propose and confirm releases for that school."""
    person = district.staff.get(staff or "")
    if person is None or (person.schools and school not in person.schools):
        return False
    return staff in _list_releasers(district, school)


def _list_releasers(district: District, school: str) -> dict[str, None]:
    chains = [district.on_call[role] for role in RELEASER_ROLES if role in district.on_call]
    people = dict.fromkeys(person for chain in chains for person in (*chain.schools.get(school, ()), *chain.people))
    staff = district.staff
    return {person: None for person in people if not staff[person].schools or school in staff[person].schools}


def create_missing(runtime: Runtime, by: str) -> int:
    """Create the templates that a school lacks, request their translations, and return how many are new."""
    created = []
    with runtime.database.write() as db:
        existing = {(template.school, template.what) for template in templates.list_all(db)}
        for school in runtime.library.district.schools:
            created += [
                _create_template(runtime, db, school, kind, by)
                for kind in TEMPLATE_TEXT_IDS
                if (school, kind) not in existing
            ]
    for announcement in created:
        translation_drafts.request_drafts(runtime, announcement)
    return len(created)


def _create_template(runtime: Runtime, db: Transaction, school: str, kind: str, by: str) -> Announcement:
    """Save the announcement with its draft translations in one transaction."""
    district, current_time = runtime.library.district, now()
    text = " ".join(runtime.library.texts[text_id] for text_id in TEMPLATE_TEXT_IDS[kind])
    audience = Audience(roles=("family",), schools=(school,))
    draft = AnnouncementDraft(
        TEMPLATE_KIND,
        _choose_sender(district),
        text,
        audience,
        current_time + TEMPLATE_VALIDITY,
        channels=tuple(district.channels),
    )
    announcement_id = announcements.add(db, draft, by, current_time)
    templates.add(db, announcement_id, school, kind)
    about = f"announcement {announcement_id}"
    audit_log.record(db, by, "wrote an announcement", about, current_time, "ready-made")
    for language in district.languages:
        _save_catalog_draft(runtime, db, announcement_id, kind, language, current_time)
    announcement = announcements.find(db, announcement_id)
    assert announcement is not None, "the announcement was just saved"
    return announcement


def _choose_sender(district: District) -> str:
    """Choose a sender who does not have to approve in person, if possible from the safety lead's chain."""
    senders = list_senders(district)
    free = [sender for sender in senders if sender not in district.announcements.released_by_sender]
    free = free or list(senders)
    chain = district.on_call.get(RELEASER_ROLES[0])
    if chain is None:
        return free[0]
    return next((person for person in chain.people if person in free), free[0])


def _save_catalog_draft(
    runtime: Runtime, db: Transaction, announcement_id: int, kind: str, language: str, current_time: datetime
) -> None:
    """Save the catalog's translations as a draft for the reviewer. Without them, the language waits for a draft."""
    if language == SOURCE_LANGUAGE:
        return
    english = [runtime.library.texts[text_id] for text_id in TEMPLATE_TEXT_IDS[kind]]
    entries = [(text, runtime.library.catalogs.find_text(language, text)) for text in english]
    sentences = [
        TranslatedSentence(text, entry.text, "yes" if entry.is_draft else "no")
        for text, entry in entries
        if not entry.is_missing
    ]
    translations.request(db, announcement_id, language, split_sentences(" ".join(english)), current_time)
    if len(sentences) == len(english):
        sentences[-1] = replace(sentences[-1], after="")
        translations.save_draft(db, announcement_id, language, sentences)


def list_statuses(runtime: Runtime, school: str) -> list[TemplateStatus]:
    """Return the status of both templates of a school."""
    with runtime.database.read() as db:
        pair = [template for template in templates.list_all(db) if template.school == school]
        entries = [(template, announcements.find(db, template.announcement_id)) for template in pair]
    return [_check_status(runtime, template, announcement) for template, announcement in entries if announcement]


def _check_status(runtime: Runtime, template: AnnouncementTemplate, announcement: Announcement) -> TemplateStatus:
    preview = build_preview(runtime, announcement)
    missing = []
    with runtime.database.read() as db:
        given_approvals = approvals.list_for_announcement(db, announcement.id)
        digest = compute_current_digest(db, announcement)
    size = count_audience_families(runtime, announcement)
    approval = get_approval_status(runtime.library.district, announcement, given_approvals, size, digest)
    if not approval.is_complete:
        missing.append("More approvals are needed.")
    if announcement.until <= now():
        missing.append("The approval has expired. Check the text again, and choose a later end.")
    if any(language.is_too_long for language in preview.languages):
        missing.append("The text is too long for one message in at least one language.")
    held = tuple((language.language, language.held) for language in preview.unapproved_languages if language.held)
    english = next(language.text for language in preview.languages if language.language == SOURCE_LANGUAGE)
    return TemplateStatus(template, announcement, tuple(missing), preview.reached_count, held, english)


def propose_release(runtime: Runtime, template_id: int, by: str) -> AnnouncementTemplate:
    """Propose a release as the first of two people, and notify the others who may confirm it.

    The caller checks `can_release` or the role of the login first. Raises `ReleaseError`.
    """
    current_time = now()
    template, announcement = _load_template(runtime, template_id)
    status = _check_status(runtime, template, announcement)
    if status.missing:
        raise ReleaseError(" ".join(status.missing))
    with runtime.database.write() as db:
        if not templates.propose(db, template_id, by, current_time):
            raise ReleaseError("Another person proposed it, or it was just sent.")
        audit_log.record(db, by, "proposed an announcement", f"announcement {announcement.id}", current_time)
        planned = _notify_releasers(runtime, db, template, by, current_time)
    for delivery_id in planned:
        enqueue(runtime.redis, "urgent", DELIVER_MESSAGE_JOB, delivery_id)
    return template


def _load_template(runtime: Runtime, template_id: int) -> tuple[AnnouncementTemplate, Announcement]:
    with runtime.database.read() as db:
        template = templates.find(db, template_id)
        announcement = None
        if template:
            announcement = announcements.find(db, template.announcement_id)
    if template is None or announcement is None:
        raise ReleaseError("This announcement template doesn't exist.")
    return template, announcement


def _notify_releasers(
    runtime: Runtime, db: Transaction, template: AnnouncementTemplate, by: str, current_time: datetime
) -> list[str]:
    district = runtime.library.district
    name = district.staff[by].name if by in district.staff else by
    event = "the agents have left"
    if template.what == AGENTS_WERE_HERE:
        event = "agents were at the school"
    minutes = int(templates.PROPOSAL_LIFETIME.total_seconds() // 60)
    body = (
        f"{district.name}: {name} proposes to tell the families of {district.schools[template.school].name}: {event}."
        f" A second person must confirm it within {minutes} minutes. {runtime.settings.public_base}/console/schools"
    )
    others = [person for person in _list_releasers(district, template.school) if person != by]
    return [deliveries.plan_notice(db, {"staff": person}, body, current_time) for person in others]


def confirm_release(runtime: Runtime, template_id: int, by: str) -> Announcement:
    """Confirm a release as the second person, and send a copy with the approved texts. Raises `ReleaseError`."""
    current_time = now()
    template, announcement = _load_template(runtime, template_id)
    if template.proposed_by == by:
        raise ReleaseError("A different person must confirm, because you made the proposal.")
    if not template.is_proposed_at(current_time):
        raise ReleaseError(PROPOSAL_GONE_MESSAGE)
    status = _check_status(runtime, template, announcement)
    if status.missing:
        raise ReleaseError(" ".join(status.missing))
    with runtime.database.write() as db:
        latest = announcements.find(db, announcement.id)
        if latest != announcement or not templates.confirm(db, template, by, current_time):
            raise ReleaseError(PROPOSAL_GONE_MESSAGE)
        copy = _copy_announcement(db, template, announcement, by, current_time)
        if template.what == AGENTS_WERE_HERE:
            # Two people state that it happened, so no messages about attendance are sent for some days.
            day = runtime.library.district.to_local_time(current_time).date()
            verified_events.add(db, template.school, day, by, current_time)
    log.info("released: ready=%s announcement=%s", template_id, copy.id)
    launch.queue_if_due(runtime, copy)
    return copy


def _copy_announcement(
    db: Transaction, template: AnnouncementTemplate, announcement: Announcement, by: str, current_time: datetime
) -> Announcement:
    """Copy the announcement with its translations and approvals, and release the copy with the current time."""
    proposed_by = template.proposed_by or by
    fields = {name: getattr(announcement, name) for name in AnnouncementDraft.__dataclass_fields__}
    validity = VALIDITY_BY_KIND[announcement.kind]
    draft = AnnouncementDraft(**{**fields, "send_at": current_time, "until": current_time + validity})
    copy_id = announcements.add(db, draft, proposed_by, current_time)
    translations.copy(db, announcement.id, copy_id)
    copied = announcements.find(db, copy_id)
    assert copied is not None, "the announcement was just saved"
    approvers = {
        approval.by
        for approval in approvals.list_for_announcement(db, announcement.id)
        if approval.digest == compute_current_digest(db, announcement)
    }
    for person in sorted({*approvers, proposed_by, by}):
        approvals.add(db, copy_id, Approval(person, compute_current_digest(db, copied), current_time))
    announcements.change_state(db, copy_id, ["draft"], "ready")
    templates.set_released_copy(db, template.id, copy_id)
    about = f"announcement {copy_id}"
    audit_log.record(db, proposed_by, "proposed an announcement", about, current_time)
    audit_log.record(db, by, "released an announcement", about, current_time, f"copy of {announcement.id}")
    return replace(copied, state="ready")


def drop_proposal(runtime: Runtime, template_id: int, by: str) -> bool:
    """Withdraw the proposal. Return False if there is none."""
    template, announcement = _load_template(runtime, template_id)
    with runtime.database.write() as db:
        is_dropped = templates.withdraw_proposal(db, template.id)
        if is_dropped:
            audit_log.record(db, by, "dropped a proposal", f"announcement {announcement.id}", now())
    return is_dropped


def choose_offer(pair: list[AnnouncementTemplate], current_time: datetime) -> str | None:
    """Return "they have left" if it should be offered first: for a day after "agents were at …". If not, None."""
    released_at = {template.what: template.released_at for template in pair}
    were_here_at, have_left_at = released_at.get(AGENTS_WERE_HERE), released_at.get(AGENTS_HAVE_LEFT)
    if were_here_at is None or were_here_at <= current_time - OFFER_WINDOW:
        return None
    if have_left_at is not None and have_left_at >= were_here_at:
        return None
    return AGENTS_HAVE_LEFT
