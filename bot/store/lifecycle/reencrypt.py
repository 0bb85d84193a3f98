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
from sqlalchemy.engine import Row

from bot.base.database import Database, Transaction
from bot.base.encryption import FAMILY_KEY_MARKER, DecryptionError, Vault
from bot.store import permanent_hashes
from bot.store.cases import case_messages, cases, deliveries, interpreter_requests, topic_corrections, voice_notes
from bot.store.community import community_leaders, partner_suggestions
from bot.store.families import contacts, record_keys
from bot.store.meetings import meeting_questions
from bot.store.schools import home_visits, incidents, support_needs
from bot.store.staff import staff_accounts

REENCRYPT_BATCH_SIZE = 100
"""So many rows a transaction: on SQLite nobody else writes meanwhile, so it must be short."""
KEY_PREFIX_CHARACTERS = 5
"""So many characters of a sealed text tell which key sealed it (thirty of the 32 bits)."""


@dataclass(frozen=True)
class EncryptedColumn:
    """A sealed column: `place` says for which place a row's value is sealed, `owner` whose (a contact's id) it is.

    `owner` None: nobody's family, it stays under `DATA_KEY`.
    """

    column: Column[Any]
    build_context: Callable[[Row[Any]], str]
    find_owner_id: Callable[[Transaction, Row[Any]], int | None] | None = None

    @property
    def table(self) -> Table:
        """The table that the column is of."""
        return self.column.table

    @property
    def is_binary(self) -> bool:
        """Whether it holds bytes; else they are written as base64."""
        return isinstance(self.column.type, LargeBinary)


def _get_contact_id(_db: Transaction, row: Row[Any]) -> int | None:
    found: int | None = row.contact_id
    return found


def _find_case_contact_id(db: Transaction, row: Row[Any]) -> int | None:
    return db.execute(select(cases.cases.c.contact_id).where(cases.cases.c.id == row.case_id)).scalar_one_or_none()


def _find_contact_id(db: Transaction, row: Row[Any]) -> int | None:
    return _get_contact_id(db, row) if row.contact_id is not None else _find_case_contact_id(db, row)


def _build_message_context(part: str) -> Callable[[Row[Any]], str]:
    return lambda row: case_messages.build_context(row.cause, part)


_case_message_columns, _support_need_columns, _incident_entry_columns = (
    case_messages.case_messages.c,
    support_needs.support_needs.c,
    incidents.incident_entries.c,
)
_voice_note_columns = voice_notes.voice_notes.c

ENCRYPTED_COLUMNS: tuple[EncryptedColumn, ...] = (
    EncryptedColumn(
        record_keys.family_keys.c.wrapped, lambda row: record_keys.build_context(row.id, row.family_id, row.contact_id)
    ),
    EncryptedColumn(permanent_hashes.permanent_secrets.c.wrapped, lambda row: permanent_hashes.build_context(row.name)),
    EncryptedColumn(contacts.contacts.c.sealed_address, lambda row: contacts.build_context(row.address_index)),
    EncryptedColumn(staff_accounts.staff_accounts.c.sealed_secret, lambda row: f"login:secret:{row.id}"),
    EncryptedColumn(
        community_leaders.community_leaders.c.sealed, lambda row: community_leaders.build_context(row.place)
    ),
    EncryptedColumn(
        meeting_questions.meeting_questions.c.sealed_text, lambda row: meeting_questions.build_context(row.place)
    ),
    EncryptedColumn(_incident_entry_columns.sealed_text, lambda row: incidents.build_context(row.cause, "text")),
    EncryptedColumn(_incident_entry_columns.sealed_reply, lambda row: incidents.build_context(row.cause, "reply")),
    EncryptedColumn(
        cases.cases.c.sealed_answers, lambda row: cases.build_context(row.message_sid, row.n), _get_contact_id
    ),
    EncryptedColumn(_case_message_columns.sealed_original, _build_message_context("original"), _find_case_contact_id),
    EncryptedColumn(
        _case_message_columns.sealed_translation, _build_message_context("translation"), _find_case_contact_id
    ),
    EncryptedColumn(_case_message_columns.sealed_back, _build_message_context("back"), _find_case_contact_id),
    EncryptedColumn(
        deliveries.deliveries.c.sealed_body, lambda row: deliveries.build_context(row.id), _find_contact_id
    ),
    EncryptedColumn(
        topic_corrections.corrections.c.sealed_phrase,
        lambda row: topic_corrections.build_context(row.case_id),
        _find_case_contact_id,
    ),
    EncryptedColumn(
        interpreter_requests.interpreter_requests.c.sealed_when,
        lambda row: interpreter_requests.build_context(row.cause),
        _find_case_contact_id,
    ),
    EncryptedColumn(
        _support_need_columns.sealed_words,
        lambda row: support_needs.build_context(row.cause, "words"),
        _find_contact_id,
    ),
    EncryptedColumn(
        _support_need_columns.sealed_done, lambda row: support_needs.build_context(row.cause, "done"), _find_contact_id
    ),
    EncryptedColumn(
        home_visits.home_visits.c.sealed_plan, lambda row: home_visits.build_context(row.cause), _get_contact_id
    ),
    EncryptedColumn(
        partner_suggestions.partner_suggestions.c.sealed_text,
        lambda row: partner_suggestions.build_context(row.cause),
        _get_contact_id,
    ),
    EncryptedColumn(_voice_note_columns.sealed_url, lambda row: voice_notes.build_context(row.cause, "url")),
    EncryptedColumn(
        _voice_note_columns.sealed_audio, lambda row: voice_notes.build_context(row.cause, "audio"), _get_contact_id
    ),
    EncryptedColumn(
        _voice_note_columns.sealed_transcript,
        lambda row: voice_notes.build_context(row.cause, "transcript"),
        _get_contact_id,
    ),
)


