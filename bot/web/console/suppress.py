"""Which figures of a table are hidden, so that no small one can be computed from those that are shown.  Pure.

Everything under `LEAST` is hidden.  Then more is, until each hidden figure could be at least `LEAST` different numbers
for somebody who knows all the shown ones, that totals are sums, and that nothing is counted below zero.

Rows and columns (each with its total) are nodes, hidden figures the lines between them.  A figure can only be another
number if the difference goes round a circle of hidden figures, so the room it has is a maximum flow through them.
"""

from collections import deque
from collections.abc import Mapping, Sequence

LEAST = 10
TOTAL = ""
"""The name of the row and of the column of sums."""
UNLIMITED = 10**9

Key = tuple[str, str]
Arcs = dict[Key, dict[Key, int]]


def table(
    rows: Sequence[str], columns: Sequence[str], counts: Mapping[Key, int], least: int = LEAST
) -> dict[Key, int | None]:
    """The table with its sums, by (row, column); None: hidden."""
    full = with_totals(rows, columns, counts)
    hidden = {key for key, count in full.items() if count < least}
    waiting = sorted(hidden)
    for key in waiting:  # it grows while it is read; hiding more takes room from none
        while _room(full, hidden, key, least) < least - 1:
            waiting.append(_another(full, hidden, key))
            hidden.add(waiting[-1])
    return {key: None if key in hidden else count for key, count in full.items()}


def with_totals(rows: Sequence[str], columns: Sequence[str], counts: Mapping[Key, int]) -> dict[Key, int]:
    """All cells, those without a count as 0, and the sums."""
    full = {(row, column): counts.get((row, column), 0) for row in rows for column in columns}
    full |= {(row, TOTAL): sum(full[row, column] for column in columns) for row in rows}
    return full | {(TOTAL, one): sum(full[row, one] for row in rows) for one in (*columns, TOTAL)}


def _another(full: Mapping[Key, int], hidden: set[Key], exposed: Key) -> Key:
    """What to hide next: the smallest figure in the row or column where the exposed one is most alone."""
    lines = [[key for key in full if key[side] == exposed[side]] for side in (0, 1)]
    lines.sort(key=lambda line: sum(full[key] for key in line if key in hidden and key != exposed))
    for line in (*lines, list(full)):
        if shown := [key for key in line if key not in hidden]:
            return min(shown, key=lambda key: (TOTAL in key, full[key]))
    raise AssertionError("where all is hidden nothing is exposed")


def _room(full: Mapping[Key, int], hidden: set[Key], key: Key, least: int) -> int:
    """By how much this figure could be larger or smaller, as far as `least` needs to know."""
    row, column = ("row", key[0]), ("column", key[1])
    arcs = _arcs(full, hidden)
    up, down = arcs[row].pop(column), arcs[column].pop(row)
    room = _flow(arcs, column, row, min(up, least - 1))
    return room + _flow(arcs, row, column, min(down, least - 1 - room))


def _arcs(full: Mapping[Key, int], hidden: set[Key]) -> Arcs:
    """How far each hidden figure can move.  A total counts against its line, so its directions are the other way."""
    arcs: Arcs = {}
    for row, column in hidden:
        moves = (UNLIMITED, full[row, column])
        up, down = reversed(moves) if (row == TOTAL) != (column == TOTAL) else moves
        arcs.setdefault(("row", row), {})["column", column] = up
        arcs.setdefault(("column", column), {})["row", row] = down
    return arcs


def _flow(arcs: Arcs, source: Key, sink: Key, wanted: int) -> int:
    """The maximum flow, or `wanted` if it is more (Edmonds and Karp)."""
    left = {node: dict(to) for node, to in arcs.items()}
    found = 0
    while found < wanted and (path := _path(left, source, sink)):
        step = min(wanted - found, *(left[here][there] for here, there in path))
        for here, there in path:
            left[here][there] -= step
            left[there][here] += step
        found += step
    return found


def _path(left: Arcs, source: Key, sink: Key) -> list[tuple[Key, Key]]:
    """The shortest way with something left on each arc; empty: there is none."""
    came, waiting = {source: source}, deque([source])
    while waiting and sink not in came:
        here = waiting.popleft()
        for there, capacity in left[here].items():
            if capacity > 0 and there not in came:
                came[there] = here
                waiting.append(there)
    path: list[tuple[Key, Key]] = []
    while sink in came and sink != source:
        path.append((came[sink], sink))
        sink = came[sink]
    return path
