"""Hide cells of a table so that readers can't compute a small count from the cells that are shown.

First, every count under `MIN_SHOWN_COUNT` is hidden (primary suppression). Then more cells are hidden (complementary
suppression) until each hidden cell has at least `MIN_SHOWN_COUNT` possible values. The reader is assumed to know all
shown cells, that totals are sums, and that no count is negative.

The table becomes a graph. Rows and columns, including the totals, are nodes, and hidden cells are the arcs between
them. A cell can have another value only if the difference flows through a cycle of hidden cells. The possible values
therefore follow from the maximum flow, and the additional cells from the cheapest path that closes such a cycle.

Two tables of the same people, such as by school and by language, share their totals. A total is then an arc from a
column of one table to the same column of the other (`suppress_linked_tables`), which protects both tables together.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from heapq import heappop, heappush
from typing import TypeVar

MIN_SHOWN_COUNT = 10
TOTAL = ""
"""The name of the row and of the column with totals."""
UNLIMITED_CAPACITY = 10**9

CellKey = tuple[str, str]
GraphNode = tuple[str, str]
ArcCapacities = dict[GraphNode, dict[GraphNode, int]]
AnyKey = TypeVar("AnyKey", bound=Hashable)
ArcEnds = Mapping[AnyKey, tuple[GraphNode, GraphNode]]
"""The nodes of each cell's arc. The count increases along the arc and decreases against it."""
LinkedKey = tuple[str, str, str]
"""(table, row, column) in two tables of the same people. Totals of all rows have the table `ALL_TABLES`."""
ALL_TABLES = ""


def suppress_table(
    rows: Sequence[str], columns: Sequence[str], counts: Mapping[CellKey, int], least: int = MIN_SHOWN_COUNT
) -> dict[CellKey, int | None]:
    """Return the table with its totals by (row, column). None means hidden. Without rows, all totals are hidden."""
    full = add_totals(rows, columns, counts)
    if not rows:
        return dict.fromkeys(full)
    return hide_small_counts(full, {key: _get_arc_ends(key) for key in full}, least)


def suppress_linked_tables(
    tables: tuple[str, str], columns: Sequence[str], counts: Mapping[LinkedKey, int], least: int = MIN_SHOWN_COUNT
) -> dict[LinkedKey, int | None]:
    """Return two tables of the same people and columns with all totals by (table, row, column). None means hidden.

    Totals of rows are (table, row, TOTAL), of columns (ALL_TABLES, TOTAL, column), and of everything
    (ALL_TABLES, TOTAL, TOTAL). Raises `ValueError` if the totals of the tables differ.
    """
    full = dict(counts)
    rows = {name: list(dict.fromkeys(row for table, row, _ in counts if table == name)) for name in tables}
    for name in tables:
        full |= {(name, row, TOTAL): sum(counts[name, row, column] for column in columns) for row in rows[name]}
    for column in columns:
        first, second = (sum(counts[name, row, column] for row in rows[name]) for name in tables)
        if first != second:
            raise ValueError(f"the tables differ in '{column}': {first} and {second}")
        full[ALL_TABLES, TOTAL, column] = first
    full[ALL_TABLES, TOTAL, TOTAL] = sum(full[ALL_TABLES, TOTAL, column] for column in columns)
    ends = {key: _get_linked_arc_ends(key, tables) for key in full}
    return hide_small_counts(full, ends, least)


def _get_linked_arc_ends(key: LinkedKey, tables: tuple[str, str]) -> tuple[GraphNode, GraphNode]:
    """Return the arc in the cycle: all → rows of the first → its columns → columns of the second → its rows → all."""
    first, second = tables
    name, row, column = key
    if name == ALL_TABLES:
        if column == TOTAL:
            return ("all", second), ("all", first)
        return (f"column {first}", column), (f"column {second}", column)
    row_node = (f"row {name}", row)
    if column == TOTAL:
        start, end = ("all", name), row_node
    else:
        start, end = row_node, (f"column {name}", column)
    if name == first:
        return start, end
    return end, start


def hide_small_counts(full: Mapping[AnyKey, int], ends: ArcEnds[AnyKey], least: int) -> dict[AnyKey, int | None]:
    """Hide cells until no count under `least` can be computed. The arcs of every node must add up."""
    waiting = [key for key, count in full.items() if count < least]
    hidden = set(waiting)
    # The list grows while the loop reads it. Hiding more cells never reduces the possible values of a cell.
    for key in waiting:
        while more := _find_cells_to_hide(full, ends, hidden, key, least):
            waiting += more
            hidden.update(more)
    return {key: None if key in hidden else count for key, count in full.items()}


