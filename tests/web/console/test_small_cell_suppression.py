"""Small cells stay hidden from a reader who subtracts and knows that no count is below zero."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.web.console.core.small_cell_suppression import MIN_SHOWN_COUNT, TOTAL, CellKey, add_totals, suppress_table

Cells = Mapping[CellKey, int | None]


def build_names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


@st.composite
def count_tables(draw: st.DrawFn, most: int = 40) -> tuple[list[str], list[str], dict[CellKey, int]]:
    rows, columns = build_names("r", draw(st.integers(1, 6))), build_names("c", draw(st.integers(1, 4)))
    small_often = st.one_of(st.integers(0, 12), st.integers(0, most))
    return rows, columns, {(row, column): draw(small_often) for row in rows for column in columns}


def build_equations(rows: list[str], columns: list[str]) -> Iterator[dict[CellKey, int]]:
    """Return the public equations of a table: the sum of these, with these signs, is 0."""
    for row in (*rows, TOTAL):
        yield {(row, column): 1 for column in columns} | {(row, TOTAL): -1}
    for column in (*columns, TOTAL):
        yield {(row, column): 1 for row in rows} | {(TOTAL, column): -1}


def solve_hidden_cells(rows: list[str], columns: list[str], shown: Cells) -> set[CellKey]:
    """Compute the hidden cells that follow from the shown ones: Gauss-Jordan, without rounding errors."""
    unknown = [key for key, count in shown.items() if count is None]
    matrix = [[Fraction(line.get(key, 0)) for key in unknown] for line in build_equations(rows, columns)]
    done = 0
    for number in range(len(unknown)):
        pivot = next((line for line in matrix[done:] if line[number]), None)
        if pivot is None:
            continue
        matrix.remove(pivot)
        matrix.insert(done, [one / pivot[number] for one in pivot])
        for other, line in enumerate(matrix):
            if other != done and line[number]:
                matrix[other] = [a - line[number] * b for a, b in zip(line, matrix[done], strict=True)]
        done += 1
    alone = [[number for number, one in enumerate(line) if one] for line in matrix[:done]]
    return {unknown[line[0]] for line in alone if len(line) == 1}


def test_table_without_rows_has_hidden_totals() -> None:
    assert suppress_table([], ["families"], {}) == {(TOTAL, "families"): None, (TOTAL, TOTAL): None}


@given(count_tables())
def test_hidden_cells_cannot_be_computed(given_: tuple[list[str], list[str], dict[CellKey, int]]) -> None:
    rows, columns, counts = given_
    shown = suppress_table(rows, columns, counts)
    assert solve_hidden_cells(rows, columns, shown) == set()


@given(count_tables())
def test_small_cells_are_hidden_and_shown_cells_are_true(
    given_: tuple[list[str], list[str], dict[CellKey, int]],
) -> None:
    rows, columns, counts = given_
    shown, full = suppress_table(rows, columns, counts), add_totals(rows, columns, counts)
    assert shown.keys() == full.keys()
    assert all(count is None for key, count in shown.items() if full[key] < MIN_SHOWN_COUNT)
    assert all(count in (None, full[key]) for key, count in shown.items())


@given(count_tables())
def test_nothing_is_hidden_without_small_cells(given_: tuple[list[str], list[str], dict[CellKey, int]]) -> None:
    rows, columns, counts = given_
    larger = {key: count + MIN_SHOWN_COUNT for key, count in counts.items()}
    assert None not in suppress_table(rows, columns, larger).values()


SMALL, MOST = 3, 7
"""Ten would be too many tables to try. The same rule with three."""


def list_matching_tables(rows: list[str], columns: list[str], shown: Cells) -> Iterator[dict[CellKey, int]]:
    """Return every table that would show the same."""
    cells = [(row, column) for row in rows for column in columns]
    choices = [range(MOST + 1) if shown[key] is None else (shown[key],) for key in cells]
    for numbers in product(*choices):
        full = add_totals(rows, columns, dict(zip(cells, (number or 0 for number in numbers), strict=True)))
        if all(count in (None, full[key]) for key, count in shown.items()):
            yield full


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(st.sampled_from([(1, 2), (2, 1), (2, 2), (3, 1), (1, 4)]), st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_every_hidden_cell_stays_ambiguous(shape: tuple[int, int], numbers: list[int]) -> None:
    rows, columns = build_names("r", shape[0]), build_names("c", shape[1])
    counts = dict(zip(product(rows, columns), numbers, strict=False))
    shown = suppress_table(rows, columns, counts, least=SMALL)
    possible = list(list_matching_tables(rows, columns, shown))
    for key, count in shown.items():
        assert count is not None or len({one[key] for one in possible}) >= SMALL, (key, shown)


def test_two_small_cells_hide_a_third() -> None:
    counts = {("r0", "c0"): 0, ("r0", "c1"): 0, ("r0", "c2"): 40, ("r1", "c0"): 50, ("r1", "c1"): 60, ("r1", "c2"): 70}
    shown = suppress_table(["r0", "r1"], ["c0", "c1", "c2"], counts)
    assert shown["r0", "c2"] is None or shown["r0", TOTAL] is None, "40 of 40 would say that both are 0"
    assert sum(count is not None for count in shown.values()) >= 4, "and no more than needed"
