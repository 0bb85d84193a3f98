"""What the announcement pages share: lookup, labels, the status of each language, and who can approve or release."""

from dataclasses import dataclass

from flask import abort
from flask_login import current_user

from bot.announcements import approval, translation_drafts
from bot.announcements.approval import ApprovalStatus
from bot.announcements.current_translations import load_current_translations
from bot.base.database import Transaction
from bot.content.catalog import SOURCE_LANGUAGE
from bot.runtime import Runtime
from bot.store.announcements import announcements, approvals
from bot.store.announcements.announcements import Announcement, Audience
from bot.store.announcements.translations import AnnouncementTranslation
from bot.web.console.core.case_view import get_staff_name
from bot.web.console.core.console_i18n import N_, _, language_name, moment
from bot.web.console.core.permissions import LEAD_ROLES, VIEWER
from bot.web.core.current_runtime import get_runtime

ANNOUNCEMENT_STATE_LABELS = {
    "draft": N_("Draft"),
    "ready": N_("Scheduled"),
    "freezing": N_("Preparing recipients"),
    "sending": N_("Sending"),
    "paused": N_("Paused"),
    "done": N_("Sent"),
    "stopped": N_("Stopped"),
}
ANNOUNCEMENT_KIND_LABELS = {
    "emergency": N_("Emergency"),
    "attendance": N_("Attendance"),
    "event": N_("Event"),
    "general": N_("General"),
}
AUDIENCE_ROLE_LABELS = {"family": N_("families"), "leader": N_("community leaders"), "staff": N_("staff")}
CHANNEL_LABELS = {
    "whatsapp": N_("WhatsApp"),
    "sms": N_("SMS"),
    "voice": N_("Voice call (for families who prefer calls)"),
}
TRY_LATER_TEXT = N_("the translator didn't respond. Request a new draft later, or write the translation yourself.")
UNUSABLE_DRAFT_TEXT = N_("Puente rejected the machine translation. Request a new draft, or write it yourself.")
NO_DRAFT_REASONS = {
    "off": N_("machine translation isn't available. Write the translation yourself."),
    **dict.fromkeys(("time-out", "busy", "unreachable", "resting"), TRY_LATER_TEXT),
}
"""Why there is no draft (`bot/translation/provider.py`), and what to do. For other reasons: `UNUSABLE_DRAFT_TEXT`."""
ANNOUNCEMENT_ERROR_TEXTS = (
    N_("This announcement is no longer a draft."),
    N_("This announcement was sent, or is no longer a draft."),
    N_("This announcement is already scheduled or sent. Stop it, and write a new one."),
    N_("The announcement would be sent after its end of validity. Choose a later end."),
    N_("This is an announcement template. Two people send it from the School status page."),
    N_("A different person must confirm, because you made the proposal."),
    N_("The proposal was withdrawn or expired. Reload the page."),
    N_("Another person proposed it, or it was just sent."),
    N_("This announcement template doesn't exist."),
    N_("The text has a word in braces that Puente can't fill in."),
    N_("This announcement just changed. Check it again."),
    N_("This announcement was sent with the approved text. Write a new one."),
    N_("This announcement is scheduled or sent. Now a person other than the writer must approve this language."),
    N_("Another person just sent this announcement."),
    N_("The text changed in the meantime. Check it again."),
    N_("One sentence has no translation yet. Write it, and then approve."),
    N_("Your account isn't linked to a person in the district file, so there is no phone for the test."),
)
"""Error messages of `bot.announcements`, listed here for the catalogs.

Messages that contain a name or a number stay in English.
"""


@dataclass(frozen=True)
class LanguageStatus:
    """The status of one language of an announcement.

    `state` is "en", "approved", "waiting", "draft", or "missing". `words` explains it.
    """

    code: str
    state: str
    words: str
    reviewable: bool


def get_announcement(announcement_id: int) -> Announcement:
    """Return the announcement, or abort with 404."""
    with get_runtime().database.read() as db:
        return load_announcement(db, announcement_id)


