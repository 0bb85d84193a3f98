"""Wrong topics: staff say what a message was about; somebody reviews the list before anything is taught."""

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import NoResultFound

from bot.base.database import Transaction, now
from bot.nlu import SEVERITY_BY_INTENT
from bot.runtime import Runtime
from bot.store.cases import cases, topic_corrections
from bot.store.cases.topic_corrections import TopicCorrection
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console, get_topic_title
from bot.web.console.core.permissions import STAFF, allow_roles, is_in_scope
from bot.web.core.current_runtime import get_runtime


@console.post("/cases/<int:case_id>/topic")
@allow_roles(STAFF)
def correct_topic(case_id: int) -> ResponseReturnValue:
    """Say what a case was about: the masked words go on the review list."""
    topic, here = request.form.get("topic", ""), get_runtime()
    if topic not in SEVERITY_BY_INTENT:
        abort(400, _("Choose a topic from the list."))
    with here.database.write() as db:
        try:
            case = cases.get(db, case_id)
        except NoResultFound:
            abort(404, _("There is no case {number}.", number=case_id))
        phrase = case.answers.get(cases.OPENING_MESSAGE_KEY, "")
        if not phrase:
            abort(409, _("This case has no words from the family, so there is nothing to learn from."))
        said = TopicCorrection(0, case_id, phrase, case.language, case.topic, topic, current_user.name)
        topic_corrections.save(db, said, now())
    return redirect(url_for("console.case", case_id=case_id))


@console.get("/review")
@allow_roles(STAFF)
def review() -> ResponseReturnValue:
    """What staff said was understood wrongly, for the person who keeps `flows/phrases`."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        found = [one for one in topic_corrections.list_unreviewed(db) if _is_case_in_scope(runtime, db, one.case_id)]
    return render_template("console/review.html", corrections=found, title=get_topic_title)


@console.post("/review/<int:correction_id>")
@allow_roles(STAFF)
def reviewed(correction_id: int) -> ResponseReturnValue:
    """Take one off the list: it stands in a phrase file now, or is not worth it."""
    runtime = get_runtime()
    with runtime.database.write() as db:
        listed = {one.id: one.case_id for one in topic_corrections.list_unreviewed(db)}
        if correction_id in listed and not _is_case_in_scope(runtime, db, listed[correction_id]):
            abort(404, _("This entry isn't on your list."))
        topic_corrections.mark_reviewed(db, correction_id, current_user.name, now())
    return redirect(url_for("console.review"))


def _is_case_in_scope(runtime: Runtime, db: Transaction, case_id: int) -> bool:
    """Staff see the words of their own cases only."""
    case = cases.find(db, case_id)
    return case is not None and is_in_scope(runtime.library.district, current_user, case)