def add_totals(rows: Sequence[str], columns: Sequence[str], counts: Mapping[CellKey, int]) -> dict[CellKey, int]:
    """Return all cells with their totals. A cell without a count is 0."""
    full = {(row, column): counts.get((row, column), 0) for row in rows for column in columns}
    full |= {(row, TOTAL): sum(full[row, column] for column in columns) for row in rows}
    return full | {(TOTAL, column): sum(full[row, column] for row in rows) for column in (*columns, TOTAL)}


def _find_cells_to_hide(
    full: Mapping[AnyKey, int], ends: ArcEnds[AnyKey], hidden: set[AnyKey], key: AnyKey, least: int
) -> list[AnyKey]:
    """Return more cells to hide so that this cell has enough possible values, or [] if it has."""
    source, sink = ends[key]
    others = hidden - {key}
    decrease = _push_flow(_build_arcs(full, ends, others), source, sink, min(full[key], least - 1))
    capacities = _build_arcs(full, ends, others)
    increase = _push_flow(capacities, sink, source, least - 1 - decrease)
    if decrease + increase >= least - 1:
        return []
    return _find_cheapest_cells(full, ends, hidden, capacities, (sink, source))


def _get_arc_ends(key: CellKey) -> tuple[GraphNode, GraphNode]:
    """Return the arc of a cell. The arc of a total has the opposite direction, because the cells add up to it."""
    row, column = ("row", key[0]), ("column", key[1])
    if (key[0] == TOTAL) != (key[1] == TOTAL):
        return column, row
    return row, column


def _build_arcs(full: Mapping[AnyKey, int], ends: ArcEnds[AnyKey], keys: Iterable[AnyKey]) -> ArcCapacities:
    """Return how far each of these cells can change: up without a limit, and down to zero."""
    arcs: ArcCapacities = {}
    for key in keys:
        source, sink = ends[key]
        arcs.setdefault(source, {})[sink] = UNLIMITED_CAPACITY
        arcs.setdefault(sink, {})[source] = full[key]
    return arcs


def _push_flow(capacities: ArcCapacities, source: GraphNode, sink: GraphNode, limit: int) -> int:
    """Return the maximum flow (Edmonds-Karp) up to `limit`. Reduces `capacities` by the flow."""
    flow = 0
    while flow < limit and (path := _find_path(capacities, source, sink)):
        step = min(limit - flow, *(capacities[start][end] for start, end in path))
        for start, end in path:
            capacities[start][end] -= step
            capacities[end][start] += step
        flow += step
    return flow


def _find_path(capacities: ArcCapacities, source: GraphNode, sink: GraphNode) -> list[tuple[GraphNode, GraphNode]]:
    """Return the shortest path of arcs with a remaining capacity, or [] if there is none."""
    predecessors, waiting = {source: source}, deque([source])
    while waiting and sink not in predecessors:
        node = waiting.popleft()
        for neighbor, capacity in capacities.get(node, {}).items():
            if capacity > 0 and neighbor not in predecessors:
                predecessors[neighbor] = node
                waiting.append(neighbor)
    if sink not in predecessors:
        return []
    return _trace_path(predecessors, source, sink)


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
    capacities: ArcCapacities,
    path_ends: tuple[GraphNode, GraphNode],
) -> list[AnyKey]:
    """Return the shown cells on the path between two nodes that hides the least (Dijkstra). A path always exists."""
    costs = {node: dict.fromkeys(neighbors, 0) for node, neighbors in _build_arcs(full, ends, full).items()}
    for key in full.keys() - hidden:
        start, end = ends[key]
        costs[start][end] = costs[end][start] = full[key]
    for key in hidden:
        for start, end in (ends[key], ends[key][::-1]):
            if capacities.get(start, {}).get(end, 0) <= 0:
                del costs[start][end]
    steps = _trace_path(_find_predecessors(costs, path_ends[0]), *path_ends)
    keys = {frozenset(ends[key]): key for key in full.keys() - hidden}
    return [keys[frozenset(step)] for step in steps if frozenset(step) in keys]


def _find_predecessors(costs: ArcCapacities, source: GraphNode) -> dict[GraphNode, GraphNode]:
    """Return the predecessor of each node on its cheapest path from the source."""
    predecessors: dict[GraphNode, GraphNode] = {}
    waiting = [(0, source, source)]
    while waiting:
        cost, node, predecessor = heappop(waiting)
        if node not in predecessors:
            predecessors[node] = predecessor
            for neighbor, arc_cost in costs[node].items():
                heappush(waiting, (cost + arc_cost, neighbor, node))
    return predecessors
