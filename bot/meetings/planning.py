"""The actions of a meeting's host: plan, change, book interpreters, mark ready, invite, cancel. All are audited."""

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
    """The meeting cannot be planned this way. `problems` contains a sentence for each field."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


CHANGED_MESSAGE = "This meeting just changed or has ended. Check it again."


def save_plan(runtime: Runtime, plan: MeetingPlan, by: str, current: Meeting | None = None) -> int:
    """Save a new meeting, or change `current`. Raises `MeetingPlanError`.

    If the time or place changes, all families who accepted get a text.
    """
    current_time = now()
    problems = rules.find_problems(runtime.library.district, plan, current_time)
    if problems:
        raise MeetingPlanError(problems)
    with runtime.database.write() as db:
        if current is None:
            meeting_id = meetings.add(db, plan, by, current_time)
            audit_log.record(db, by, "planned a gathering", f"gathering {meeting_id}", current_time)
            return meeting_id
        is_same = Meeting.get_attendee_facts(current) == (
            plan.starts_at, plan.ends_at, plan.link, plan.dial_in, plan.dial_code, plan.place,
        )  # fmt: skip
        if not meetings.change(db, current, plan, not is_same):
            raise MeetingPlanError({"title": CHANGED_MESSAGE})
        audit_log.record(db, by, "changed a gathering", f"gathering {current.id}", current_time)
    if not is_same:
        _stop_invitation(runtime, current, by)
    return current.id


def list_missing_interpreters(runtime: Runtime, meeting: Meeting) -> tuple[str, ...]:
    """Return the announced or spoken languages that have no trained interpreter yet."""
    with runtime.database.read() as db:
        spoken = [count.language for count in rsvps.count_attendees(db, meeting.id)]
        return rules.find_missing_languages([*meeting.languages, *spoken], booked.list_for_meeting(db, meeting.id))


def mark_ready(runtime: Runtime, meeting: Meeting, by: str) -> None:
    """Mark the meeting as ready. Raises `MeetingPlanError` while an interpreter is missing."""
    problem = rules.explain_not_ready(list_missing_interpreters(runtime, meeting))
    if problem:
        raise MeetingPlanError({"ready": problem})
    with runtime.database.write() as db:
        if meetings.change_state(db, meeting.id, ("planned",), "ready"):
            audit_log.record(db, by, "marked a gathering ready", f"gathering {meeting.id}", now())


def book_interpreter(runtime: Runtime, meeting: Meeting, booking: BookedInterpreter) -> None:
    """Book an interpreter for the meeting."""
    current_time = now()
    with runtime.database.write() as db:
        booked.book(db, meeting.id, booking, current_time)
        audit_log.record(db, booking.booked_by, "booked an interpreter", f"gathering {meeting.id}", current_time)


def unbook_interpreter(runtime: Runtime, meeting: Meeting, booked_id: int, by: str) -> None:
    """Remove an interpreter. If a language then lacks one, a ready meeting goes back to planned."""
    current_time = now()
    with runtime.database.write() as db:
        if booked.remove(db, meeting.id, booked_id):
            audit_log.record(db, by, "removed an interpreter", f"gathering {meeting.id}", current_time)
    if list_missing_interpreters(runtime, meeting):
        with runtime.database.write() as db:
            meetings.change_state(db, meeting.id, ("ready",), "planned")


def cancel_meeting(runtime: Runtime, meeting: Meeting, by: str) -> bool:
    """Cancel the meeting, and stop its invitation. Return False if it was over before.

    The next sweep sends a text to every family that accepted.
    """
    with runtime.database.write() as db:
        revision = meeting.revision + 1
        is_canceled = meetings.change_state(db, meeting.id, meetings.UPCOMING_STATES, "canceled", revision=revision)
        if is_canceled:
            audit_log.record(db, by, "canceled a gathering", f"gathering {meeting.id}", now())
    if is_canceled:
        _stop_invitation(runtime, meeting, by)
    return is_canceled


def _stop_invitation(runtime: Runtime, meeting: Meeting, by: str) -> None:
    """Stop the invitation if it is being sent. A draft of it is rejected later at its release."""
    if meeting.announcement_id:
        launch.stop(runtime, meeting.announcement_id, by)


def draft_invitation(runtime: Runtime, meeting: Meeting, by: str) -> Announcement:
    """Draft the invitation as an announcement, which is translated and approved like any other.

    Raises `MeetingPlanError` if the meeting is not ready or already has an invitation, and `InvalidAnnouncementError`.
    """
    if meeting.state != "ready":
        raise MeetingPlanError({"ready": "Book the interpreters and mark the meeting as ready first."})
    if problem := rules.explain_not_ready(list_missing_interpreters(runtime, meeting)):
        raise MeetingPlanError({"ready": problem})
    draft, current_time = build_invitation(runtime, meeting), now()
    with runtime.database.write() as db:  # one transaction, so that a second click leaves no extra draft
        announcement = composition.add_draft(db, draft, by, current_time)
        if not meetings.change_state(db, meeting.id, ("ready",), "invited", announcement_id=announcement.id):
            raise MeetingPlanError({"ready": CHANGED_MESSAGE})
        audit_log.record(db, by, "drafted an invitation", f"gathering {meeting.id}", current_time)
    translation_drafts.request_drafts(runtime, announcement)
    return announcement


def build_invitation(runtime: Runtime, meeting: Meeting) -> AnnouncementDraft:
    """Build the English invitation: topic, time, how to join without internet, and how to answer by text."""
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
    moment = dates.format_moment(district.to_local_time(meeting.starts_at), texts.MEETING_SOURCE_LANGUAGE)
    lines = [f"You are invited: {meeting.title}.", f"It is on {moment}."]
    if meeting.link:
        code = f", code {meeting.dial_code}" if meeting.dial_code else ""
        lines += [f"It is online: {meeting.link}", f"Or call by phone: {format_phone(meeting.dial_in)}{code}."]
        lines += ["You can just listen. Nobody has to show their face."]
    else:
        lines += [f"Place: {meeting.place}."]
    languages = [language for language in meeting.languages if language != texts.MEETING_SOURCE_LANGUAGE]
    if languages:
        lines += [f"There will be interpreters for: {', '.join(map(get_english_name, languages))}."]
    lines += ["To come, reply {reply}.", "You can ask a question before, without your name: {link}"]
    return lines
