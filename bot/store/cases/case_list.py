"""Cases as lists show them: without what families told, so that nothing is opened for a list that asks every second."""

from collections.abc import Iterator

from sqlalchemy import Select, case, select

from bot.base.database import Transaction
from bot.store.cases.cases import OPEN_STATES, SEVERITY_RANKS, Case, cases

CASE_ROW_BATCH_SIZE = 200
"""So many rows are read at a time: whoever sees the first few does not read them all."""
CASE_LIST_COLUMNS = tuple(cases.c[name] for name in Case.__dataclass_fields__ if name != "answers")


def iterate_open(db: Transaction) -> Iterator[Case]:
    """All that are open, the gravest first and of those the oldest.

    No limit stands here: who looks sees a part of them, and an old emergency among many newer cases must not be cut off
    before that part is chosen.
    """
    gravity = case(SEVERITY_RANKS, value=cases.c.severity).desc()
    query = select(*CASE_LIST_COLUMNS).where(cases.c.state.in_(OPEN_STATES))
    return _stream_cases(db, query.order_by(gravity, cases.c.opened_at, cases.c.id))


def iterate_done(db: Transaction) -> Iterator[Case]:
    """All others, the newest first."""
    return _stream_cases(
        db, select(*CASE_LIST_COLUMNS).where(cases.c.state.not_in(OPEN_STATES)).order_by(cases.c.id.desc())
    )


def _stream_cases(db: Transaction, query: Select[tuple[object, ...]]) -> Iterator[Case]:
    return (
        Case(answers={}, **row._mapping) for row in db.execute(query.execution_options(yield_per=CASE_ROW_BATCH_SIZE))
    )
