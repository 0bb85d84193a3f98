"""Which figures of a table are hidden, so that no small one can be computed from those that are shown.  Pure.

Everything under `LEAST` is hidden.  Then more is, until each hidden figure could be at least `LEAST` different numbers
for somebody who knows all the shown ones, that totals are sums, and that nothing is counted below zero.

Rows and columns (each with its total) are nodes, hidden figures the lines between them.  A figure can only be another
number if the difference goes round a circle of hidden figures, so the room it has is a maximum flow through them, and
what is hidden besides is the cheapest way that closes such a circle.

Two tables of the same people (by school, by language) share their sums: then a sum is a line from a column of one to
that of the other (`linked`), and both are protected as one.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TypeVar

MIN_SHOWN_COUNT = 10
TOTAL = ""
"""The name of the row and of the column of sums."""
UNLIMITED_CAPACITY = 10**9

CellKey = tuple[str, str]
GraphNode = tuple[str, str]
ArcCapacities = dict[GraphNode, dict[GraphNode, int]]
AnyKey = TypeVar("AnyKey", bound=Hashable)
ArcEnds = Mapping[AnyKey, tuple[GraphNode, GraphNode]]
"""The nodes of each figure's line: it rises along the line and falls against it."""
LinkedKey = tuple[str, str, str]
"""(which table, row, column) of two tables that count the same people; sums of all rows are in neither (`ALL`)."""
ALL_TABLES = ""


def suppress_table(
    rows: Sequence[str], columns: Sequence[str], counts: Mapping[CellKey, int], least: int = MIN_SHOWN_COUNT
) -> dict[CellKey, int | None]:
    """The table with its sums, by (row, column); None: hidden.  Without a row there is nothing but sums of nothing."""
    full = add_totals(rows, columns, counts)
    if not rows:
        return dict.fromkeys(full)
    return hide_small_counts(full, {key: _get_arc_ends(key) for key in full}, least)


def suppress_linked_tables(
    tables: tuple[str, str], columns: Sequence[str], counts: Mapping[LinkedKey, int], least: int = MIN_SHOWN_COUNT
) -> dict[LinkedKey, int | None]:
    """Two tables over the same people with the same columns, with all sums, by (table, row, column); None: hidden.

    Sums of rows are (table, row, TOTAL), of columns (ALL, TOTAL, column), of everything (ALL, TOTAL, TOTAL).  Raises
    ValueError if the tables do not count the same.
    """
    full, ends = dict(counts), {}
    rows = {name: list(dict.fromkeys(row for table, row, _ in counts if table == name)) for name in tables}
    for name in tables:
        full |= {(name, row, TOTAL): sum(counts[name, row, one] for one in columns) for row in rows[name]}
    for column in columns:
        first, second = (sum(counts[name, row, column] for row in rows[name]) for name in tables)
        if first != second:
            raise ValueError(f"the tables differ in '{column}': {first} and {second}")
        full[ALL_TABLES, TOTAL, column] = first
    full[ALL_TABLES, TOTAL, TOTAL] = sum(full[ALL_TABLES, TOTAL, column] for column in columns)
    ends = {key: _get_linked_arc_ends(key, tables) for key in full}
    return hide_small_counts(full, ends, least)


def _get_linked_arc_ends(key: LinkedKey, tables: tuple[str, str]) -> tuple[GraphNode, GraphNode]:
    """One circle: all → rows of the first → its columns → columns of the second → its rows → all."""
    first, second = tables
    name, row, column = key
    if name == ALL_TABLES:
        down = (f"column {first}", column), (f"column {second}", column)
        return down if column != TOTAL else (("all", second), ("all", first))
    outer = ("all", name) if column == TOTAL else (f"column {name}", column)
    inner = f"row {name}", row
    along = (outer, inner) if column == TOTAL else (inner, outer)
    return along if name == first else along[::-1]


def hide_small_counts(full: Mapping[AnyKey, int], ends: ArcEnds[AnyKey], least: int) -> dict[AnyKey, int | None]:
    """The figures, so many hidden that none under `least` can be computed; every node's lines must add up."""
    waiting = [key for key, count in full.items() if count < least]
    hidden = set(waiting)
    for key in waiting:  # it grows while it is read; hiding more takes room from none
        while more := _find_cells_to_hide(full, ends, hidden, key, least):
            waiting += more
            hidden.update(more)
    return {key: None if key in hidden else count for key, count in full.items()}


