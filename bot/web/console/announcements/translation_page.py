"""One language of an announcement: each sentence with its draft and its way back, who approved it, a voice."""

from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.announcements import launch, translation_drafts
from bot.announcements.translation_drafts import CannotApprove
from bot.base.database import now
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import translations
from bot.store.announcements.announcements import Announcement
from bot.store.announcements.approved_phrases import Phrase
from bot.store.announcements.translations import Review, Wording
from bot.web.console.announcements.shared import NO_DRAFT, UNUSABLE, may_approve, of_id
from bot.web.console.core.case_view import WARNINGS, name_of
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.menu import speaks
from bot.web.console.core.permissions import STAFF, allowed, asks_by_itself
from bot.web.core.current_runtime import services

NAME_CHARACTERS = 80
RECORDING_BYTES = 3 * 1024 * 1024
"""About three minutes of speech: more is no message."""
FORM_BYTES = 16 * 1024
"""What stands in the form beside the recording."""
PLACE = "/announcements/<int:announcement_id>/languages/<language>"


@console.get(PLACE)
@allowed(STAFF)
def wording(announcement_id: int, language: str) -> ResponseReturnValue:
    """The page of one language; a page that waits for the machine asks by itself whether the draft is there."""
    announcement, found = _found(announcement_id, language)
    if asks_by_itself():
        return ("", 204) if found.state == "waiting" else render_template("console/wording_ready.html", found=found)
    return _page(announcement, found, [part.wording for part in found.parts])


def _found(announcement_id: int, language: str) -> tuple[Announcement, Wording]:
    announcement = of_id(announcement_id)
    with services().database.read() as db:
        found = translations.find(db, announcement_id, language[:8])
    return announcement, found or abort(404, _("This announcement was not asked for in this language."))


def _page(announcement: Announcement, found: Wording, texts: list[str], problem: str = "") -> str:
    here = services()
    shown: dict[str, Any] = {"one": announcement, "found": found, "problem": problem, "texts": texts}
    shown |= {"offered": _offered(here, found), "warnings": WARNINGS, "own_name": _own_name(found.language)}
    shown["failed"] = _(NO_DRAFT.get(found.failed, UNUSABLE)) if found.failed else ""
    shown["reviewed_by"] = request.form.get("reviewed_by", "")
    return render_template("console/wording.html", **shown)


def _offered(here: Services, found: Wording) -> list[list[Phrase]]:
    """For each sentence the approved ones that are like it."""
    like = translation_drafts.offered(here, found.announcement_id, found.language)
    return [like.get(part.english, []) for part in found.parts]


def _own_name(language: str) -> str:
    """The name of who is logged in, if the district file says that they speak this language; "" otherwise."""
    return name_of(services(), current_user.staff) if speaks(language) else ""


@console.post(PLACE)
@allowed(STAFF)
def approve_wording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Approve these sentences in a person's name; or take an offered one over and look at the page again."""
    announcement, found = _found(announcement_id, language)
    texts = [one.replace("\r\n", "\n") for one in request.form.getlist("text")]
    if request.form.get("use"):
        return _page(announcement, found, _with_offered(found, texts))
    reviewer = " ".join(request.form.get("reviewed_by", "").split())[:NAME_CHARACTERS] or _own_name(language)
    if not reviewer:
        return _page(announcement, found, _fitting(found, texts), _("Name the person who has reviewed it.")), 422
    try:
        review = Review(reviewer, current_user.by, now())
        translation_drafts.approve(services(), found.announcement_id, language, texts, review, _seen())
    except CannotApprove as error:
        found = _found(announcement_id, language)[1]
        return _page(announcement, found, _fitting(found, texts), _(str(error))), 422
    _tell(announcement, language)
    return redirect(url_for("console.announcement", announcement_id=announcement_id))


def _seen() -> list[str]:
    """The English sentences that stood on the page; a browser ends lines with two letters."""
    return [one.replace("\r\n", "\n") for one in request.form.getlist("english")]