@dataclass
class EncryptedValueCounts:
    """How many sealed values there are: of families' own keys, the newest `DATA_KEY`, older ones, and unknown keys.

    `to_move`: those that a run of `reseal` would seal anew.
    """

    own: int = 0
    newest: int = 0
    older: int = 0
    unknown: int = 0
    to_reencrypt: int = 0


def count_by_key(db: Transaction) -> EncryptedValueCounts:
    """What lies under which key now."""
    found = EncryptedValueCounts()
    for place in ENCRYPTED_COLUMNS:
        begins = func.substr(place.column, 1, len(FAMILY_KEY_MARKER) if place.is_binary else KEY_PREFIX_CHARACTERS)
        query = select(begins, func.count()).where(place.column.is_not(None)).group_by(begins)
        for begin, many in db.execute(query):
            if begin:
                name = _classify_key(place, begin, db.vault)
                setattr(found, name, getattr(found, name) + many)
                found.to_reencrypt += many if name == "older" or (name == "newest" and place.find_owner_id) else 0
    return found


def _classify_key(column: EncryptedColumn, prefix: bytes | str, vault: Vault) -> str:
    known = {FAMILY_KEY_MARKER: "own"} | dict.fromkeys(vault.key_ids, "older") | {vault.newest_key_id: "newest"}
    shown = {
        key if column.is_binary else urlsafe_b64encode(key).decode()[:KEY_PREFIX_CHARACTERS]: name
        for key, name in known.items()
    }
    return shown.get(bytes(prefix) if isinstance(prefix, memoryview) else prefix, "unknown")


def reencrypt_all(database: Database) -> Iterator[Counter[str]]:
    """Seal anew whatever lies under another key than it should; after each transaction what was done ("sealed") and
    what no present key opens ("unreadable", left as it is)."""
    for place in ENCRYPTED_COLUMNS:
        last: Any = None
        while True:
            with database.write() as db:
                rows = _fetch_batch(db, place, last)
                done = Counter(_reencrypt_row(db, place, row) for row in rows)
            if not rows:
                break
            last = rows[-1]._mapping[_get_primary_key(place)]
            yield done


def _fetch_batch(db: Transaction, column: EncryptedColumn, last_id: Any) -> list[Row[Any]]:
    key = _get_primary_key(column)
    own = urlsafe_b64encode(FAMILY_KEY_MARKER).decode()[:KEY_PREFIX_CHARACTERS]
    begins = func.substr(column.column, 1, len(FAMILY_KEY_MARKER) if column.is_binary else KEY_PREFIX_CHARACTERS)
    query = select(column.table).where(
        column.column.is_not(None), begins != (FAMILY_KEY_MARKER if column.is_binary else own)
    )
    query = query.where(key > last_id) if last_id is not None else query
    few = 5 if column.is_binary and column.find_owner_id else REENCRYPT_BATCH_SIZE  # sounds are large
    return list(db.execute(query.order_by(key).limit(few).with_for_update()))


def _get_primary_key(column: EncryptedColumn) -> Column[Any]:
    (key,) = column.table.primary_key.columns
    return key


def _reencrypt_row(db: Transaction, column: EncryptedColumn, row: Row[Any]) -> str:
    value = row._mapping[column.column]
    if not value:
        return "empty"
    sealed = bytes(value) if column.is_binary else urlsafe_b64decode(value)
    owner = column.find_owner_id(db, row) if column.find_owner_id else None
    if sealed.startswith(FAMILY_KEY_MARKER) or (owner is None and sealed.startswith(db.vault.newest_key_id)):
        return "right"
    where = column.build_context(row)
    try:
        plain = db.vault.decrypt_bytes(sealed, where)
    except DecryptionError:
        return "unreadable"
    anew = record_keys.get_encryptor(db, owner).encrypt_bytes(plain, where)
    stored = anew if column.is_binary else urlsafe_b64encode(anew).decode()
    key = _get_primary_key(column)
    db.execute(update(column.table).where(key == row._mapping[key]).values({column.column: stored}))
    return "sealed"