def add_totals(rows: Sequence[str], columns: Sequence[str], counts: Mapping[CellKey, int]) -> dict[CellKey, int]:
    """All cells, those without a count as 0, and the sums."""
    full = {(row, column): counts.get((row, column), 0) for row in rows for column in columns}
    full |= {(row, TOTAL): sum(full[row, column] for column in columns) for row in rows}
    return full | {(TOTAL, one): sum(full[row, one] for row in rows) for one in (*columns, TOTAL)}


def _find_cells_to_hide(
    full: Mapping[AnyKey, int], ends: ArcEnds[AnyKey], hidden: set[AnyKey], key: AnyKey, least: int
) -> list[AnyKey]:
    """What to hide besides, so that this figure gets more room; empty: it has enough."""
    here, there = ends[key]
    others = hidden - {key}
    down = _push_flow(_build_arcs(full, ends, others), here, there, min(full[key], least - 1))
    left = _build_arcs(full, ends, others)
    if down + _push_flow(left, there, here, least - 1 - down) >= least - 1:
        return []
    return _find_cheapest_cells(full, ends, hidden, left, (there, here))


def _get_arc_ends(key: CellKey) -> tuple[GraphNode, GraphNode]:
    """A figure rises along this arc and falls against it; a total counts against its line, so its arc is turned."""
    row, column = ("row", key[0]), ("column", key[1])
    return (column, row) if (key[0] == TOTAL) != (key[1] == TOTAL) else (row, column)


def _build_arcs(full: Mapping[AnyKey, int], ends: ArcEnds[AnyKey], keys: Iterable[AnyKey]) -> ArcCapacities:
    """How far each of these figures can move: up without end, down to zero."""
    arcs: ArcCapacities = {}
    for key in keys:
        here, there = ends[key]
        arcs.setdefault(here, {})[there] = UNLIMITED_CAPACITY
        arcs.setdefault(there, {})[here] = full[key]
    return arcs


def _push_flow(left: ArcCapacities, source: GraphNode, sink: GraphNode, wanted: int) -> int:
    """The maximum flow, or `wanted` if it is more (Edmonds and Karp); `left` is what it leaves."""
    found = 0
    while found < wanted and (path := _find_path(left, source, sink)):
        step = min(wanted - found, *(left[here][there] for here, there in path))
        for here, there in path:
            left[here][there] -= step
            left[there][here] += step
        found += step
    return found


def _find_path(left: ArcCapacities, source: GraphNode, sink: GraphNode) -> list[tuple[GraphNode, GraphNode]]:
    """The shortest way with something left on each arc; empty: there is none."""
    came, waiting = {source: source}, deque([source])
    while waiting and sink not in came:
        runtime = waiting.popleft()
        for there, capacity in left.get(runtime, {}).items():
            if capacity > 0 and there not in came:
                came[there] = runtime
                waiting.append(there)
    return _trace_path(came, source, sink) if sink in came else []


def _trace_path(
    predecessors: Mapping[GraphNode, GraphNode], source: GraphNode, sink: GraphNode
) -> list[tuple[GraphNode, GraphNode]]:
    steps = []
    while sink != source:
        steps.append((predecessors[sink], sink))
        sink = predecessors[sink]
    return steps


def _find_cheapest_cells(
    full: Mapping[AnyKey, int],
    ends: ArcEnds[AnyKey],
    hidden: set[AnyKey],
    left: ArcCapacities,
    wanted: tuple[GraphNode, GraphNode],
) -> list[AnyKey]:
    """The shown figures on the way between these nodes that hides the least (Dijkstra); there always is one."""
    ways = {node: dict.fromkeys(to, 0) for node, to in _build_arcs(full, ends, full).items()}
    for key in full.keys() - hidden:
        here, there = ends[key]
        ways[here][there] = ways[there][here] = full[key]
    for key in hidden:
        for here, there in (ends[key], ends[key][::-1]):
            if left.get(here, {}).get(there, 0) <= 0:
                del ways[here][there]
    steps = _trace_path(_find_predecessors(ways, wanted[0]), *wanted)
    keys = {frozenset(ends[key]): key for key in full.keys() - hidden}
    return [keys[frozenset(step)] for step in steps if frozenset(step) in keys]


def _find_predecessors(costs: ArcCapacities, source: GraphNode) -> dict[GraphNode, GraphNode]:
    """From where each node is reached most cheaply."""
    came: dict[GraphNode, GraphNode] = {}
    waiting = [(0, source, source)]
    while waiting:
        cost, here, before = heappop(waiting)
        if here not in came:
            came[here] = before
            for there, more in costs[here].items():
                heappush(waiting, (cost + more, there, here))
    return came
