"""Serve `/g/<code>`: the public page of a meeting and its calendar file. Puente stores nothing about visitors."""

from flask import Blueprint, Response, abort
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.meetings import answer_sheet as sheets
from bot.meetings import ics_calendar
from bot.meetings import texts as meetings_texts
from bot.meetings.rsvp_parser import MEETING_CODE_LENGTH
from bot.messaging.placeholder_values import format_phone
from bot.store.meetings import meetings
from bot.store.meetings.meetings import Meeting
from bot.web.core.current_runtime import get_runtime
from bot.web.public.verify_message import MessageView, find_reader_language, render_public_page

meeting_pages = Blueprint("gathering", __name__)


@meeting_pages.get("/g/<code>")
def page(code: str) -> ResponseReturnValue:
    """Show when the meeting is, how to join, and how to answer and ask, and the answer sheet once it is approved."""
    language, meeting = find_reader_language(), _find_meeting(code)
    if meeting is None:
        return _render_page(language, [_build_message_view(language, None, "gathering_unknown")]), 404
    if meeting.state == "canceled":
        return _render_page(language, [_build_message_view(language, meeting, "gathering_canceled")])
    if not meeting.is_upcoming or meeting.ends_at <= now():
        return _render_page(language, [_build_message_view(language, meeting, "gathering_over")], sheet_meeting=meeting)
    text_ids: list[TextId] = ["gathering_genuine", *meetings_texts.list_joining_texts(meeting), "gathering_go_how"]
    views = [_build_message_view(language, meeting, text_id) for text_id in text_ids]
    return _render_page(language, views, titled_meeting=meeting, code=meeting.code, sheet_meeting=meeting)


@meeting_pages.get("/g/<code>.ics")
def calendar_file(code: str) -> ResponseReturnValue:
    """Serve the calendar file in the reader's language. The file of a canceled meeting removes the entry."""
    meeting = _find_meeting(code)
    if meeting is None:
        abort(404)
    runtime, language = get_runtime(), find_reader_language()
    text_ids = meetings_texts.list_joining_texts(meeting)
    if meeting.state == "canceled":
        text_ids = ["gathering_canceled"]
    description = "\n".join(_build_message_view(language, meeting, text_id).text for text_id in text_ids)
    page_url = meetings_texts.get_page_url(runtime, meeting)
    calendar = ics_calendar.build_ics(meeting, description, page_url, runtime.library.district.name, now())
    headers = {"Content-Disposition": f'attachment; filename="{meeting.code}.ics"'}
    return Response(calendar, mimetype="text/calendar", headers=headers)


@meeting_pages.after_request
def set_privacy_headers(response: Response) -> Response:
    """Hide the visit from other sites, and keep the page out of search engines."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _find_meeting(code: str) -> Meeting | None:
    if len(code) != MEETING_CODE_LENGTH:
        return None
    with get_runtime().database.read() as db:
        return meetings.find_by_code(db, code)


def _build_message_view(language: str, meeting: Meeting | None, text_id: TextId) -> MessageView:
    """Return one of Puente's texts with the values of a meeting, in this language or else in English."""
    runtime, current_time = get_runtime(), now()
    shown_meeting = meeting or Meeting("", "", current_time, current_time)
    composer = meetings_texts.build_composer(runtime, shown_meeting, language, current_time)
    sender_number = runtime.settings.twilio_sms_from or runtime.settings.twilio_whatsapp_from or ""
    number = format_phone(sender_number.removeprefix("whatsapp:"))
    composer.extra_values = {**composer.extra_values, "number": number}
    is_missing = composer.library.catalogs.find_text(language, composer.library.texts[text_id]).is_missing
    body = composer.compose([Notice(text_id)]).split("\n\n")[0]
    return MessageView(body, SOURCE_LANGUAGE if is_missing else language)


def _render_page(
    language: str,
    views: list[MessageView],
    titled_meeting: Meeting | None = None,
    code: str = "",
    sheet_meeting: Meeting | None = None,
) -> str:
    page_values = {
        "said": views,
        "titled": _build_title_view(language, titled_meeting),
        "code": code,
        **_build_sheet_values(language, sheet_meeting),
    }
    return render_public_page("genuine/gathering.html", language, **page_values)


def _build_title_view(language: str, meeting: Meeting | None) -> MessageView | None:
    if meeting is None:
        return None
    with get_runtime().database.read() as db:
        translated_title = sheets.find_title(db, meeting, language)
    if translated_title:
        return MessageView(translated_title, language)
    return MessageView(meeting.title, SOURCE_LANGUAGE)


def _build_sheet_values(language: str, meeting: Meeting | None) -> dict[str, MessageView | None]:
    """Return the approved answer sheet in the reader's language, or in English with a notice."""
    if meeting is None or not meeting.sheet or not meeting.sheet_approved_by:
        return {"sheet": None, "notice": None}
    if language == SOURCE_LANGUAGE:
        return {"sheet": MessageView(meeting.sheet, SOURCE_LANGUAGE), "notice": None}
    with get_runtime().database.read() as db:
        translation = sheets.find_translation(db, meeting, language)
    if translation:
        return {"sheet": MessageView(translation, language), "notice": None}
    return {
        "sheet": MessageView(meeting.sheet, SOURCE_LANGUAGE),
        "notice": _build_message_view(language, None, "notice_english"),
    }
