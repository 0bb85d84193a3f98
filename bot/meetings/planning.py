"""What the host does: plan, change, have interpreters booked, mark ready, invite, cancel.  Each is in the audit log."""

from bot.announcements import composition, launch, translation_drafts
from bot.base.database import now
from bot.base.language_names import english_name
from bot.content import dates
from bot.meetings import rules, texts
from bot.messaging.placeholder_values import readable
from bot.runtime import Services
from bot.store import audit_log
from bot.store.announcements.announcements import Announcement, Draft
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meetings, rsvps
from bot.store.meetings.meeting_interpreters import Booked
from bot.store.meetings.meetings import Gathering, Plan


class Refused(Exception):
    """It cannot be done; `problems` says why, a sentence by the field where it belongs."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


CHANGED = "Somebody has changed it just now, or it is over: look at it again."


def keep(services: Services, plan: Plan, by: str, before: Gathering | None = None) -> int:
    """A new gathering, or `before` planned anew; raises `Refused`.

    Once families rely on it a change of time or place is told to all who said yes.
    """
    at = now()
    wrong = rules.problems(services.library.district, plan, at)
    if wrong:
        raise Refused(wrong)
    with services.database.write() as db:
        if before is None:
            number = meetings.add(db, plan, by, at)
            audit_log.record(db, by, "planned a gathering", f"gathering {number}", at)
            return number
        same = Gathering.facts(before) == (
            plan.starts_at, plan.ends_at, plan.link, plan.dial_in, plan.dial_code, plan.place,
        )  # fmt: skip
        if not meetings.change(db, before, plan, not same):
            raise Refused({"title": CHANGED})
        audit_log.record(db, by, "changed a gathering", f"gathering {before.id}", at)
    if not same:
        _take_back(services, before, by)
    return before.id


def missing(services: Services, gathering: Gathering) -> tuple[str, ...]:
    """The languages, announced or of families who come, that have no trained interpreter yet."""
    with services.database.read() as db:
        spoken = [one.language for one in rsvps.coming(db, gathering.id)]
        return rules.lacking([*gathering.languages, *spoken], booked.of(db, gathering.id))


def set_ready(services: Services, gathering: Gathering, by: str) -> None:
    """Mark it ready; raises `Refused` while an interpreter is missing."""
    why = rules.not_ready(missing(services, gathering))
    if why:
        raise Refused({"ready": why})
    with services.database.write() as db:
        if meetings.move(db, gathering.id, ("planned",), "ready"):
            audit_log.record(db, by, "marked a gathering ready", f"gathering {gathering.id}", now())


def book(services: Services, gathering: Gathering, found: Booked) -> None:
    """Write down who interprets."""
    at = now()
    with services.database.write() as db:
        booked.book(db, gathering.id, found, at)
        audit_log.record(db, found.booked_by, "booked an interpreter", f"gathering {gathering.id}", at)


def unbook(services: Services, gathering: Gathering, booked_id: int, by: str) -> None:
    """Somebody cannot come; a gathering that was ready is planned again if a language is left without."""
    at = now()
    with services.database.write() as db:
        if booked.remove(db, gathering.id, booked_id):
            audit_log.record(db, by, "removed an interpreter", f"gathering {gathering.id}", at)
    if missing(services, gathering):
        with services.database.write() as db:
            meetings.move(db, gathering.id, ("ready",), "planned")


def cancel(services: Services, gathering: Gathering, by: str) -> bool:
    """It does not take place: everybody who said yes is told by the next sweep; False if it was over before.

    Its invitation is stopped: nobody is invited to what does not take place.
    """
    with services.database.write() as db:
        to = gathering.revision + 1
        done = meetings.move(db, gathering.id, meetings.BEFORE, "canceled", revision=to)
        if done:
            audit_log.record(db, by, "canceled a gathering", f"gathering {gathering.id}", now())
    if done:
        _take_back(services, gathering, by)
    return done


def _take_back(services: Services, gathering: Gathering, by: str) -> None:
    """What leaves still leaves no more; a draft of it is refused when somebody releases it."""
    if gathering.announcement_id:
        launch.stop(services, gathering.announcement_id, by)


def invite(services: Services, gathering: Gathering, by: str) -> Announcement:
    """Draft the invitation as an announcement, which is translated and approved like any other.

    Raises `Refused` if it is not ready, or was drafted before; `composing.CannotSay`.
    """
    if gathering.state != "ready":
        raise Refused({"ready": "Mark it ready first: then the interpreters are there."})
    if why := rules.not_ready(missing(services, gathering)):
        raise Refused({"ready": why})
    draft, at = invitation(services, gathering), now()
    with services.database.write() as db:  # both or neither: a second click leaves no draft that nobody withdraws
        kept = composition.add(db, draft, by, at)
        if not meetings.move(db, gathering.id, ("ready",), "invited", announcement_id=kept.id):
            raise Refused({"ready": CHANGED})
        audit_log.record(db, by, "drafted an invitation", f"gathering {gathering.id}", at)
    translation_drafts.ask(services, kept)
    return kept


def invitation(services: Services, gathering: Gathering) -> Draft:
    """The invitation in English: what, when, how to take part without internet, how to answer with one word."""
    district = services.library.district
    senders = composition.senders_of(district)
    sender = gathering.host if gathering.host in senders else senders[0]
    written = composition.Written(
        kind="event",
        sender=sender,
        text="\n".join(_lines(services, gathering)),
        link=texts.page_of(services, gathering),
        audience=composition.Who(roles=("families", "leaders"), schools=gathering.schools),
        channels=district.channels,
        unapproved="hold",
        until=gathering.ends_at,
    )
    return composition.draft_of(district, written, now())


def _lines(services: Services, gathering: Gathering) -> list[str]:
    district = services.library.district
    when = dates.moment(district.local(gathering.starts_at), texts.SOURCE)
    lines = [f"You are invited: {gathering.title}.", f"It is on {when}."]
    if gathering.link:
        code = f", code {gathering.dial_code}" if gathering.dial_code else ""
        lines += [f"It is online: {gathering.link}", f"Or call by phone: {readable(gathering.dial_in)}{code}."]
        lines += ["You can just listen. Nobody has to show their face."]
    else:
        lines += [f"Place: {gathering.place}."]
    named = ", ".join(english_name(one) for one in gathering.languages if one != texts.SOURCE)
    lines += [f"There will be interpreters for: {named}."] if named else []
    lines += ["To come, reply {reply}.", "You can ask a question before, without your name: {link}"]
    return lines
