"""Topic corrections: staff correct the topic of a case. A person reviews the list before Puente learns from it."""

from flask import abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import NoResultFound

from bot.base.database import Transaction, now
from bot.nlu import SEVERITY_BY_INTENT
from bot.runtime import Runtime
from bot.store.cases import cases, topic_corrections
from bot.store.cases.topic_corrections import NO_EMERGENCY, TopicCorrection
from bot.web.console.core.console_i18n import _
from bot.web.console.core.inbox import console, get_topic_title
from bot.web.console.core.permissions import STAFF, allow_roles, is_in_scope
from bot.web.core.current_runtime import get_runtime


@console.post("/cases/<int:case_id>/topic")
@allow_roles(STAFF)
def correct_topic(case_id: int) -> ResponseReturnValue:
    """Correct the topic of a case, or mark its page as wrong. The masked opening message goes on the review list."""
    topic = request.form.get("topic", "")
    if topic not in (*SEVERITY_BY_INTENT, NO_EMERGENCY):
        abort(400, _("Choose a topic from the list."))
    with get_runtime().database.write() as db:
        try:
            case = cases.get(db, case_id)
        except NoResultFound:
            abort(404, _("There is no case {number}.", number=case_id))
        phrase = case.answers.get(cases.OPENING_MESSAGE_KEY, "")
        if not phrase:
            abort(409, _("This case has no words from the family, so there is nothing to learn from."))
        correction = TopicCorrection(0, case_id, phrase, case.language, case.topic, topic, current_user.name)
        topic_corrections.save(db, correction, now())
    return redirect(url_for("console.case", case_id=case_id))


@console.get("/review")
@allow_roles(STAFF)
def review() -> ResponseReturnValue:
    """Show the unreviewed corrections, for the person who maintains `flows/phrases`."""
    runtime = get_runtime()
    with runtime.database.read() as db:
        unreviewed = topic_corrections.list_unreviewed(db)
        visible = [correction for correction in unreviewed if _is_case_in_scope(runtime, db, correction.case_id)]
    return render_template("console/review.html", corrections=visible, title=get_topic_title)


@console.post("/review/<int:correction_id>")
@allow_roles(STAFF)
def reviewed(correction_id: int) -> ResponseReturnValue:
    """Mark a correction as reviewed, after it was added to a phrase file or dismissed."""
    runtime = get_runtime()
    with runtime.database.write() as db:
        case_ids = {correction.id: correction.case_id for correction in topic_corrections.list_unreviewed(db)}
        if correction_id in case_ids and not _is_case_in_scope(runtime, db, case_ids[correction_id]):
            abort(404, _("This entry isn't on your list."))
        topic_corrections.mark_reviewed(db, correction_id, current_user.name, now())
    return redirect(url_for("console.review"))


def _is_case_in_scope(runtime: Runtime, db: Transaction, case_id: int) -> bool:
    """Whether the current user can see the case, and so its opening message."""
    case = cases.find(db, case_id)
    return case is not None and is_in_scope(runtime.library.district, current_user, case)