def load_announcement(db: Transaction, announcement_id: int) -> Announcement:
    """Return the announcement in an open transaction, or abort with 404."""
    announcement = announcements.find(db, announcement_id)
    return announcement or abort(404, _("There is no announcement {number}.", number=announcement_id))


def list_language_statuses(runtime: Runtime, announcement: Announcement) -> list[LanguageStatus]:
    """Return the status of English, of every language of the audience, and of every requested language."""
    with runtime.database.read() as db:
        by_language = load_current_translations(db, announcement)
    languages = dict.fromkeys([*translation_drafts.list_languages(runtime, announcement), *by_language])
    english = LanguageStatus(SOURCE_LANGUAGE, SOURCE_LANGUAGE, _("The original"), False)
    return [english, *(_build_language_status(code, by_language.get(code)) for code in languages)]


def _build_language_status(code: str, wording: AnnouncementTranslation | None) -> LanguageStatus:
    if wording is None:
        return LanguageStatus(code, "missing", _("Missing: not requested yet."), False)
    if wording.state == "approved":
        when = moment(wording.reviewed_at) if wording.reviewed_at else ""
        text = _("Approved by {name}, {when}", name=wording.reviewed_by, when=when)
        return LanguageStatus(code, "approved", text, True)
    if wording.state == "waiting":
        return LanguageStatus(code, "waiting", _("Translating …"), True)
    if wording.is_complete:
        return LanguageStatus(code, "draft", _("Draft: not approved yet"), True)
    why = _(NO_DRAFT_REASONS.get(wording.failed, UNUSABLE_DRAFT_TEXT))
    return LanguageStatus(code, "missing", _("Missing: {why}", why=why), True)


def describe_audience(audience: Audience) -> list[str]:
    """Describe the audience in one line for each criterion."""
    schools = get_runtime().library.district.schools
    lines = [", ".join(_(AUDIENCE_ROLE_LABELS.get(role, role)) for role in audience.roles)]
    if audience.schools:
        names = [schools[school].name if school in schools else school for school in audience.schools]
        lines.append(_("Schools: {names}", names=", ".join(names)))
    else:
        lines.append(_("All schools"))
    if audience.languages:
        lines.append(_("Languages: {names}", names=", ".join(language_name(code) for code in audience.languages)))
    if audience.tags:
        lines.append(_("Tags: {names}", names=", ".join(audience.tags)))
    return lines


def load_approval_status(runtime: Runtime, announcement: Announcement) -> ApprovalStatus:
    """Return which approvals the announcement has and which are missing."""
    with runtime.database.read() as db:
        existing = approvals.list_for_announcement(db, announcement.id)
        digest = approval.compute_current_digest(db, announcement)
    size = approval.count_audience_families(runtime, announcement)
    return approval.get_approval_status(runtime.library.district, announcement, existing, size, digest)


def describe_missing_approvals(runtime: Runtime, status: ApprovalStatus) -> list[str]:
    """Return one sentence for each missing approval."""
    lines = []
    if status.missing_approver_count == 1:
        lines.append(_("One more approval is needed, by a person other than the writer."))
    elif status.missing_approver_count:
        count = status.missing_approver_count
        lines.append(_("{count} more approvals are needed, by people other than the writer.", count=count))
    if status.missing_sender:
        lines.append(_("{name} must approve it personally.", name=get_staff_name(runtime, status.missing_sender)))
    return lines


def can_approve(announcement: Announcement) -> bool:
    """Whether the current user can approve: the sender, or an approver who is not one of the writers."""
    user = current_user.by
    return bool(user == announcement.sender or (current_user.role in LEAD_ROLES and user not in announcement.writers))


def can_release(announcement: Announcement) -> bool:
    """Whether the current user can release the announcement, or resume it after a pause."""
    if current_user.role == VIEWER:
        return False
    return current_user.role in LEAD_ROLES or current_user.by in (*announcement.writers, announcement.sender)
