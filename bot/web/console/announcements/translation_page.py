"""The page of one language of an announcement: drafts, back-translations, the approval, and the recording."""

from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import launch, translation_drafts
from bot.announcements.translation_drafts import TranslationApprovalError
from bot.base.database import now
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements import translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.approved_phrases import ApprovedPhrase
from bot.store.announcements.translations import AnnouncementTranslation, TranslationReview
from bot.web.console.announcements.shared import NO_DRAFT_REASONS, UNUSABLE_DRAFT_TEXT, can_approve, get_announcement
from bot.web.console.core.case_view import TRANSLATION_WARNING_TEXTS, get_staff_name
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.menu import speaks
from bot.web.console.core.permissions import STAFF, allow_roles, is_polling_request
from bot.web.core.current_runtime import get_runtime

MAX_REVIEWER_NAME_LENGTH = 80
MAX_RECORDING_BYTES = 3 * 1024 * 1024
"""About three minutes of speech, which is enough for an announcement."""
RECORDING_FORM_BYTES = 16 * 1024
"""The size allowed for the form fields besides the recording."""
TRANSLATION_PATH = "/announcements/<int:announcement_id>/languages/<language>"


@console.get(TRANSLATION_PATH)
@allow_roles(STAFF)
def wording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Show the page of one language. While a draft is in progress, the page polls this until the draft is ready."""
    announcement, translation = _get_translation(announcement_id, language)
    if not is_polling_request():
        return _render_page(announcement, translation, [part.wording for part in translation.parts])
    if translation.state == "waiting":
        return "", 204
    return render_template("console/wording_ready.html", found=translation)


def _get_translation(announcement_id: int, language: str) -> tuple[Announcement, AnnouncementTranslation]:
    announcement = get_announcement(announcement_id)
    with get_runtime().database.read() as db:
        translation = translations.find(db, announcement_id, language[:8])
    return announcement, translation or abort(404, _("This announcement doesn't include this language."))


def _render_page(
    announcement: Announcement, translation: AnnouncementTranslation, texts: list[str], problem: str = ""
) -> str:
    failure_text = ""
    if translation.failed:
        failure_text = _(NO_DRAFT_REASONS.get(translation.failed, UNUSABLE_DRAFT_TEXT))
    page: dict[str, Any] = {
        "one": announcement,
        "found": translation,
        "problem": problem,
        "texts": texts,
        "offered": _list_offered_phrases(get_runtime(), translation),
        "warnings": TRANSLATION_WARNING_TEXTS,
        "own_name": _get_own_name(translation.language),
        "failed": failure_text,
        "reviewed_by": request.form.get("reviewed_by", ""),
    }
    return render_template("console/wording.html", **page)


def _list_offered_phrases(runtime: Runtime, translation: AnnouncementTranslation) -> list[list[ApprovedPhrase]]:
    """Return the similar approved phrases for each sentence."""
    similar = translation_drafts.find_similar_phrases(runtime, translation.announcement_id, translation.language)
    return [similar.get(part.english, []) for part in translation.parts]


def _get_own_name(language: str) -> str:
    """Return the current user's name if, in the district file, they speak this language, and "" otherwise."""
    if not speaks(language):
        return ""
    return get_staff_name(get_runtime(), current_user.staff)


@console.post(TRANSLATION_PATH)
@allow_roles(STAFF)
def approve_wording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Approve the sentences in the reviewer's name, or insert an offered phrase and show the page again."""
    announcement, translation = _get_translation(announcement_id, language)
    texts = _read_lines("text")
    if request.form.get("use"):
        return _render_page(announcement, translation, _insert_offered_phrase(translation, texts))
    typed_name = " ".join(request.form.get("reviewed_by", "").split())[:MAX_REVIEWER_NAME_LENGTH]
    reviewer = typed_name or _get_own_name(language)
    if not reviewer:
        merged = _merge_typed_texts(translation, texts)
        return _render_page(announcement, translation, merged, _("Enter the reviewer's name.")), 422
    review = TranslationReview(reviewer, current_user.by, now())
    try:
        translation_drafts.approve(get_runtime(), announcement_id, language, texts, review, _read_lines("english"))
    except TranslationApprovalError as error:
        translation = _get_translation(announcement_id, language)[1]
        return _render_page(announcement, translation, _merge_typed_texts(translation, texts), _(str(error))), 422
    _flash_approval(announcement, language)
    return redirect(url_for("console.announcement", announcement_id=announcement_id))


def _read_lines(field: str) -> list[str]:
    """Return the values of a form field. Browsers end lines with CR LF, which becomes LF."""
    return [text.replace("\r\n", "\n") for text in request.form.getlist(field)]


