"""One announcement on one sheet of paper, in one language: for the door, the backpack, the church."""

from flask import abort, render_template

from bot.announcements import share_kit
from bot.base.language_names import RIGHT_TO_LEFT_LANGUAGES
from bot.web.console.announcements.shared import get_announcement
from bot.web.console.core.console_i18n import _, language_name
from bot.web.console.core.inbox import console
from bot.web.console.core.permissions import STAFF, allow_roles
from bot.web.core.current_runtime import get_runtime


@console.get("/announcements/<int:announcement_id>/languages/<language>/flyer")
@allow_roles(STAFF)
def flyer(announcement_id: int, language: str) -> str:
    """What may be passed on, large; a language that nobody has approved is not printed."""
    one, here = get_announcement(announcement_id), get_runtime()
    if language not in {"en", *here.library.district.languages, *here.library.machine_languages}:
        abort(404, _("There is no such language."))
    text = next((item.text for item in share_kit.list_items(here, one) if item.language == language), "")
    direction = "rtl" if language in RIGHT_TO_LEFT_LANGUAGES else "ltr"
    return render_template("console/flyer.html", one=one, text=text, code=language, direction=direction,
                           name=language_name(language))  # fmt: skip
