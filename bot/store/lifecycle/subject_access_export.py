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
from sqlalchemy.engine import Connection, RowMapping

from bot.base.database import metadata
from bot.base.encryption import Unreadable, Vault
from bot.store import permanent_hashes
from bot.store.community import community_leaders
from bot.store.families import consent_events, contacts, families, record_keys
from bot.store.lifecycle import erasure
from bot.store.lifecycle.reencrypt import PLACES, Place

LEADS_TO = {"family_id": "families", "contact_id": "contacts", "case_id": "cases"}
NOT_THEIRS = frozenset(
    {"family_keys", "incidents", "incident_people", "incident_entries", "gathering_themes", "case_links"}
)
"""A key is no record; agents at a school are the school's record; a link is its hash."""
LEFT_OUT = frozenset(
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
CHUNK = 500


def everything(db: Connection, vault: Vault, family_id: int) -> dict[str, list[dict[str, Any]]]:
    """Rows by table, sealed columns opened (a sound as base64); values are text, numbers, truth or None."""
    sealed = {place.column: place for place in PLACES}
    found: dict[str, list[dict[str, Any]]] = {}
    for table, rows in {**_rows(db, family_id), **_by_number(db, vault, family_id)}.items():
        shown = [_shown(db, vault, table, row, sealed) for row in rows]
        if shown:
            found[table.name] = shown
    return found


def _by_number(db: Connection, vault: Vault, family_id: int) -> dict[Table, list[RowMapping]]:
    """What is known by a hash of the number: every word about consent (from before an erasing, too), and the line in
    the register of leaders."""
    known, leader = metadata.tables["contacts"], community_leaders.leaders
    rows = db.execute(select(known).where(known.c.family_id == family_id)).all()
    indexes = {row.address_index for row in rows}
    for row in rows:
        with suppress(Unreadable):  # the rest of the copy is worth having
            address = contacts.open_address(vault, row.sealed_address, row.address_index)
            ways = {address, *contacts.addresses_of(families.number_of(address))}
            indexes |= {*map(vault.index, ways), *permanent_hashes.known(db, vault, [*ways]).values()}
    said = consent_events.consent_events
    person = select(families.families.c.person_index).where(families.families.c.id == family_id).scalar_subquery()
    return {
        said: list(db.execute(select(said).where(said.c.address_index.in_(indexes)).order_by(said.c.id)).mappings()),
        leader: list(db.execute(select(leader).where(leader.c.number_index == person)).mappings()),
    }


def _rows(db: Connection, family_id: int) -> dict[Table, list[RowMapping]]:
    """Whatever leads to the family, from the family down."""
    ids: dict[str, set[Any]] = {"families": {family_id}}
    found: dict[Table, list[RowMapping]] = {}
    for table in _in_order():
        keys: list[ColumnElement[bool]] = [column.in_(some) for column in table.c for some in _named(ids, column)]
        if table.name == "families":
            keys = [table.c.id == family_id]
        rows = list(db.execute(select(table).where(or_(*keys))).mappings()) if keys else []
        if rows:
            found[table] = rows
            ids[table.name] = {row[table.c.id] for row in rows} if "id" in table.c else set()
    return found


def _in_order() -> list[Table]:
    return [table for table in metadata.sorted_tables if table.name not in NOT_THEIRS and _leads(table)] + [
        table
        for table in metadata.sorted_tables
        if table.name not in NOT_THEIRS and not _leads(table) and set(LEADS_TO) & set(table.c.keys())
    ]


def _leads(table: Table) -> bool:
    """Whether the database itself knows the way from here to a family."""
    return table.name == "families" or any(parent in erasure.reached() for parent in _parents(table))


def _parents(table: Table) -> Iterable[str]:
    return (key.column.table.name for column in table.c for key in column.foreign_keys)


def _named(ids: dict[str, set[Any]], column: Column[Any]) -> Iterable[list[Any]]:
    """The ids of the rows that this column names, some at a time."""
    parents = [key.column.table.name for key in column.foreign_keys] or [LEADS_TO.get(column.name, "")]
    known = sorted({one for parent in parents for one in ids.get(parent, ())})
    return [known[start : start + CHUNK] for start in range(0, len(known), CHUNK)]


def _shown(
    db: Connection, vault: Vault, table: Table, row: RowMapping, sealed: dict[Column[Any], Place]
) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column in table.c:
        value = row[column]
        if column.name in LEFT_OUT or value is None or value == "":
            continue
        place = sealed.get(column)
        shown[column.name.removeprefix("sealed_")] = _opened(db, vault, place, row, value) if place else _plain(value)
    return shown


class _Named:
    """A row's values by name, as the places want them."""

    def __init__(self, row: RowMapping) -> None:
        self.__dict__.update({str(name): value for name, value in row.items()})


def _opened(db: Connection, vault: Vault, place: Place, row: RowMapping, value: Any) -> str:
    opens, where = record_keys.reader(db, vault), place.place(_Named(row))  # type: ignore[arg-type]
    try:
        return b64encode(opens.open_bytes(value, where)).decode() if place.binary else opens.open(value, where)
    except Unreadable:
        return "(no key opens this any more)"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return urlsafe_b64encode(value).decode() if isinstance(value, bytes) else value
