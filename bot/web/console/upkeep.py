"""The content that needs somebody: what is not said any more, and what soon will not be."""

from flask import render_template
from flask_login import login_required

from bot.content.upkeep import tasks
from bot.store.db import now
from bot.web.console.pages import console
from bot.web.here import services


@console.get("/content")
@login_required
def content() -> str:
    """Facts, policies and partners to look at, with their owners, the oldest first."""
    library = services().library
    today = library.district.local(now()).date()
    return render_template("console/content.html", tasks=tasks(library, today), today=today)
