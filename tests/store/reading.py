"""Store queries that only tests need."""

from sqlalchemy import select

from bot.base.database import Transaction
from bot.store.cases import cases
from bot.store.cases.cases import OPEN_STATES, Case


def newest_cases(db: Transaction, limit: int) -> list[Case]:
    """Return open cases, then the others; newest first, with what families wrote."""
    order = (cases.cases.c.state.not_in(OPEN_STATES), cases.cases.c.id.desc())
    found = db.execute(select(cases.cases.c.id).order_by(*order).limit(limit)).scalars().all()
    return [cases.get(db, one) for one in found]
