"""Read cases for lists.

These queries skip the encrypted answers, because the lists refresh every few seconds.
"""

from collections.abc import Iterator

from sqlalchemy import Select, case, select

from bot.base.database import Transaction
from bot.store.cases.cases import OPEN_STATES, SEVERITY_RANKS, Case, cases

CASE_ROW_BATCH_SIZE = 200
"""Number of rows per fetch. A caller that stops early does not read the rest."""
CASE_LIST_COLUMNS = tuple(cases.c[name] for name in Case.__dataclass_fields__ if name != "answers")


def iterate_open(db: Transaction) -> Iterator[Case]:
    """Return all open cases, highest severity first, then oldest first.

    The query has no limit. The caller shows only a part, and a limit could cut off an old emergency.
    """
    severity_rank = case(SEVERITY_RANKS, value=cases.c.severity).desc()
    query = select(*CASE_LIST_COLUMNS).where(cases.c.state.in_(OPEN_STATES))
    return _stream_cases(db, query.order_by(severity_rank, cases.c.opened_at, cases.c.id))


def iterate_done(db: Transaction) -> Iterator[Case]:
    """Return all cases that are not open, newest first."""
    query = select(*CASE_LIST_COLUMNS).where(cases.c.state.not_in(OPEN_STATES))
    return _stream_cases(db, query.order_by(cases.c.id.desc()))


def _stream_cases(db: Transaction, query: Select[tuple[object, ...]]) -> Iterator[Case]:
    rows = db.execute(query.execution_options(yield_per=CASE_ROW_BATCH_SIZE))
    return (Case(answers={}, **row._mapping) for row in rows)
