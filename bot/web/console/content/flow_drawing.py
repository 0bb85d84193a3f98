"""Where the boxes and lines of a flow's picture stand: rows by the number of answers it takes to get there."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from bot.flows.mermaid import Arrow, arrows, says
from bot.flows.model import Flow

WIDTH, GAP_X, GAP_Y, LINE, PAD = 230, 34, 64, 17, 10
"""Pixels at normal size; the picture scrolls sideways on a phone."""
CHARACTERS, LINES, IN_A_ROW = 32, 6, 5


@dataclass(frozen=True)
class Box:
    """A step, or (`flow`) another flow that this one goes on to.  `x`, `y`: the upper left corner."""

    name: str
    kind: str
    lines: tuple[str, ...]
    x: int = 0
    y: int = 0

    @property
    def height(self) -> int:
        """Room for the name and the lines."""
        return 2 * PAD + LINE * (1 + len(self.lines))


@dataclass(frozen=True)
class Line:
    """From one box to another: an SVG path, and what is written at its beginning."""

    path: str
    label: str
    aside: bool
    x: int
    y: int


@dataclass(frozen=True)
class Picture:
    """All that the page draws."""

    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def picture(flow: Flow) -> Picture:
    """The picture of a flow."""
    placed = _placed(list(_rows(flow)))
    lines = tuple(line for name, step in flow.steps.items() for line in _lines(placed, name, list(arrows(step))))
    boxes = tuple(placed.values())
    right, bottom = max(box.x + WIDTH for box in boxes), max(box.y + box.height for box in boxes)
    return Picture(boxes, lines, right + GAP_X, bottom + GAP_X)


def _rows(flow: Flow) -> Iterator[list[Box]]:
    """Steps by their distance from the beginning, at most `IN_A_ROW` side by side; flows it goes on to at the end."""
    seen, row, flows = {flow.first}, [flow.first], dict[str, None]()
    while row:
        following: list[str] = []
        for name in row:
            for arrow in arrows(flow.steps[name]):
                if arrow.flow:
                    flows.setdefault(arrow.target)
                elif arrow.target not in seen:
                    seen.add(arrow.target)
                    following.append(arrow.target)
        yield from _split([_step_box(flow, name) for name in row])
        row = following
    yield from _split([Box(f"flow:{name}", "flow", (f"goes on with {name}",)) for name in flows])


def _split(row: list[Box]) -> Iterator[list[Box]]:
    yield from (row[start : start + IN_A_ROW] for start in range(0, len(row), IN_A_ROW))


def _step_box(flow: Flow, name: str) -> Box:
    step = flow.steps[name]
    lines = [line for text in says(step) for line in wrap(text, CHARACTERS)]
    cut = lines if len(lines) <= LINES else [*lines[: LINES - 1], "…"]
    choices = [wrap(f"{n}. {arrow.label}", CHARACTERS)[0] for n, arrow in enumerate(_choices(flow, name), 1)]
    return Box(name, "question" if step.ask else "end" if step.end else "step", (*cut, *choices))


def _choices(flow: Flow, name: str) -> list[Arrow]:
    step = flow.steps[name]
    return list(arrows(step))[len(step.when) :][: len(step.choices)]


def _placed(rows: list[list[Box]]) -> dict[str, Box]:
    placed, y, widest = {}, GAP_X, max(len(row) for row in rows)
    for row in rows:
        left = GAP_X + (widest - len(row)) * (WIDTH + GAP_X) // 2
        for column, box in enumerate(row):
            placed[box.name] = Box(box.name, box.kind, box.lines, left + column * (WIDTH + GAP_X), y)
        y += max(box.height for box in row) + GAP_Y
    return placed


def _lines(placed: dict[str, Box], name: str, ways: list[Arrow]) -> Iterator[Line]:
    start, number = placed[name], 0
    for place, arrow in enumerate(ways, 1):
        end = placed[f"flow:{arrow.target}" if arrow.flow else arrow.target]
        x, y = start.x + WIDTH * place // (len(ways) + 1), start.y + start.height
        to_x, to_y = end.x + WIDTH // 2, end.y
        bend = max(30, abs(to_y - y) // 2)
        number += not arrow.aside and bool(arrow.label)
        label = str(number) if arrow.label and not arrow.aside else ("?" if arrow.aside else "")
        yield Line(f"M{x} {y} C{x} {y + bend} {to_x} {to_y - bend} {to_x} {to_y}", label, arrow.aside, x, y + 14)