def _fitting(found: Wording, texts: list[str]) -> list[str]:
    """What was typed, where the same English still stands; the draft of what was changed meanwhile."""
    if not len(texts) == len(_seen()) == len(found.parts):
        return [part.wording for part in found.parts]
    typed = zip(found.parts, _seen(), texts, strict=True)
    return [text if part.english == english else part.wording for part, english, text in typed]


def _with_offered(found: Wording, texts: list[str]) -> list[str]:
    """What was typed, with the chosen sentence ("2:0": the third one's first offer) in its place."""
    texts = list(_fitting(found, texts))
    sentence, _colon, choice = request.form["use"].partition(":")
    offers = _offered(services(), found)
    if not (sentence.isdecimal() and choice.isdecimal() and int(sentence) < len(texts)):
        abort(400, _("There is no such sentence."))
    if int(choice) < len(offers[int(sentence)]):
        texts[int(sentence)] = offers[int(sentence)][int(choice)].wording
    return texts


def _tell(announcement: Announcement, language: str) -> None:
    flash(_("Approved. These sentences are offered again next time."))
    if announcement.state == "draft":
        return
    released = launch.wording_approved(services(), announcement.id, language)
    if released:
        flash(_("Families who waited for this language and get it now: {count}.", count=released))


@console.post(f"{PLACE}/again")
@allowed(STAFF)
def draft_again(announcement_id: int, language: str) -> ResponseReturnValue:
    """Ask the machine once more; what a person has approved stays."""
    _found(announcement_id, language)
    translation_drafts.again(services(), announcement_id, language)
    return _back(announcement_id, language)


@console.get(f"{PLACE}/recording")
@allowed(STAFF)
def recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """The district's own recording, to listen to."""
    with services().database.read() as db:
        audio = translations.audio(db, announcement_id, language)
    return Response(audio or abort(404, _("There is no recording.")), mimetype="audio/mpeg")


@console.post(f"{PLACE}/recording")
@allowed(STAFF)
def keep_recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Keep a recording (MP3): community leaders pass it on in place of the machine's voice.

    Who approves a draft approves its recordings too.  Once it was released anybody can hear them at once, so then they
    are kept only from who may approve it; taking one away is open to all.
    """
    announcement = _found(announcement_id, language)[0]
    if announcement.state != "draft" and not may_approve(announcement):
        abort(403, _("Only an approver, or in whose name it is sent, approves an announcement; not who wrote it."))
    given = request.files.get("recording")
    audio = given.read(RECORDING_BYTES + 1) if given else b""
    if not _is_mp3(audio) or len(audio) > RECORDING_BYTES:
        flash(_("Choose an MP3 file of at most 3 MB."))
        return _back(announcement_id, language)
    _set_recording(announcement_id, language, audio, "recorded an announcement")
    flash(_("The recording is kept: please listen to it once."))
    return _back(announcement_id, language)


@console.post(f"{PLACE}/recording/remove")
@allowed(STAFF)
def remove_recording(announcement_id: int, language: str) -> ResponseReturnValue:
    """Take the recording away."""
    _found(announcement_id, language)
    _set_recording(announcement_id, language, None, "removed a recording")
    return _back(announcement_id, language)


def _set_recording(announcement_id: int, language: str, audio: bytes | None, did: str) -> None:
    at = now()
    with services().database.write() as db:
        translations.set_audio(db, announcement_id, language, audio)
        audit_log.record(db, current_user.by, did, f"announcement {announcement_id}", at, language)


def _is_mp3(audio: bytes) -> bool:
    """Whether it begins as an MP3 does: with an ID3 tag, or a frame of MPEG layer III."""
    frame = len(audio) > 2 and audio[0] == 0xFF and audio[1] & 0xE6 == 0xE2
    return frame or audio.startswith(b"ID3")


@console.url_value_preprocessor
def larger_for_recordings(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """This one form may be larger than all others, and only of who is logged in.

    It is said here and not in the view: the form's token is read before any view begins.
    """
    if endpoint == "console.keep_recording" and current_user.is_authenticated:
        request.max_content_length = RECORDING_BYTES + FORM_BYTES


def _back(announcement_id: int, language: str) -> ResponseReturnValue:
    return redirect(url_for("console.wording", announcement_id=announcement_id, language=language))
