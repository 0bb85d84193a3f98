"""The sheet to hand out: a page with each language as PDF and picture, drawn anew each time from what holds today."""

from io import BytesIO

from click import ClickException
from flask import abort, render_template, request, send_file
from flask.typing import ResponseReturnValue

from bot.base.database import now
from bot.base.language_names import get_own_name
from bot.community.partner_handout import handout_of
from bot.documents.handout import Handout, render_handout_pdf, render_handout_png
from bot.documents.html_page import PageOverflowError, RendererUnavailableError
from bot.messaging import partner_directory
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import ACCOUNT_ROLES, allow_roles
from bot.web.core.current_runtime import get_runtime

HANDOUT_MIME_TYPES = {"pdf": "application/pdf", "png": "image/png"}


@console.get("/handouts", endpoint="handouts")
@allow_roles(*ACCOUNT_ROLES)
def handouts_page() -> str:
    """Each language, and whether a person has reviewed its words."""
    school, district = _read_school(), get_runtime().library.district
    sheets = {language: _build_handout(language, school) for language in district.languages}
    page = {"sheets": sheets, "school": school, "schools": district.schools, "own_name": get_own_name}
    return render_template("console/handouts.html", **page)


@console.get("/handouts/<language>.<kind>")
@allow_roles(*ACCOUNT_ROLES)
def handout_file(language: str, kind: str) -> ResponseReturnValue:
    """The sheet itself; nothing of it is kept, for tomorrow something of it may not hold."""
    if kind not in HANDOUT_MIME_TYPES or language not in get_runtime().library.district.languages:
        abort(404, _("This handout doesn't exist."))
    sheet, school = _build_handout(language, _read_school()), _read_school()
    try:
        drawn = render_handout_pdf(sheet) if kind == "pdf" else render_handout_png(sheet)
    except (RendererUnavailableError, PageOverflowError) as error:
        abort(503, str(error))
    name = f"handout-{language}{f'-{school}' if school else ''}.{kind}"
    return send_file(BytesIO(drawn), HANDOUT_MIME_TYPES[kind], download_name=name, etag=False, max_age=0)


def _read_school() -> str | None:
    wanted = request.args.get("school", "")
    return wanted if wanted in get_runtime().library.district.schools else None


def _build_handout(language: str, school: str | None) -> Handout:
    here, at = get_runtime(), now()
    try:
        return handout_of(
            here.settings, here.library, partner_directory.get_current_partners(here, at), language, school, at
        )
    except ClickException as error:
        abort(503, error.message)
