"""Subject access export: the decrypted rows of every table about one family, for a records request.

The export finds rows by the foreign keys that erasure follows, by id columns without a foreign key, and by the hash of
the number. It therefore includes tables that are added later.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Table, or_, select
from sqlalchemy.engine import RowMapping

from bot.base.database import Transaction, metadata
from bot.base.encryption import DecryptionError
from bot.store import permanent_hashes
from bot.store.community import community_leaders
from bot.store.families import consent_events, contacts, families, record_keys
from bot.store.lifecycle import erasure
from bot.store.lifecycle.reencrypt import ENCRYPTED_COLUMNS, EncryptedColumn

PARENT_TABLE_OF_COLUMN = {"family_id": "families", "contact_id": "contacts", "case_id": "cases"}
EXPORT_EXCLUDED_TABLES = frozenset(
    {"family_keys", "incidents", "incident_people", "incident_entries", "meeting_themes", "case_links"}
)
"""Keys and link hashes are not records about the family. Incidents are records of the school."""
EXPORT_EXCLUDED_COLUMNS = frozenset(
    {
        "address_index",
        "person_index",
        "digest",
        "cause",
        "wrapped",
        "message_sid",
        "paged_for",
        "sealed_url",
        "number_index",
    }
)
"""Hashes and technical ids that mean nothing to a reader."""
EXPORT_ID_BATCH_SIZE = 500


def export_family(db: Transaction, family_id: int) -> dict[str, list[dict[str, Any]]]:
    """Return the decrypted rows by table name. Values are text, numbers, or booleans; a sound is base64."""
    encrypted_columns = {encrypted.column: encrypted for encrypted in ENCRYPTED_COLUMNS}
    rows_by_table = {**_find_family_rows(db, family_id), **_find_rows_by_number(db, family_id)}
    return {
        table.name: [_format_row(db, table, row, encrypted_columns) for row in rows]
        for table, rows in rows_by_table.items()
        if rows
    }


def _find_rows_by_number(db: Transaction, family_id: int) -> dict[Table, list[RowMapping]]:
    """Return the rows that only a hash of the number identifies: consent events and the community leader's row.

    Consent events include those from before an earlier erasure.
    """
    contact, event, leader = contacts.contacts, consent_events.consent_events, community_leaders.community_leaders
    rows = db.execute(select(contact).where(contact.c.family_id == family_id)).all()
    hashes = {row.address_index for row in rows}
    for row in rows:
        with suppress(DecryptionError):  # the rest of the export is still useful
            address = contacts.decrypt_address(db.vault, row.sealed_address, row.address_index)
            addresses = {address, *contacts.list_possible_addresses(families.extract_number(address))}
            hashes.update(map(db.vault.compute_lookup_hash, addresses))
            hashes.update(permanent_hashes.compute_hashes(db, [*addresses]).values())
    family = families.families.c
    number_hash = select(family.person_index).where(family.id == family_id).scalar_subquery()
    event_query = select(event).where(event.c.address_index.in_(hashes)).order_by(event.c.id)
    leader_query = select(leader).where(leader.c.number_index == number_hash)
    return {
        event: list(db.execute(event_query).mappings()),
        leader: list(db.execute(leader_query).mappings()),
    }


def _find_family_rows(db: Transaction, family_id: int) -> dict[Table, list[RowMapping]]:
    """Return the rows that reference the family directly or indirectly."""
    ids: dict[str, set[Any]] = {"families": {family_id}}
    rows_by_table: dict[Table, list[RowMapping]] = {}
    for table in _list_tables_in_order():
        keys: list[ColumnElement[bool]] = [
            column.in_(batch) for column in table.c for batch in _batch_referenced_ids(ids, column)
        ]
        if table.name == "families":
            keys = [table.c.id == family_id]
        rows = list(db.execute(select(table).where(or_(*keys))).mappings()) if keys else []
        if rows:
            rows_by_table[table] = rows
            ids[table.name] = {row[table.c.id] for row in rows} if "id" in table.c else set()
    return rows_by_table


def _list_tables_in_order() -> list[Table]:
    """Return the tables with foreign keys to a family, then those with such ids but no foreign keys."""
    tables = [table for table in metadata.sorted_tables if table.name not in EXPORT_EXCLUDED_TABLES]
    linked = [table for table in tables if _is_linked_to_family(table)]
    unlinked = [table for table in tables if table not in linked and PARENT_TABLE_OF_COLUMN.keys() & table.c.keys()]
    return linked + unlinked


def _is_linked_to_family(table: Table) -> bool:
    """Return whether a foreign key leads from this table to a family, directly or indirectly."""
    parents = {key.column.table.name for key in table.foreign_keys}
    return table.name == "families" or not parents.isdisjoint(erasure.find_family_tables())


def _batch_referenced_ids(ids: dict[str, set[Any]], column: Column[Any]) -> Iterable[list[Any]]:
    """Return the exported ids that this column may reference, in batches."""
    parents = [key.column.table.name for key in column.foreign_keys] or [PARENT_TABLE_OF_COLUMN.get(column.name, "")]
    parent_ids = sorted({parent_id for parent in parents for parent_id in ids.get(parent, ())})
    starts = range(0, len(parent_ids), EXPORT_ID_BATCH_SIZE)
    return [parent_ids[start : start + EXPORT_ID_BATCH_SIZE] for start in starts]


def _format_row(
    db: Transaction, table: Table, row: RowMapping, encrypted_columns: dict[Column[Any], EncryptedColumn]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for column in table.c:
        value = row[column]
        if column.name in EXPORT_EXCLUDED_COLUMNS or value is None or value == "":
            continue
        encrypted_column = encrypted_columns.get(column)
        if encrypted_column:
            value = _decrypt_value(db, encrypted_column, row, value)
        values[column.name.removeprefix("sealed_")] = _format_value(value)
    return values


class _RowAttributes:
    """The values of a row as attributes, as `EncryptedColumn.build_context` reads them."""

    def __init__(self, row: RowMapping) -> None:
        self.__dict__.update({str(name): value for name, value in row.items()})


def _decrypt_value(db: Transaction, column: EncryptedColumn, row: RowMapping, value: Any) -> str:
    decryptor = record_keys.get_decryptor(db)
    context = column.build_context(_RowAttributes(row))  # type: ignore[arg-type]
    try:
        if column.is_binary:
            return b64encode(decryptor.decrypt_bytes(value, context)).decode()
        return decryptor.decrypt(value, context)
    except DecryptionError:
        return "(no key decrypts this value)"


def _format_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return urlsafe_b64encode(value).decode() if isinstance(value, bytes) else value
