"""Re-encryption: encrypt every value with the key that it belongs to.

`ENCRYPTED_COLUMNS` lists every encrypted column; a test finds a column that is missing. The records of a family
belong to the family's own key, everything else to the newest `DATA_KEY`. Each batch is a short transaction, and
finished rows are not read again. You can stop and restart the run at any time while the program is running.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, LargeBinary, Table, func, select, update
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
"""Rows per transaction. SQLite has only one writer, so that the transaction must be short."""
KEY_PREFIX_CHARACTERS = 5
"""How many base64 characters of an encrypted text identify its key (30 of the 32 bits)."""
LARGE_VALUE_BATCH_SIZE = 5
"""Rows per transaction for columns with the sound of voice notes."""


@dataclass(frozen=True)
class EncryptedColumn:
    """A column with encrypted values.

    `build_context` returns the encryption context of a row. `find_owner_id` returns the id of the contact whose family
    owns the row. If it is None, no family owns the rows, and their values stay under `DATA_KEY`.
    """

    column: Column[Any]
    build_context: Callable[[Row[Any]], str]
    find_owner_id: Callable[[Transaction, Row[Any]], int | None] | None = None

    @property
    def table(self) -> Table:
        """The table of the column."""
        return self.column.table

    @property
    def is_binary(self) -> bool:
        """Whether the column holds bytes. Otherwise it holds base64 text."""
        return isinstance(self.column.type, LargeBinary)

    @property
    def key_prefix_length(self) -> int:
        """The length of the start of a value that identifies its key."""
        if self.is_binary:
            return len(FAMILY_KEY_MARKER)
        return KEY_PREFIX_CHARACTERS

    def encode(self, encrypted: bytes) -> bytes | str:
        """Return encrypted data as the column holds it."""
        if self.is_binary:
            return encrypted
        return urlsafe_b64encode(encrypted).decode()

    def decode(self, value: Any) -> bytes:
        """Return the encrypted data of a value of the column."""
        if self.is_binary:
            return bytes(value)
        return urlsafe_b64decode(value)


def _get_contact_id(_db: Transaction, row: Row[Any]) -> int | None:
    contact_id: int | None = row.contact_id
    return contact_id


def _find_case_contact_id(db: Transaction, row: Row[Any]) -> int | None:
    return db.execute(select(cases.cases.c.contact_id).where(cases.cases.c.id == row.case_id)).scalar_one_or_none()


def _find_contact_id(db: Transaction, row: Row[Any]) -> int | None:
    if row.contact_id is None:
        return _find_case_contact_id(db, row)
    return _get_contact_id(db, row)


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
    """How many values each kind of key encrypts: families' own keys, the newest `DATA_KEY`, older ones, unknown ones.

    `to_reencrypt` counts the values that `reencrypt_all` would change.
    """

    own: int = 0
    newest: int = 0
    older: int = 0
    unknown: int = 0
    to_reencrypt: int = 0


def count_by_key(db: Transaction) -> EncryptedValueCounts:
    """Count the encrypted values by the key that encrypts them now."""
    counts = EncryptedValueCounts()
    for encrypted_column in ENCRYPTED_COLUMNS:
        column = encrypted_column.column
        prefix = _select_key_prefix(encrypted_column)
        query = select(prefix, func.count()).where(column.is_not(None)).group_by(prefix)
        for value_prefix, count in db.execute(query):
            if value_prefix:
                kind = _classify_key(encrypted_column, value_prefix, db.vault)
                setattr(counts, kind, getattr(counts, kind) + count)
                if kind == "older" or (kind == "newest" and encrypted_column.find_owner_id):
                    counts.to_reencrypt += count
    return counts


def _select_key_prefix(column: EncryptedColumn) -> ColumnElement[Any]:
    """Return the start of a value that identifies its key, as SQL."""
    return func.substr(column.column, 1, column.key_prefix_length)


def _encode_key_prefix(column: EncryptedColumn, key_id: bytes) -> bytes | str:
    """Return a key id as the values of this column start with it."""
    if column.is_binary:
        return key_id
    return urlsafe_b64encode(key_id).decode()[:KEY_PREFIX_CHARACTERS]


def _classify_key(column: EncryptedColumn, prefix: bytes | str, vault: Vault) -> str:
    kinds = {FAMILY_KEY_MARKER: "own"} | dict.fromkeys(vault.key_ids, "older") | {vault.newest_key_id: "newest"}
    kinds_by_prefix = {_encode_key_prefix(column, key_id): kind for key_id, kind in kinds.items()}
    if isinstance(prefix, memoryview):
        prefix = bytes(prefix)
    return kinds_by_prefix.get(prefix, "unknown")


def reencrypt_all(database: Database) -> Iterator[Counter[str]]:
    """Encrypt every value with the key that it belongs to, and yield counts after each transaction.

    "sealed" counts the values that were encrypted again. "unreadable" counts values that no current key decrypts; they
    stay as they are.
    """
    for column in ENCRYPTED_COLUMNS:
        last_id: Any = None
        while True:
            with database.write() as db:
                rows = _fetch_batch(db, column, last_id)
                counts = Counter(_reencrypt_row(db, column, row) for row in rows)
            if not rows:
                break
            last_id = rows[-1]._mapping[_get_primary_key(column)]
            yield counts


def _fetch_batch(db: Transaction, column: EncryptedColumn, last_id: Any) -> list[Row[Any]]:
    """Return the next rows whose value is not under a family's own key yet."""
    primary_key = _get_primary_key(column)
    is_under_other_key = _select_key_prefix(column) != _encode_key_prefix(column, FAMILY_KEY_MARKER)
    query = select(column.table).where(column.column.is_not(None), is_under_other_key)
    if last_id is not None:
        query = query.where(primary_key > last_id)
    batch_size = REENCRYPT_BATCH_SIZE
    if column.is_binary and column.find_owner_id:
        batch_size = LARGE_VALUE_BATCH_SIZE
    return list(db.execute(query.order_by(primary_key).limit(batch_size).with_for_update()))


def _get_primary_key(column: EncryptedColumn) -> Column[Any]:
    (primary_key,) = column.table.primary_key.columns
    return primary_key


def _reencrypt_row(db: Transaction, column: EncryptedColumn, row: Row[Any]) -> str:
    value = row._mapping[column.column]
    if not value:
        return "empty"
    encrypted = column.decode(value)
    owner_id = column.find_owner_id(db, row) if column.find_owner_id else None
    if encrypted.startswith(FAMILY_KEY_MARKER) or (owner_id is None and encrypted.startswith(db.vault.newest_key_id)):
        return "right"
    context = column.build_context(row)
    try:
        data = db.vault.decrypt_bytes(encrypted, context)
    except DecryptionError:
        return "unreadable"
    reencrypted = record_keys.get_encryptor(db, owner_id).encrypt_bytes(data, context)
    new_value = column.encode(reencrypted)
    primary_key = _get_primary_key(column)
    db.execute(update(column.table).where(primary_key == row._mapping[primary_key]).values({column.column: new_value}))
    return "sealed"
