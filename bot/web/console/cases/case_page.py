"""One case: what the family told, who has it, the talk; taking it, handing it over, saying that it is done."""

import secrets
from functools import partial
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from bot.base.database import now
from bot.cases import assignment, staff_conversation
from bot.nlu import SEVERITY
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements import announcements
from bot.store.cases import case_transitions, cases, deliveries, interpreter_requests, topic_corrections
from bot.store.cases.case_messages import New, add
from bot.store.cases.cases import Case
from bot.store.families import contacts
from bot.store.schools import incidents
from bot.web.console.cases import refer_page
from bot.web.console.cases.voice_note_page import voices_of
from bot.web.console.core.audit_page import looked
from bot.web.console.core.case_view import age, digest, how_far, name_of, reach, talk_of
from bot.web.console.core.console_i18n import _, language_name, short_moment
from bot.web.console.core.inbox import console, title
from bot.web.console.core.permissions import LEADS, RECORDS, STAFF, allowed
from bot.web.console.schools.call_guide import guide_of
from bot.web.core.current_runtime import services

OUTCOMES = ("answered", "called", "met", "referred", "no need")
NOTE_CHARACTERS = 2000
AUDIT_SHOWN = 20


@console.get("/cases/<int:case_id>")
@allowed(STAFF, RECORDS)
def case(case_id: int) -> ResponseReturnValue:
    """The page of one case."""
    here = services()
    with here.database.write() as db:  # who read it stands in the audit log
        found = _found(here, db, case_id)
        audit_log.record(db, current_user.by, "read", f"case {case_id}", now())
    return render_template("console/case.html", **_page(here, found))


def _found(here: Services, db: Any, case_id: int) -> Case:
    return cases.find(db, here.database.vault, case_id) or abort(404, _("There is no case {number}.", number=case_id))


def _page(here: Services, found: Case) -> dict[str, Any]:
    vault, district = here.database.vault, here.library.district
    with here.database.read() as db:
        contact = contacts.get(db, vault, found.contact_id)
        said = talk_of(here, db, found.id)
        page: dict[str, Any] = {
            "alerts": deliveries.of_case(db, vault, found.id),
            "answers_to": announcements.find(db, found.announcement_id) if found.announcement_id else None,
            "notes": contacts.notes_of(db, contact.id),
            "corrected": topic_corrections.of_case(db, vault, found.id),
            "log": audit_log.newest(db, AUDIT_SHOWN, f"case {found.id}"),
            "wanted": interpreter_requests.of_case(db, vault, found.id),
            "incident": incidents.of_case(db, found.id) if found.topic in cases.OF_STAFF else None,
            "voices": voices_of(here, db, found.id),
            **guide_of(here, db, found),
            **refer_page.of_case(here, db, found, contact),
        }
    school = district.schools.get(found.school or "")
    page |= {"case": found, "contact": contact, "said": said, "digest": digest(said), "reach": reach(here, contact)}
    page |= {"school": school.name if school else "", "may_act": _may_act(found), "mine": _mine(found)}
    page["may_take"] = page["may_act"] and not page["mine"] and _may_take(here, found)
    page |= {"who": name_of(here, found.claimed_by), "title": title, "language": language_name, "outcomes": _outcomes()}
    page |= {"name": partial(name_of, here), "time": short_moment, "age": age}
    page |= {"answers": district.answers, "staff": district.staff, "once": secrets.token_hex(12)}
    return page | {"arrived": how_far, "topics": sorted(SEVERITY, key=title)}


def _may_act(found: Case) -> bool:
    return current_user.role != RECORDS and found.open


def _may_take(here: Services, found: Case) -> bool:
    return found.claimed_by is None or assignment.may_take_over(here, found, current_user.role in LEADS)


def _mine(found: Case) -> bool:
    return found.claimed_by == current_user.by and found.open


def _is_anothers(case_id: int) -> bool:
    """Whether an open case is not (or no more) of who is logged in, who hears it: a page may have stood open while a
    colleague took the case over, who still works on it."""
    with services().database.read() as db:
        found = _found(services(), db, case_id)
    if not found.open or _mine(found):
        return False
    flash(_("This case is not yours: take it first."))
    return True


