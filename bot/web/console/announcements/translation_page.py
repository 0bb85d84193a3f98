"""One language of an announcement: each sentence with its draft and its way back, who approved it, a voice."""

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
"""About three minutes of speech: more is no message."""
RECORDING_FORM_BYTES = 16 * 1024
"""What stands in the form beside the recording."""
TRANSLATION_PATH = "/announcements/<int:announcement_id>/languages/<language>"


@console.get(TRANSLATION_PATH)
@allow_roles(STAFF)
def wording(announcement_id: int, language: str) -> ResponseReturnValue:
    """The page of one language; a page that waits for the machine asks by itself whether the draft is there."""
    announcement, found = _get_translation(announcement_id, language)
    if is_polling_request():
        return ("", 204) if found.state == "waiting" else render_template("console/wording_ready.html", found=found)
    return _render_page(announcement, found, [part.wording for part in found.parts])


def _get_translation(announcement_id: int, language: str) -> tuple[Announcement, AnnouncementTranslation]:
    announcement = get_announcement(announcement_id)
    with get_runtime().database.read() as db:
        found = translations.find(db, announcement_id, language[:8])
    return announcement, found or abort(404, _("This announcement doesn't include this language."))


def _render_page(
    announcement: Announcement, found: AnnouncementTranslation, texts: list[str], problem: str = ""
) -> str:
    runtime = get_runtime()
    shown: dict[str, Any] = {"one": announcement, "found": found, "problem": problem, "texts": texts}
    shown |= {
        "offered": _list_offered_phrases(runtime, found),
        "warnings": TRANSLATION_WARNING_TEXTS,
        "own_name": _get_own_name(found.language),
    }
    shown["failed"] = _(NO_DRAFT_REASONS.get(found.failed, UNUSABLE_DRAFT_TEXT)) if found.failed else ""
    shown["reviewed_by"] = request.form.get("reviewed_by", "")
    return render_template("console/wording.html", **shown)


def _list_offered_phrases(runtime: Runtime, found: AnnouncementTranslation) -> list[list[ApprovedPhrase]]:
    """For each sentence the approved ones that are like it."""
    like = translation_drafts.find_similar_phrases(runtime, found.announcement_id, found.language)
    return [like.get(part.english, []) for part in found.parts]


def _get_own_name(language: str) -> str:
    """The name of who is logged in, if the district file says that they speak this language; "" otherwise."""
    return get_staff_name(get_runtime(), current_user.staff) if speaks(language) else ""


@console.post(TRANSLATION_PATH)
@allow_roles(STAFF)
def approve_wording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Approve these sentences in a person's name; or take an offered one over and look at the page again."""
    announcement, found = _get_translation(announcement_id, language)
    texts = [one.replace("\r\n", "\n") for one in request.form.getlist("text")]
    if request.form.get("use"):
        return _render_page(announcement, found, _insert_offered_phrase(found, texts))
    reviewer = " ".join(request.form.get("reviewed_by", "").split())[:MAX_REVIEWER_NAME_LENGTH] or _get_own_name(
        language
    )
    if not reviewer:
        return _render_page(announcement, found, _merge_typed_texts(found, texts), _("Enter the reviewer's name.")), 422
    try:
        review = TranslationReview(reviewer, current_user.by, now())
        translation_drafts.approve(get_runtime(), found.announcement_id, language, texts, review, _read_shown_english())
    except TranslationApprovalError as error:
        found = _get_translation(announcement_id, language)[1]
        return _render_page(announcement, found, _merge_typed_texts(found, texts), _(str(error))), 422
    _flash_approval(announcement, language)
    return redirect(url_for("console.announcement", announcement_id=announcement_id))


def _read_shown_english() -> list[str]:
    """The English sentences that stood on the page; a browser ends lines with two letters."""
    return [one.replace("\r\n", "\n") for one in request.form.getlist("english")]


def _merge_typed_texts(found: AnnouncementTranslation, texts: list[str]) -> list[str]:
    """What was typed, where the same English still stands; the draft of what was changed meanwhile."""
    if not len(texts) == len(_read_shown_english()) == len(found.parts):
        return [part.wording for part in found.parts]
    typed = zip(found.parts, _read_shown_english(), texts, strict=True)
    return [text if part.english == english else part.wording for part, english, text in typed]


def _insert_offered_phrase(found: AnnouncementTranslation, texts: list[str]) -> list[str]:
    """What was typed, with the chosen sentence ("2:0": the third one's first offer) in its place."""
    texts = list(_merge_typed_texts(found, texts))
    sentence, _colon, choice = request.form["use"].partition(":")
    offers = _list_offered_phrases(get_runtime(), found)
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
    """Ask the machine once more; what a person has approved stays."""
    _get_translation(announcement_id, language)
    translation_drafts.request_redraft(get_runtime(), announcement_id, language)
    return _redirect_to_translation(announcement_id, language)


@console.get(f"{TRANSLATION_PATH}/recording")
@allow_roles(STAFF)
def recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """The district's own recording, to listen to."""
    with get_runtime().database.read() as db:
        audio = translations.get_audio(db, announcement_id, language)
    return Response(audio or abort(404, _("There is no recording.")), mimetype="audio/mpeg")


@console.post(f"{TRANSLATION_PATH}/recording")
@allow_roles(STAFF)
def keep_recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Keep a recording (MP3): community leaders pass it on in place of the machine's voice.

    Who approves a draft approves its recordings too.  Once it was released anybody can hear them at once, so then they
    are kept only from who may approve it; taking one away is open to all.
    """
    announcement = _get_translation(announcement_id, language)[0]
    if announcement.state != "draft" and not can_approve(announcement):
        abort(403, _("Only the sender or an approver can approve an announcement. The writer can't."))
    given = request.files.get("recording")
    audio = given.read(MAX_RECORDING_BYTES + 1) if given else b""
    if not _is_mp3(audio) or len(audio) > MAX_RECORDING_BYTES:
        flash(_("Choose an MP3 file of at most 3 MB."))
        return _redirect_to_translation(announcement_id, language)
    _set_recording(announcement_id, language, audio, "recorded an announcement")
    flash(_("Recording saved. Listen to it once."))
    return _redirect_to_translation(announcement_id, language)


@console.post(f"{TRANSLATION_PATH}/recording/remove")
@allow_roles(STAFF)
def remove_recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Take the recording away."""
    _get_translation(announcement_id, language)
    _set_recording(announcement_id, language, None, "removed a recording")
    return _redirect_to_translation(announcement_id, language)


def _set_recording(announcement_id: int, language: str, audio: bytes | None, action: str) -> None:
    at = now()
    with get_runtime().database.write() as db:
        translations.set_audio(db, announcement_id, language, audio)
        audit_log.record(db, current_user.by, action, f"announcement {announcement_id}", at, language)


def _is_mp3(audio: bytes) -> bool:
    """Whether it begins as an MP3 does: with an ID3 tag, or a frame of MPEG layer III."""
    frame = len(audio) > 2 and audio[0] == 0xFF and audio[1] & 0xE6 == 0xE2
    return frame or audio.startswith(b"ID3")


@console.url_value_preprocessor
def set_recording_size_limit(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """This one form may be larger than all others, and only of who is logged in.

    It is said here and not in the view: the form's token is read before any view begins.
    """
    if endpoint == "console.keep_recording" and current_user.is_authenticated:
        request.max_content_length = MAX_RECORDING_BYTES + RECORDING_FORM_BYTES


def _redirect_to_translation(announcement_id: int, language: str) -> ResponseReturnValue:
    return redirect(url_for("console.wording", announcement_id=announcement_id, language=language))
