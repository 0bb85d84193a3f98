"""Cases as lists show them: without what families told, so that nothing is opened for a list that asks every second."""

from collections.abc import Iterator

from sqlalchemy import Select, case, select
from sqlalchemy.engine import Connection

from bot.store.cases.cases import OPEN_STATES, RANK, Case, cases

AT_ONCE = 200
"""So many rows are read at a time: whoever sees the first few does not read them all."""
LISTED = tuple(cases.c[name] for name in Case.__dataclass_fields__ if name != "answers")


def waiting(db: Connection) -> Iterator[Case]:
    """All that are open, the gravest first and of those the oldest.

    No limit stands here: who looks sees a part of them, and an old emergency among many newer cases must not be cut off
    before that part is chosen.
    """
    gravity = case(RANK, value=cases.c.severity).desc()
    query = select(*LISTED).where(cases.c.state.in_(OPEN_STATES))
    return _each(db, query.order_by(gravity, cases.c.opened_at, cases.c.id))


def done(db: Connection) -> Iterator[Case]:
    """All others, the newest first."""
    return _each(db, select(*LISTED).where(cases.c.state.not_in(OPEN_STATES)).order_by(cases.c.id.desc()))


def _each(db: Connection, query: Select[tuple[object, ...]]) -> Iterator[Case]:
    return (Case(answers={}, **row._mapping) for row in db.execute(query.execution_options(yield_per=AT_ONCE)))
