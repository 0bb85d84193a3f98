"""The page that prints one announcement in one language as a flyer."""

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
    """Show the flyer in large print. The text is empty if this language can't be shared yet."""
    announcement, runtime = get_announcement(announcement_id), get_runtime()
    if language not in {"en", *runtime.library.district.languages, *runtime.library.machine_languages}:
        abort(404, _("This language isn't available."))
    items = share_kit.list_items(runtime, announcement)
    text = next((item.text for item in items if item.language == language), "")
    page = {
        "one": announcement,
        "text": text,
        "code": language,
        "direction": "rtl" if language in RIGHT_TO_LEFT_LANGUAGES else "ltr",
        "name": language_name(language),
    }
    return render_template("console/flyer.html", **page)
