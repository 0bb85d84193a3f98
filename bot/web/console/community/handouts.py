"""Serve the partner handout in each language, as PDF and PNG, generated from the current directory for each request."""

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
    """List the languages, and show whether a person reviewed the text of each."""
    school, district = _read_school(), get_runtime().library.district
    return render_template(
        "console/handouts.html",
        sheets={language: _build_handout(language, school) for language in district.languages},
        school=school,
        schools=district.schools,
        own_name=get_own_name,
    )


@console.get("/handouts/<language>.<kind>")
@allow_roles(*ACCOUNT_ROLES)
def handout_file(language: str, kind: str) -> ResponseReturnValue:
    """Return the handout. Nothing caches it, because a partner's data can be outdated tomorrow."""
    if kind not in HANDOUT_MIME_TYPES or language not in get_runtime().library.district.languages:
        abort(404, _("This handout doesn't exist."))
    school = _read_school()
    handout = _build_handout(language, school)
    render = render_handout_pdf if kind == "pdf" else render_handout_png
    try:
        content = render(handout)
    except (RendererUnavailableError, PageOverflowError) as error:
        abort(503, str(error))
    suffix = f"-{school}" if school else ""
    file_name = f"handout-{language}{suffix}.{kind}"
    return send_file(BytesIO(content), HANDOUT_MIME_TYPES[kind], download_name=file_name, etag=False, max_age=0)


def _read_school() -> str | None:
    school = request.args.get("school", "")
    return school if school in get_runtime().library.district.schools else None


def _build_handout(language: str, school: str | None) -> Handout:
    runtime, current_time = get_runtime(), now()
    partners = partner_directory.get_current_partners(runtime, current_time)
    try:
        return handout_of(runtime.settings, runtime.library, partners, language, school, current_time)
    except ClickException as error:
        abort(503, error.message)
