"""Sealing anew: every sealed column of every table, by which key it is sealed and under which it belongs.

One table says where everything sealed lies (`PLACES`; a test finds a column that is missing).  A family's records
belong under its own key, the rest under the newest `DATA_KEY`.  It is done in short transactions, and what is done is
not done again: it may be killed and run again at any time, beside the running program.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, LargeBinary, Table, func, select, update
from sqlalchemy.engine import Connection, Row

from bot.base.database import Database
from bot.base.encryption import OWN, Unreadable, Vault
from bot.store import permanent_hashes
from bot.store.cases import case_messages, cases, deliveries, interpreter_requests, topic_corrections, voice_notes
from bot.store.community import community_leaders, partner_suggestions
from bot.store.families import contacts, record_keys
from bot.store.meetings import meeting_questions
from bot.store.schools import home_visits, incidents, support_needs
from bot.store.staff import staff_accounts

AT_ONCE = 100
"""So many rows a transaction: on SQLite nobody else writes meanwhile, so it must be short."""
BEGINS = 5
"""So many characters of a sealed text tell which key sealed it (thirty of the 32 bits)."""


@dataclass(frozen=True)
class Place:
    """A sealed column: `place` says for which place a row's value is sealed, `owner` whose (a contact's id) it is.

    `owner` None: nobody's family, it stays under `DATA_KEY`.
    """

    column: Column[Any]
    place: Callable[[Row[Any]], str]
    owner: Callable[[Connection, Row[Any]], int | None] | None = None

    @property
    def table(self) -> Table:
        """The table that the column is of."""
        return self.column.table

    @property
    def binary(self) -> bool:
        """Whether it holds bytes; else they are written as base64."""
        return isinstance(self.column.type, LargeBinary)


def _contact(_db: Connection, row: Row[Any]) -> int | None:
    found: int | None = row.contact_id
    return found


def _case(db: Connection, row: Row[Any]) -> int | None:
    return db.execute(select(cases.cases.c.contact_id).where(cases.cases.c.id == row.case_id)).scalar_one_or_none()


def _either(db: Connection, row: Row[Any]) -> int | None:
    return _contact(db, row) if row.contact_id is not None else _case(db, row)


def _said(part: str) -> Callable[[Row[Any]], str]:
    return lambda row: case_messages._place(row.cause, part)


_talk, _need, _entry = case_messages.case_messages.c, support_needs.needs.c, incidents.entries.c
_note = voice_notes.voice_notes.c

PLACES: tuple[Place, ...] = (
    Place(record_keys.family_keys.c.wrapped, lambda row: record_keys.place(row.id, row.family_id, row.contact_id)),
    Place(permanent_hashes.lasting_secrets.c.wrapped, lambda row: permanent_hashes.place(row.name)),
    Place(contacts.contacts.c.sealed_address, lambda row: contacts._place(row.address_index)),
    Place(staff_accounts.logins.c.sealed_secret, lambda row: f"login:secret:{row.id}"),
    Place(community_leaders.leaders.c.sealed, lambda row: community_leaders._place(row.place)),
    Place(meeting_questions.questions.c.sealed_text, lambda row: meeting_questions._place(row.place)),
    Place(_entry.sealed_text, lambda row: incidents._place(row.cause, "text")),
    Place(_entry.sealed_reply, lambda row: incidents._place(row.cause, "reply")),
    Place(cases.cases.c.sealed_answers, lambda row: cases._place(row.message_sid, row.n), _contact),
    Place(_talk.sealed_original, _said("original"), _case),
    Place(_talk.sealed_translation, _said("translation"), _case),
    Place(_talk.sealed_back, _said("back"), _case),
    Place(deliveries.deliveries.c.sealed_body, lambda row: deliveries._place(row.id), _either),
    Place(topic_corrections.corrections.c.sealed_phrase, lambda row: topic_corrections._place(row.case_id), _case),
    Place(interpreter_requests.interpreters.c.sealed_when, lambda row: interpreter_requests._place(row.cause), _case),
    Place(_need.sealed_words, lambda row: support_needs._place(row.cause, "words"), _either),
    Place(_need.sealed_done, lambda row: support_needs._place(row.cause, "done"), _either),
    Place(home_visits.visits.c.sealed_plan, lambda row: home_visits._place(row.cause), _contact),
    Place(partner_suggestions.suggestions.c.sealed_text, lambda row: partner_suggestions._place(row.cause), _contact),
    Place(_note.sealed_url, lambda row: voice_notes._place(row.cause, "url")),
    Place(_note.sealed_audio, lambda row: voice_notes._place(row.cause, "audio"), _contact),
    Place(_note.sealed_transcript, lambda row: voice_notes._place(row.cause, "transcript"), _contact),
)


@dataclass
class Counts:
    """How many sealed values there are: of families' own keys, the newest `DATA_KEY`, older ones, and unknown keys.

    `to_move`: those that a run of `reseal` would seal anew.
    """

    own: int = 0
    newest: int = 0
    older: int = 0
    unknown: int = 0
    to_move: int = 0


def count(db: Connection, vault: Vault) -> Counts:
    """What lies under which key now."""
    found = Counts()
    for place in PLACES:
        begins = func.substr(place.column, 1, len(OWN) if place.binary else BEGINS)
        query = select(begins, func.count()).where(place.column.is_not(None)).group_by(begins)
        for begin, many in db.execute(query):
            if begin:
                name = _name(place, begin, vault)
                setattr(found, name, getattr(found, name) + many)
                found.to_move += many if name == "older" or (name == "newest" and place.owner) else 0
    return found


def _name(place: Place, begin: bytes | str, vault: Vault) -> str:
    known = {OWN: "own"} | dict.fromkeys(vault.key_ids, "older") | {vault.newest: "newest"}
    shown = {key if place.binary else urlsafe_b64encode(key).decode()[:BEGINS]: name for key, name in known.items()}
    return shown.get(bytes(begin) if isinstance(begin, memoryview) else begin, "unknown")


def reseal(database: Database) -> Iterator[Counter[str]]:
    """Seal anew whatever lies under another key than it should; after each transaction what was done ("sealed") and
    what no present key opens ("unreadable", left as it is)."""
    for place in PLACES:
        last: Any = None
        while True:
            with database.write() as db:
                rows = _next(db, place, last)
                done = Counter(_reseal_row(db, database.vault, place, row) for row in rows)
            if not rows:
                break
            last = rows[-1]._mapping[_key(place)]
            yield done


def _next(db: Connection, place: Place, last: Any) -> list[Row[Any]]:
    key = _key(place)
    own = urlsafe_b64encode(OWN).decode()[:BEGINS]
    begins = func.substr(place.column, 1, len(OWN) if place.binary else BEGINS)
    query = select(place.table).where(place.column.is_not(None), begins != (OWN if place.binary else own))
    query = query.where(key > last) if last is not None else query
    few = 5 if place.binary and place.owner else AT_ONCE  # sounds are large
    return list(db.execute(query.order_by(key).limit(few).with_for_update()))


def _key(place: Place) -> Column[Any]:
    (key,) = place.table.primary_key.columns
    return key


def _reseal_row(db: Connection, vault: Vault, place: Place, row: Row[Any]) -> str:
    value = row._mapping[place.column]
    if not value:
        return "empty"
    sealed = bytes(value) if place.binary else urlsafe_b64decode(value)
    owner = place.owner(db, row) if place.owner else None
    if sealed.startswith(OWN) or (owner is None and sealed.startswith(vault.newest)):
        return "right"
    where = place.place(row)
    try:
        plain = vault.open_bytes(sealed, where)
    except Unreadable:
        return "unreadable"
    anew = record_keys.sealer(db, vault, owner).seal_bytes(plain, where)
    stored = anew if place.binary else urlsafe_b64encode(anew).decode()
    key = _key(place)
    db.execute(update(place.table).where(key == row._mapping[key]).values({place.column: stored}))
    return "sealed"