def _merge_typed_texts(translation: AnnouncementTranslation, texts: list[str]) -> list[str]:
    """Return the typed text of each sentence. If its English has changed since, return its draft instead."""
    shown_english = _read_lines("english")
    if not len(texts) == len(shown_english) == len(translation.parts):
        return [part.wording for part in translation.parts]
    sentences = zip(translation.parts, shown_english, texts, strict=True)
    return [text if part.english == english else part.wording for part, english, text in sentences]


def _insert_offered_phrase(translation: AnnouncementTranslation, texts: list[str]) -> list[str]:
    """Return the typed texts with the chosen phrase. "2:0" means the first offer for the third sentence."""
    texts = _merge_typed_texts(translation, texts)
    sentence, _colon, choice = request.form["use"].partition(":")
    offers = _list_offered_phrases(get_runtime(), translation)
    if not (sentence.isdecimal() and choice.isdecimal() and int(sentence) < len(texts)):
        abort(400, _("This sentence doesn't exist."))
    if int(choice) < len(offers[int(sentence)]):
        texts[int(sentence)] = offers[int(sentence)][int(choice)].wording
    return texts


def _flash_approval(announcement: Announcement, language: str) -> None:
    flash(_("Sentences approved. Puente suggests them next time."))
    if announcement.state == "draft":
        return
    released = launch.release_language(get_runtime(), announcement.id, language)
    if released:
        flash(_("Families who waited for this language and get the message now: {count}.", count=released))


@console.post(f"{TRANSLATION_PATH}/again")
@allow_roles(STAFF)
def draft_again(announcement_id: int, language: str) -> ResponseReturnValue:
    """Request a new machine translation. Sentences that a person approved stay."""
    _get_translation(announcement_id, language)
    translation_drafts.request_redraft(get_runtime(), announcement_id, language)
    return _redirect_to_translation(announcement_id, language)


@console.get(f"{TRANSLATION_PATH}/recording")
@allow_roles(STAFF)
def recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Return the district's recording of this language."""
    with get_runtime().database.read() as db:
        audio = translations.get_audio(db, announcement_id, language)
    return Response(audio or abort(404, _("There is no recording.")), mimetype="audio/mpeg")


@console.post(f"{TRANSLATION_PATH}/recording")
@allow_roles(STAFF)
def keep_recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Save a recording (MP3), which community leaders share instead of the machine voice.

    The approval of a draft includes its recordings. After the release, a recording is public at once.
    Only people who can approve the announcement can add one then. Every staff member can remove one.
    """
    announcement = _get_translation(announcement_id, language)[0]
    if announcement.state != "draft" and not can_approve(announcement):
        abort(403, _("Only the sender or an approver can approve an announcement. The writer can't."))
    upload = request.files.get("recording")
    audio = upload.read(MAX_RECORDING_BYTES + 1) if upload else b""
    if not _is_mp3(audio) or len(audio) > MAX_RECORDING_BYTES:
        flash(_("Choose an MP3 file of at most 3 MB."))
        return _redirect_to_translation(announcement_id, language)
    _set_recording(announcement_id, language, audio, "recorded an announcement")
    flash(_("Recording saved. Listen to it once."))
    return _redirect_to_translation(announcement_id, language)


@console.post(f"{TRANSLATION_PATH}/recording/remove")
@allow_roles(STAFF)
def remove_recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Remove the recording."""
    _get_translation(announcement_id, language)
    _set_recording(announcement_id, language, None, "removed a recording")
    return _redirect_to_translation(announcement_id, language)


def _set_recording(announcement_id: int, language: str, audio: bytes | None, action: str) -> None:
    current_time = now()
    with get_runtime().database.write() as db:
        translations.set_audio(db, announcement_id, language, audio)
        audit_log.record(db, current_user.by, action, f"announcement {announcement_id}", current_time, language)


def _is_mp3(audio: bytes) -> bool:
    """Whether the data starts like an MP3 file: with an ID3 tag, or with a frame of MPEG layer III."""
    has_frame_header = len(audio) > 2 and audio[0] == 0xFF and audio[1] & 0xE6 == 0xE2
    return has_frame_header or audio.startswith(b"ID3")


@console.url_value_preprocessor
def set_recording_size_limit(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Allow a larger form for an upload by a logged-in user.

    A view can't set this, because the CSRF check parses the form before any view runs.
    """
    if endpoint == "console.keep_recording" and current_user.is_authenticated:
        request.max_content_length = MAX_RECORDING_BYTES + RECORDING_FORM_BYTES


def _redirect_to_translation(announcement_id: int, language: str) -> ResponseReturnValue:
    return redirect(url_for("console.wording", announcement_id=announcement_id, language=language))