def _outcomes() -> dict[str, str]:
    words = (
        _("Answered by text"),
        _("Called"),
        _("Met in person"),
        _("Referred to a partner"),
        _("Nothing was needed"),
    )
    return dict(zip(OUTCOMES, words, strict=True))


@console.get("/cases/<int:case_id>/talk")
@allowed(STAFF, RECORDS)
def case_talk(case_id: int) -> ResponseReturnValue:
    """Only the talk, for the page that asks every few seconds; nothing (204) where nothing is new."""
    here = services()
    with here.database.read() as db:
        found = _found(here, db, case_id)
        said = talk_of(here, db, case_id)
    if digest(said) == request.args.get("seen"):
        return "", 204
    looked("read", f"case {case_id}")
    once, mine = secrets.token_hex(12), _mine(found)
    return render_template(
        "console/talk.html", case=found, said=said, digest=digest(said), once=once, mine=mine, language=language_name
    )


@console.post("/cases/<int:case_id>/take")
@allowed(STAFF)
def take(case_id: int) -> ResponseReturnValue:
    """Take a case; the first one gets it."""
    taken = assignment.take(services(), case_id, current_user.by, "in the console", leads=current_user.role in LEADS)
    if taken.outcome == "theirs":
        flash(_("{name} was faster and has this case.", name=taken.by))
    return _back(case_id)


@console.post("/cases/<int:case_id>/give")
@allowed(STAFF)
def give(case_id: int) -> ResponseReturnValue:
    """Hand a case over to a colleague, who gets a text."""
    to = request.form.get("to", "")
    if to not in services().library.district.staff:
        abort(400, _("Choose a colleague of the list."))
    if not assignment.hand_over(services(), case_id, current_user.by, to, leads=current_user.role in LEADS):
        flash(_("This case is not yours: take it first."))
    return _back(case_id)


@console.post("/cases/<int:case_id>/resolve")
@allowed(STAFF)
def resolve(case_id: int) -> ResponseReturnValue:
    """Say that it is done, and how; the family is asked a day later whether it was helped."""
    why = request.form.get("why", "")
    if why not in OUTCOMES:
        abort(400, _("Choose how it was done."))
    if not _is_anothers(case_id) and not assignment.resolve(services(), case_id, current_user.by, why):
        flash(_("This case was done already."))
    return _back(case_id)


@console.post("/cases/<int:case_id>/hand-back")
@allowed(STAFF)
def hand_back(case_id: int) -> ResponseReturnValue:
    """The automated helper may answer the family again, while the case goes on."""
    if not _is_anothers(case_id) and not staff_conversation.hand_back(services(), case_id):
        flash(_("Nobody is talking with this family now."))
    return _back(case_id)


@console.post("/cases/<int:case_id>/note")
@allowed(STAFF)
def note(case_id: int) -> ResponseReturnValue:
    """An internal note: staff read it, the family never does."""
    text = request.form.get("note", "").strip()[:NOTE_CHARACTERS]
    here, at = services(), now()
    if text:
        cause = f"note:{request.form.get('once', '')[:32] or secrets.token_hex(12)}"
        new = New(
            case_id, cause, "note", staff_conversation.language_of(here, current_user.staff), text, current_user.by
        )
        with here.database.write() as db:
            _found(here, db, case_id)
            add(db, here.database.vault, new, at)
            audit_log.record(db, current_user.by, "noted", f"case {case_id}", at)
    return _back(case_id)


@console.post("/cases/<int:case_id>/seen")
@allowed(STAFF)
def seen(case_id: int) -> ResponseReturnValue:
    """Take the flag away: a person has looked at what a machine could not do."""
    with services().database.write() as db:
        case_transitions.flag(db, case_id, "")
        audit_log.record(db, current_user.by, "looked at the flag", f"case {case_id}", now())
    return _back(case_id)


def _back(case_id: int) -> ResponseReturnValue:
    return redirect(url_for("console.case", case_id=case_id))
