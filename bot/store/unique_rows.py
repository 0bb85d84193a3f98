"""Insert a row that a unique key may already have: after a repeated message or form, or from another process."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.engine import Row
from sqlalchemy.exc import IntegrityError

from bot.base.database import Transaction


def insert_if_new(db: Transaction, table: Table, values: Mapping[str, Any]) -> Row[Any] | None:
    """Insert a row and return it; return None if a constraint refuses it, because the row is already there.

    The savepoint keeps the transaction usable: PostgreSQL aborts the whole transaction at an error outside of one.
    """
    try:
        with db.begin_nested():
            return db.execute(insert(table).values(**values).returning(*table.c)).one()
    except IntegrityError:
        return None


def insert_or_get(db: Transaction, table: Table, values: Mapping[str, Any], key: str) -> Row[Any]:
    """Insert a row and return it; return the row that already has this value in the unique column `key`, if any."""
    row = insert_if_new(db, table, values)
    if row is not None:
        return row
    return db.execute(select(table).where(table.c[key] == values[key])).one()
