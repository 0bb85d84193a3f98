"""Everything that is held about one family, opened, table by table: for a records request.

The rows are found by the same way down that erasing goes, by the columns that name a contact or case without the
database knowing, so that a table that is new tomorrow is in it too, and by the hash of the number.
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
    {"family_keys", "incidents", "incident_people", "incident_entries", "gathering_themes", "case_links"}
)
"""A key is no record; agents at a school are the school's record; a link is its hash."""
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
"""Hashes and marks that say nothing to a reader."""
EXPORT_ID_BATCH_SIZE = 500


def export_family(db: Transaction, family_id: int) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, sealed columns opened (a sound as base64); values are text, numbers, truth or None."""
    sealed = {place.column: place for place in ENCRYPTED_COLUMNS}
    found: dict[str, list[dict[str, Any]]] = {}
    for table, rows in {**_find_family_rows(db, family_id), **_find_rows_by_number(db, family_id)}.items():
        shown = [_format_row(db, table, row, sealed) for row in rows]
        if shown:
            found[table.name] = shown
    return found


def _find_rows_by_number(db: Transaction, family_id: int) -> dict[Table, list[RowMapping]]:
    """What is known by a hash of the number: every word about consent (from before an erasing, too), and the line in
    the register of leaders."""
    known, leader = metadata.tables["contacts"], community_leaders.community_leaders
    rows = db.execute(select(known).where(known.c.family_id == family_id)).all()
    indexes = {row.address_index for row in rows}
    for row in rows:
        with suppress(DecryptionError):  # the rest of the copy is worth having
            address = contacts.decrypt_address(db.vault, row.sealed_address, row.address_index)
            ways = {address, *contacts.list_possible_addresses(families.extract_number(address))}
            indexes |= {
                *map(db.vault.compute_lookup_hash, ways),
                *permanent_hashes.compute_hashes(db, [*ways]).values(),
            }
    said = consent_events.consent_events
    person = select(families.families.c.person_index).where(families.families.c.id == family_id).scalar_subquery()
    return {
        said: list(db.execute(select(said).where(said.c.address_index.in_(indexes)).order_by(said.c.id)).mappings()),
        leader: list(db.execute(select(leader).where(leader.c.number_index == person)).mappings()),
    }


def _find_family_rows(db: Transaction, family_id: int) -> dict[Table, list[RowMapping]]:
    """Whatever leads to the family, from the family down."""
    ids: dict[str, set[Any]] = {"families": {family_id}}
    found: dict[Table, list[RowMapping]] = {}
    for table in _list_tables_in_order():
        keys: list[ColumnElement[bool]] = [
            column.in_(some) for column in table.c for some in _batch_referenced_ids(ids, column)
        ]
        if table.name == "families":
            keys = [table.c.id == family_id]
        rows = list(db.execute(select(table).where(or_(*keys))).mappings()) if keys else []
        if rows:
            found[table] = rows
            ids[table.name] = {row[table.c.id] for row in rows} if "id" in table.c else set()
    return found


def _list_tables_in_order() -> list[Table]:
    return [
        table
        for table in metadata.sorted_tables
        if table.name not in EXPORT_EXCLUDED_TABLES and _is_linked_to_family(table)
    ] + [
        table
        for table in metadata.sorted_tables
        if table.name not in EXPORT_EXCLUDED_TABLES
        and not _is_linked_to_family(table)
        and set(PARENT_TABLE_OF_COLUMN) & set(table.c.keys())
    ]


def _is_linked_to_family(table: Table) -> bool:
    """Whether the database itself knows the way from here to a family."""
    return table.name == "families" or any(
        parent in erasure.find_family_tables() for parent in _list_parent_tables(table)
    )


def _list_parent_tables(table: Table) -> Iterable[str]:
    return (key.column.table.name for column in table.c for key in column.foreign_keys)


def _batch_referenced_ids(ids: dict[str, set[Any]], column: Column[Any]) -> Iterable[list[Any]]:
    """The ids of the rows that this column names, some at a time."""
    parents = [key.column.table.name for key in column.foreign_keys] or [PARENT_TABLE_OF_COLUMN.get(column.name, "")]
    known = sorted({one for parent in parents for one in ids.get(parent, ())})
    return [known[start : start + EXPORT_ID_BATCH_SIZE] for start in range(0, len(known), EXPORT_ID_BATCH_SIZE)]


def _format_row(
    db: Transaction, table: Table, row: RowMapping, encrypted_columns: dict[Column[Any], EncryptedColumn]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column in table.c:
        value = row[column]
        if column.name in EXPORT_EXCLUDED_COLUMNS or value is None or value == "":
            continue
        place = encrypted_columns.get(column)
        shown[column.name.removeprefix("sealed_")] = (
            _decrypt_value(db, place, row, value) if place else _format_value(value)
        )
    return shown


class _RowAttributes:
    """A row's values by name, as the places want them."""

    def __init__(self, row: RowMapping) -> None:
        self.__dict__.update({str(name): value for name, value in row.items()})


def _decrypt_value(db: Transaction, place: EncryptedColumn, row: RowMapping, value: Any) -> str:
    opens, where = record_keys.get_decryptor(db), place.build_context(_RowAttributes(row))  # type: ignore[arg-type]
    try:
        return b64encode(opens.decrypt_bytes(value, where)).decode() if place.is_binary else opens.decrypt(value, where)
    except DecryptionError:
        return "(no key opens this any more)"


def _format_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return urlsafe_b64encode(value).decode() if isinstance(value, bytes) else value
