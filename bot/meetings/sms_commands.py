"""Families answer an invitation by text: GO K7Q2MX, NOGO K7Q2MX, ASK K7Q2MX and a question that nobody signs.

The same Latin words in every language, so that one line fits every invitation; the code alone is a yes too, and so is
"1" where the invitation was the last thing that the family was sent and no question of ours waits.
"""

import logging
import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from redis import RedisError
from sqlalchemy.engine import Connection

from bot.announcements.text import GATHERING
from bot.base.database import now
from bot.base.language_names import english_name
from bot.base.queues import DELIVER, enqueue
from bot.content.texts import TextId
from bot.flows.commands import match
from bot.flows.effects import Notice
from bot.meetings import rules
from bot.meetings import texts as meetings_texts
from bot.messaging.inbound_message import Inbound
from bot.messaging.reply_context import understood
from bot.nlu import mask
from bot.runtime import Services
from bot.store.announcements import announcements, recipients
from bot.store.cases import deliveries
from bot.store.families import contacts
from bot.store.families.contacts import Contact
from bot.store.meetings import meeting_interpreters as booked
from bot.store.meetings import meeting_questions, meetings, rsvps
from bot.store.meetings.meetings import Gathering

CODE = r"(?=\w*\d)[A-HJ-NP-Z2-9]{6}"
FORMS = re.compile(
    rf"(?:(?P<word>go|no\s?go|no|ask)\s*[:.,-]?\s*)?(?P<code>{CODE})(?:[\s:.,-]+(?P<rest>\S.*))?[\W_]*",
    re.IGNORECASE | re.DOTALL,
)
TURNED = re.compile(
    rf"(?P<code>{CODE})[\s:.,-]+(?P<word>go|no\s?go|ask)(?P<rest>(?:[\s:.,-]+\S.*)?[\W_]*)", re.IGNORECASE | re.DOTALL
)
"""The code first: so a phone shows "GO K7Q2MX" in a line that runs from right to left, and so it is typed."""
EDGES = re.compile(r"^[\W_]+|[\W_]+$")
"""Quotes, stops and the invisible signs of right-to-left writing that a phone puts around a line."""
BEFORE = re.compile(r"^[\W_]+")
PHONES = re.compile(r"\+?\d[\d\s().-]{5,}\d")
CODE_LENGTH = 6
MOST_PEOPLE = 12
QUESTION_CHARACTERS = 500
INVITED_WITHIN = timedelta(days=7)
SURE = 0.6
SEEN_SECONDS = 24 * 3600
COORDINATOR = "language_access"

