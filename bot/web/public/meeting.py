"""`/g/<code>`: a gathering's page and its calendar file.  Public: whoever has the code may look; nothing is kept."""

from flask import Blueprint, Response, abort
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.content.catalog import SOURCE_LANGUAGE
from bot.content.texts import TextId
from bot.flows.effects import Notice
from bot.meetings import answer_sheet as sheets
from bot.meetings import ics_calendar
from bot.meetings import texts as meetings_texts
from bot.meetings.sms_commands import MEETING_CODE_LENGTH
from bot.messaging.placeholder_values import readable
from bot.store.meetings import meetings
from bot.store.meetings.meetings import Meeting
from bot.web.core.current_runtime import services
from bot.web.public.verify_message import Said, public_page, reader_language

gathering = Blueprint("gathering", __name__)


@gathering.get("/g/<code>")
def page(code: str) -> ResponseReturnValue:
    """When it is, how to come with a link or by phone, how to answer and to ask; the sheet of answers once approved."""
    language, found = reader_language(), _found(code)
    if found is None:
        return _page(language, [_said(language, None, "gathering_unknown")]), 404
    if found.state == "canceled":
        return _page(language, [_said(language, found, "gathering_canceled")])
    if not found.is_upcoming or found.ends_at <= now():
        return _page(language, [_said(language, found, "gathering_over")], sheet=found)
    texts: list[TextId] = ["gathering_genuine", *meetings_texts.list_joining_texts(found), "gathering_go_how"]
    said = [_said(language, found, text) for text in texts]
    return _page(language, said, titled=found, code=found.code, sheet=found)


@gathering.get("/g/<code>.ics")
def calendar_file(code: str) -> ResponseReturnValue:
    """For the calendar of a phone, in the reader's language; a canceled one takes itself out again."""
    found = _found(code)
    if found is None:
        abort(404)
    language = reader_language()
    texts: list[TextId] = (
        ["gathering_canceled"] if found.state == "canceled" else meetings_texts.list_joining_texts(found)
    )
    says = "\n".join(_said(language, found, text).text for text in texts)
    made = ics_calendar.build_ics(
        found, says, meetings_texts.get_page_url(services(), found), services().library.district.name, now()
    )
    headers = {"Content-Disposition": f'attachment; filename="{found.code}.ics"'}
    return Response(made, mimetype="text/calendar", headers=headers)


@gathering.after_request
def quiet(response: Response) -> Response:
    """No other site learns who looked, and no search engine lists it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _found(code: str) -> Meeting | None:
    if len(code) != MEETING_CODE_LENGTH:
        return None
    with services().database.read() as db:
        return meetings.find_by_code(db, code)


def _said(language: str, found: Meeting | None, text: TextId) -> Said:
    """One of the program's texts with this gathering's values, in the language that it really is in."""
    here, at = services(), now()
    about = found or Meeting("", "", at, at)
    made = meetings_texts.build_composer(here, about, language, at)
    made.extra = {**made.extra, "number": _number()}
    missing = made.library.catalogs.find_text(language, made.library.texts[text]).is_missing
    body = made.compose([Notice(text)]).split("\n\n")[0]
    return Said(body, SOURCE_LANGUAGE if missing else language)


def _number() -> str:
    settings = services().settings
    return readable((settings.twilio_sms_from or settings.twilio_whatsapp_from or "").removeprefix("whatsapp:"))


def _page(
    language: str, said: list[Said], titled: Meeting | None = None, code: str = "", sheet: Meeting | None = None
) -> str:
    shown = {"said": said, "titled": _title(language, titled), "code": code, **_sheet(language, sheet)}
    return public_page("genuine/gathering.html", language, **shown)


def _title(language: str, found: Meeting | None) -> Said | None:
    if found is None:
        return None
    with services().database.read() as db:
        own = sheets.find_title(db, found, language)
    return Said(own or found.title, language if own else SOURCE_LANGUAGE)


def _sheet(language: str, found: Meeting | None) -> dict[str, Said | None]:
    """The answers, once they are approved: in the reader's language, or in English with a word about that."""
    if found is None or not found.sheet or not found.sheet_approved_by:
        return {"sheet": None, "notice": None}
    if language == SOURCE_LANGUAGE:
        return {"sheet": Said(found.sheet, SOURCE_LANGUAGE), "notice": None}
    with services().database.read() as db:
        own = sheets.find_translation(db, found, language)
    if own:
        return {"sheet": Said(own, language), "notice": None}
    return {"sheet": Said(found.sheet, SOURCE_LANGUAGE), "notice": _said(language, None, "notice_english")}
