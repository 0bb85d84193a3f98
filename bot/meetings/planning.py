"""What the host does: plan, change, have interpreters booked, mark ready, invite, cancel.  Each is in the audit log."""

from bot.announcements import composition, launch, translation_drafts
from bot.base.database import now
from bot.base.language_names import get_english_name
from bot.content import dates
from bot.meetings import rules, texts
from bot.messaging.placeholder_values import format_phone
from bot.runtime import Runtime
from bot.store import audit_log
from bot.store.announcements.announcements import Announcement, AnnouncementDraft
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meeting_interpreters import BookedInterpreter
from bot.store.meetings.meetings import Meeting, MeetingPlan


class MeetingPlanError(Exception):
    """It cannot be done; `problems` says why, a sentence by the field where it belongs."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


CHANGED_MESSAGE = "Somebody has changed it just now, or it is over: look at it again."


def save_plan(runtime: Runtime, plan: MeetingPlan, by: str, current: Meeting | None = None) -> int:
    """A new gathering, or `before` planned anew; raises `Refused`.

    Once families rely on it a change of time or place is told to all who said yes.
    """
    at = now()
    wrong = rules.find_problems(runtime.library.district, plan, at)
    if wrong:
        raise MeetingPlanError(wrong)
    with runtime.database.write() as db:
        if current is None:
            number = meetings.add(db, plan, by, at)
            audit_log.record(db, by, "planned a gathering", f"gathering {number}", at)
            return number
        same = Meeting.get_attendee_facts(current) == (
            plan.starts_at, plan.ends_at, plan.link, plan.dial_in, plan.dial_code, plan.place,
        )  # fmt: skip
        if not meetings.change(db, current, plan, not same):
            raise MeetingPlanError({"title": CHANGED_MESSAGE})
        audit_log.record(db, by, "changed a gathering", f"gathering {current.id}", at)
    if not same:
        _stop_invitation(runtime, current, by)
    return current.id


def list_missing_interpreters(runtime: Runtime, meeting: Meeting) -> tuple[str, ...]:
    """The languages, announced or of families who come, that have no trained interpreter yet."""
    with runtime.database.read() as db:
        spoken = [one.language for one in rsvps.count_attendees(db, meeting.id)]
        return rules.find_missing_languages([*meeting.languages, *spoken], booked.list_for_meeting(db, meeting.id))


def mark_ready(runtime: Runtime, meeting: Meeting, by: str) -> None:
    """Mark it ready; raises `Refused` while an interpreter is missing."""
    why = rules.explain_not_ready(list_missing_interpreters(runtime, meeting))
    if why:
        raise MeetingPlanError({"ready": why})
    with runtime.database.write() as db:
        if meetings.change_state(db, meeting.id, ("planned",), "ready"):
            audit_log.record(db, by, "marked a gathering ready", f"gathering {meeting.id}", now())


def book_interpreter(runtime: Runtime, meeting: Meeting, booking: BookedInterpreter) -> None:
    """Write down who interprets."""
    at = now()
    with runtime.database.write() as db:
        booked.book(db, meeting.id, booking, at)
        audit_log.record(db, booking.booked_by, "booked an interpreter", f"gathering {meeting.id}", at)


def unbook_interpreter(runtime: Runtime, meeting: Meeting, booked_id: int, by: str) -> None:
    """Somebody cannot come; a gathering that was ready is planned again if a language is left without."""
    at = now()
    with runtime.database.write() as db:
        if booked.remove(db, meeting.id, booked_id):
            audit_log.record(db, by, "removed an interpreter", f"gathering {meeting.id}", at)
    if list_missing_interpreters(runtime, meeting):
        with runtime.database.write() as db:
            meetings.change_state(db, meeting.id, ("ready",), "planned")


def cancel_meeting(runtime: Runtime, meeting: Meeting, by: str) -> bool:
    """It does not take place: everybody who said yes is told by the next sweep; False if it was over before.

    Its invitation is stopped: nobody is invited to what does not take place.
    """
    with runtime.database.write() as db:
        to = meeting.revision + 1
        done = meetings.change_state(db, meeting.id, meetings.UPCOMING_STATES, "canceled", revision=to)
        if done:
            audit_log.record(db, by, "canceled a gathering", f"gathering {meeting.id}", now())
    if done:
        _stop_invitation(runtime, meeting, by)
    return done


def _stop_invitation(runtime: Runtime, meeting: Meeting, by: str) -> None:
    """What leaves still leaves no more; a draft of it is refused when somebody releases it."""
    if meeting.announcement_id:
        launch.stop(runtime, meeting.announcement_id, by)


def draft_invitation(runtime: Runtime, meeting: Meeting, by: str) -> Announcement:
    """Draft the invitation as an announcement, which is translated and approved like any other.

    Raises `Refused` if it is not ready, or was drafted before; `composing.CannotSay`.
    """
    if meeting.state != "ready":
        raise MeetingPlanError({"ready": "Mark it ready first: then the interpreters are there."})
    if why := rules.explain_not_ready(list_missing_interpreters(runtime, meeting)):
        raise MeetingPlanError({"ready": why})
    draft, at = build_invitation(runtime, meeting), now()
    with runtime.database.write() as db:  # both or neither: a second click leaves no draft that nobody withdraws
        kept = composition.add_draft(db, draft, by, at)
        if not meetings.change_state(db, meeting.id, ("ready",), "invited", announcement_id=kept.id):
            raise MeetingPlanError({"ready": CHANGED_MESSAGE})
        audit_log.record(db, by, "drafted an invitation", f"gathering {meeting.id}", at)
    translation_drafts.request_drafts(runtime, kept)
    return kept


def build_invitation(runtime: Runtime, meeting: Meeting) -> AnnouncementDraft:
    """The invitation in English: what, when, how to take part without internet, how to answer with one word."""
    district = runtime.library.district
    senders = composition.list_senders(district)
    sender = meeting.host if meeting.host in senders else senders[0]
    written = composition.AnnouncementInput(
        kind="event",
        sender=sender,
        text="\n".join(_build_invitation_lines(runtime, meeting)),
        link=texts.get_page_url(runtime, meeting),
        audience=composition.AudienceInput(roles=("families", "leaders"), schools=meeting.schools),
        channels=district.channels,
        unapproved="hold",
        until=meeting.ends_at,
    )
    return composition.build_draft(district, written, now())


def _build_invitation_lines(runtime: Runtime, meeting: Meeting) -> list[str]:
    district = runtime.library.district
    when = dates.format_moment(district.to_local_time(meeting.starts_at), texts.MEETING_SOURCE_LANGUAGE)
    lines = [f"You are invited: {meeting.title}.", f"It is on {when}."]
    if meeting.link:
        code = f", code {meeting.dial_code}" if meeting.dial_code else ""
        lines += [f"It is online: {meeting.link}", f"Or call by phone: {format_phone(meeting.dial_in)}{code}."]
        lines += ["You can just listen. Nobody has to show their face."]
    else:
        lines += [f"Place: {meeting.place}."]
    named = ", ".join(get_english_name(one) for one in meeting.languages if one != texts.MEETING_SOURCE_LANGUAGE)
    lines += [f"There will be interpreters for: {named}."] if named else []
    lines += ["To come, reply {reply}.", "You can ask a question before, without your name: {link}"]
    return lines