Kind = Literal["yes", "no", "ask", "check"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Said:
    """What a text says of which gathering; `people` 0: no number was given; `word`: it is meant for a gathering."""

    kind: Kind
    code: str
    people: int = 0
    question: str = ""
    word: bool = True


def parse(text: str) -> Said | None:
    """What the whole text says, or None: then it is a message like any other."""
    plain = BEFORE.sub("", unicodedata.normalize("NFKC", text))
    turned = TURNED.fullmatch(plain)
    found = FORMS.fullmatch(f"{turned['word']} {turned['code']}{turned['rest']}" if turned else plain)
    if not found:
        return None
    word = re.sub(r"\s", "", found["word"] or "").casefold()
    code, rest = found["code"].upper(), (found["rest"] or "").strip()
    if word == "ask":
        return Said("ask", code, question=rest)
    rest = EDGES.sub("", rest)
    if rest and not re.fullmatch(r"\d{1,2}", rest):
        return None
    if word in ("no", "nogo"):
        return Said("no", code, word=word == "nogo") if not rest else None
    return Said("yes", code, int(rest) if rest else 0, word=bool(word))


def answer(services: Services, inbound: Inbound) -> str | None:
    """The reply to one of these texts; None if it is none.  A repeat changes nothing more.

    Raises `SQLAlchemyError` if the database is away.
    """
    said = parse(inbound.text) or _check(services, inbound) or _one(services, inbound)
    if said is None:
        return None
    with services.database.read() as db:
        found = meetings.by_code(db, said.code)
    if found is None and (said.kind == "check" or not said.word):
        return None
    if said.question and understood(services.library, said.question, None).severity == "escalate_now":
        return None  # somebody in danger asks nothing about a meeting
    return _DO[said.kind](services, inbound, found, said)


def _check(services: Services, inbound: Inbound) -> Said | None:
    """CHECK with the code of a gathering: it is as genuine as an announcement."""
    command = match(inbound.text, services.library.phrasebook)
    code = command.rest if command and command.kind == "check" else ""
    return Said("check", code) if code and "/m/" not in inbound.text else None


def _one(services: Services, inbound: Inbound) -> Said | None:
    """ "1" (or GO alone) as the answer to an invitation: by the phone's own reply, or as the very next thing."""
    if EDGES.sub("", unicodedata.normalize("NFKC", inbound.text)).casefold() not in ("1", "go"):
        return None
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
        if contact is None or contact.talking_case:
            return None
        named = recipients.of_sid(db, inbound.answers) if inbound.answers else None
        last = named or recipients.newest_to(db, contact.id, now() - INVITED_WITHIN)
        found = _invited_to(db, last.announcement_id) if last else None
    if found is None or not found.to_come or (named is None and _asked(services, contact)):
        return None
    return Said("yes", found.code)


def _invited_to(db: Connection, announcement_id: int) -> Gathering | None:
    """Also by an invitation that was drafted anew since: its link names the gathering."""
    sent = announcements.find(db, announcement_id)
    named = GATHERING.search(sent.link) if sent else None
    return meetings.by_code(db, named[1]) if named else None


def _asked(services: Services, contact: Contact) -> bool:
    """Whether a question of ours waits for this family's answer: then "1" is that answer."""
    try:
        return services.conversations.waits(services.family(contact.address))
    except RedisError:
        return True


def _language(services: Services, contact: Contact | None) -> str:
    return (contact.language or "") if contact else ""


def _yes(services: Services, inbound: Inbound, found: Gathering | None, said: Said) -> str:
    return _come(services, inbound, found, min(said.people, MOST_PEOPLE) or 1)


def _no(services: Services, inbound: Inbound, found: Gathering | None, said: Said) -> str:
    return _come(services, inbound, found, 0)


def _come(services: Services, inbound: Inbound, found: Gathering | None, people: int) -> str:
    """Write it down, and say what the family must know; nothing is asked."""
    at, planned = now(), None
    with services.database.write() as db:
        contact = contacts.find(db, services.database.vault, inbound.address) or contacts.add(
            db, services.database.vault, inbound.address, inbound.channel, at
        )
        language = _language(services, contact)
        if found is None or found.state == "over" or (found.starts_at <= at and people):
            return _only(services, db, contact, found, "gathering_unknown" if found is None else "gathering_over")
        if found.state == "canceled":
            return _only(services, db, contact, found, "gathering_canceled")
        stopped = rsvps.has_stopped(db, contact.family_id or 0)
        if people == 0 and not rsvps.said(db, found.id, contact.family_id or 0):
            texts: list[TextId] = ["gathering_no"]  # nothing to take back: nothing is kept
        else:
            rsvps.say(db, (found.id, found.revision), (contact.family_id or 0, contact.id), language, people, at)
            planned = _need(services, db, found, language) if people else None
            texts = ["gathering_no"] if people == 0 else _confirmed(found, stopped)
        made = meetings_texts.composer(services, found, language, at, people)
        reply = meetings_texts.say(services, db, contact.id, made, texts, language)
    if planned:
        enqueue(services.redis, "default", DELIVER, planned)
    return reply


def _confirmed(found: Gathering, stopped: bool) -> list[TextId]:
    start: list[TextId] = ["gathering_yes", *meetings_texts.how_to_come(found)]
    return [*start, *([] if stopped else ["gathering_reminds"]), "gathering_calendar"]  # type: ignore[list-item]


def _only(services: Services, db: Connection, contact: Contact, found: Gathering | None, text: TextId) -> str:
    language = _language(services, contact)
    about = found or Gathering("", "", now(), now())
    return meetings_texts.say(
        services, db, contact.id, meetings_texts.composer(services, about, language, now()), [text], language
    )


def _need(services: Services, db: Connection, found: Gathering, language: str) -> str | None:
    """The first family of a language without a trained interpreter: the coordinator hears of it, once."""
    missing = rules.lacking([language], booked.of(db, found.id))
    at, district = now(), services.library.district
    if not missing or not meetings.first_need(db, found.id, language, at):
        return None
    meetings.move(db, found.id, ("ready",), "planned")
    person = next(iter(district.alerted_for(COORDINATOR, at)))
    body = (
        f"{district.name}: gathering {found.id} needs a trained interpreter: {english_name(language)}."
        f" {services.settings.public_base}/console/gatherings/{found.id}"
    )
    return deliveries.plan_notice(db, services.database.vault, {"staff": person}, body, district.at_work(person, at))


def _ask(services: Services, inbound: Inbound, found: Gathering | None, said: Said) -> str:
    """Into the box.  Nothing of who asked is kept with it, and nothing about it with who asked."""
    at, text = now(), PHONES.sub("[…]", mask(said.question)[0]).strip()[:QUESTION_CHARACTERS]
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
    language = _language(services, contact)
    about = found or Gathering("", "", at, at)
    made = meetings_texts.composer(services, about, language, at)
    kept = found is not None and found.to_come and bool(text)
    if kept and found:
        _put_in(services, found, text, language, inbound.sid)
    how: TextId = "gathering_unknown" if found is None else "gathering_over" if text else "gathering_ask_how"
    return made.compose([Notice("gathering_asked" if kept else how)])


def _put_in(services: Services, found: Gathering, text: str, language: str, sid: str) -> None:
    """Twilio repeats a message when it heard no answer: for a day Redis knows which were put in, the box never."""
    mark = f"puente:asked:{sid}"
    try:
        if services.redis.exists(mark):
            return
    except RedisError:
        mark = ""
    read = understood(services.library, text, None)
    spoken = language or (read.lang if read.lang_confidence >= SURE else None) or ""
    with services.database.write() as db:
        day = services.library.district.local(now()).date()
        meeting_questions.ask(db, services.database.vault, found.id, text, spoken, day)
    if mark:
        services.redis.set(mark, 1, ex=SEEN_SECONDS)


def _genuine(services: Services, inbound: Inbound, found: Gathering | None, said: Said) -> str:
    assert found is not None, "answer() lets no other through"
    with services.database.read() as db:
        contact = contacts.find(db, services.database.vault, inbound.address)
    language = _language(services, contact)
    made = meetings_texts.composer(services, found, language, now())
    if found.state == "canceled":
        return made.compose([Notice("gathering_canceled")])
    if not found.to_come or found.starts_at <= now():
        return made.compose([Notice("gathering_over")])
    return made.compose([Notice("gathering_genuine"), *(Notice(one) for one in meetings_texts.how_to_come(found))])


_DO = {"yes": _yes, "no": _no, "ask": _ask, "check": _genuine}
