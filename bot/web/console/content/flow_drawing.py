"""Where the boxes and lines of a flow's picture stand: rows by the number of answers it takes to get there."""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from bot.flows.mermaid import Arrow, list_arrows, list_box_lines
from bot.flows.model import Flow

BOX_WIDTH, BOX_GAP_X, BOX_GAP_Y, TEXT_LINE_HEIGHT, BOX_PADDING = 230, 34, 64, 17, 10
"""Pixels at normal size; the picture scrolls sideways on a phone."""
BOX_LINE_LENGTH, MAX_BOX_LINES, MAX_BOXES_PER_ROW = 32, 6, 5


@dataclass(frozen=True)
class FlowBox:
    """A step, or (`flow`) another flow that this one goes on to.  `x`, `y`: the upper left corner."""

    name: str
    kind: str
    lines: tuple[str, ...]
    x: int = 0
    y: int = 0

    @property
    def height(self) -> int:
        """Room for the name and the lines."""
        return 2 * BOX_PADDING + TEXT_LINE_HEIGHT * (1 + len(self.lines))


@dataclass(frozen=True)
class ArrowPath:
    """From one box to another: an SVG path, and what is written at its beginning."""

    path: str
    label: str
    aside: bool
    x: int
    y: int


@dataclass(frozen=True)
class FlowPicture:
    """All that the page draws."""

    boxes: tuple[FlowBox, ...]
    lines: tuple[ArrowPath, ...]
    width: int
    height: int


def draw_flow(flow: Flow) -> FlowPicture:
    """The picture of a flow."""
    placed = _place_boxes(list(_generate_rows(flow)))
    lines = tuple(
        line for name, step in flow.steps.items() for line in _draw_arrows(placed, name, list(list_arrows(step)))
    )
    boxes = tuple(placed.values())
    right, bottom = max(box.x + BOX_WIDTH for box in boxes), max(box.y + box.height for box in boxes)
    return FlowPicture(boxes, lines, right + BOX_GAP_X, bottom + BOX_GAP_X)


def _generate_rows(flow: Flow) -> Iterator[list[FlowBox]]:
    """Steps by their distance from the beginning, at most `IN_A_ROW` side by side; flows it goes on to at the end."""
    seen, row, flows = {flow.first_step}, [flow.first_step], dict[str, None]()
    while row:
        following: list[str] = []
        for name in row:
            for arrow in list_arrows(flow.steps[name]):
                if arrow.is_to_flow:
                    flows.setdefault(arrow.target)
                elif arrow.target not in seen:
                    seen.add(arrow.target)
                    following.append(arrow.target)
        yield from _split_row([_build_step_box(flow, name) for name in row])
        row = following
    yield from _split_row([FlowBox(f"flow:{name}", "flow", (f"goes on with {name}",)) for name in flows])


def _split_row(row: list[FlowBox]) -> Iterator[list[FlowBox]]:
    yield from (row[start : start + MAX_BOXES_PER_ROW] for start in range(0, len(row), MAX_BOXES_PER_ROW))


def _build_step_box(flow: Flow, name: str) -> FlowBox:
    step = flow.steps[name]
    lines = [line for text in list_box_lines(step) for line in wrap(text, BOX_LINE_LENGTH)]
    cut = lines if len(lines) <= MAX_BOX_LINES else [*lines[: MAX_BOX_LINES - 1], "…"]
    choices = [wrap(f"{n}. {arrow.label}", BOX_LINE_LENGTH)[0] for n, arrow in enumerate(_list_choices(flow, name), 1)]
    return FlowBox(name, "question" if step.ask else "end" if step.end else "step", (*cut, *choices))


def _list_choices(flow: Flow, name: str) -> list[Arrow]:
    step = flow.steps[name]
    return list(list_arrows(step))[len(step.when) :][: len(step.choices)]


def _place_boxes(rows: list[list[FlowBox]]) -> dict[str, FlowBox]:
    placed, y, widest = {}, BOX_GAP_X, max(len(row) for row in rows)
    for row in rows:
        left = BOX_GAP_X + (widest - len(row)) * (BOX_WIDTH + BOX_GAP_X) // 2
        for column, box in enumerate(row):
            placed[box.name] = FlowBox(box.name, box.kind, box.lines, left + column * (BOX_WIDTH + BOX_GAP_X), y)
        y += max(box.height for box in row) + BOX_GAP_Y
    return placed


def _draw_arrows(placed: dict[str, FlowBox], name: str, outgoing: list[Arrow]) -> Iterator[ArrowPath]:
    start, number = placed[name], 0
    for place, arrow in enumerate(outgoing, 1):
        end = placed[f"flow:{arrow.target}" if arrow.is_to_flow else arrow.target]
        x, y = start.x + BOX_WIDTH * place // (len(outgoing) + 1), start.y + start.height
        to_x, to_y = end.x + BOX_WIDTH // 2, end.y
        bend = max(30, abs(to_y - y) // 2)
        number += not arrow.is_side_path and bool(arrow.label)
        label = str(number) if arrow.label and not arrow.is_side_path else ("?" if arrow.is_side_path else "")
        yield ArrowPath(
            f"M{x} {y} C{x} {y + bend} {to_x} {to_y - bend} {to_x} {to_y}", label, arrow.is_side_path, x, y + 14
        )
