"""Calculate the positions of the boxes and arrows in the picture of a flow.

Each row contains the steps at the same distance from the first step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from bot.flows.mermaid import Arrow, list_arrows, list_box_lines
from bot.flows.model import Flow

BOX_WIDTH, BOX_GAP_X, BOX_GAP_Y, TEXT_LINE_HEIGHT, BOX_PADDING = 230, 34, 64, 17, 10
"""Pixels at normal size. On a phone, the picture scrolls sideways."""
BOX_LINE_LENGTH, MAX_BOX_LINES, MAX_BOXES_PER_ROW = 32, 6, 5
"""Characters, lines, and boxes."""


@dataclass(frozen=True)
class FlowBox:
    """A step, or another flow (kind "flow") that follows this one. `x` and `y` are its upper left corner."""

    name: str
    kind: str
    lines: tuple[str, ...]
    x: int = 0
    y: int = 0

    @property
    def height(self) -> int:
        """Return the height that the name and the lines need."""
        return 2 * BOX_PADDING + TEXT_LINE_HEIGHT * (1 + len(self.lines))


@dataclass(frozen=True)
class ArrowPath:
    """An arrow between two boxes: an SVG path, and the label at its start. `x` and `y`: where the label is."""

    path: str
    label: str
    aside: bool
    x: int
    y: int


@dataclass(frozen=True)
class FlowPicture:
    """Everything that the page draws."""

    boxes: tuple[FlowBox, ...]
    lines: tuple[ArrowPath, ...]
    width: int
    height: int


def draw_flow(flow: Flow) -> FlowPicture:
    """Return the picture of a flow."""
    boxes = _place_boxes(list(_generate_rows(flow)))
    arrows: list[ArrowPath] = []
    for name, step in flow.steps.items():
        arrows.extend(_draw_arrows(boxes, name, list(list_arrows(step))))
    right = max(box.x + BOX_WIDTH for box in boxes.values())
    bottom = max(box.y + box.height for box in boxes.values())
    return FlowPicture(tuple(boxes.values()), tuple(arrows), right + BOX_GAP_X, bottom + BOX_GAP_X)


def _generate_rows(flow: Flow) -> Iterator[list[FlowBox]]:
    """Yield rows of at most `MAX_BOXES_PER_ROW` steps, by distance from the first step, and then the next flows."""
    seen, row, next_flows = {flow.first_step}, [flow.first_step], dict[str, None]()
    while row:
        next_row: list[str] = []
        for name in row:
            for arrow in list_arrows(flow.steps[name]):
                if arrow.is_to_flow:
                    next_flows.setdefault(arrow.target)
                elif arrow.target not in seen:
                    seen.add(arrow.target)
                    next_row.append(arrow.target)
        yield from _split_row([_build_step_box(flow, name) for name in row])
        row = next_row
    yield from _split_row([FlowBox(f"flow:{name}", "flow", (f"continues with {name}",)) for name in next_flows])


def _split_row(row: list[FlowBox]) -> Iterator[list[FlowBox]]:
    for start in range(0, len(row), MAX_BOXES_PER_ROW):
        yield row[start : start + MAX_BOXES_PER_ROW]


def _build_step_box(flow: Flow, name: str) -> FlowBox:
    step = flow.steps[name]
    lines = [line for text in list_box_lines(step) for line in wrap(text, BOX_LINE_LENGTH)]
    if len(lines) > MAX_BOX_LINES:
        lines = [*lines[: MAX_BOX_LINES - 1], "…"]
    # `list_arrows` puts the choices after the arrows of `when`.
    choices = list(list_arrows(step))[len(step.when) :][: len(step.choices)]
    choice_lines = [wrap(f"{number}. {arrow.label}", BOX_LINE_LENGTH)[0] for number, arrow in enumerate(choices, 1)]
    kind = "step"
    if step.ask:
        kind = "question"
    elif step.end:
        kind = "end"
    return FlowBox(name, kind, (*lines, *choice_lines))


def _place_boxes(rows: list[list[FlowBox]]) -> dict[str, FlowBox]:
    """Return the boxes by name, with their positions. Each row is centered."""
    placed, y, max_row_length = {}, BOX_GAP_X, max(len(row) for row in rows)
    for row in rows:
        left = BOX_GAP_X + (max_row_length - len(row)) * (BOX_WIDTH + BOX_GAP_X) // 2
        for column, box in enumerate(row):
            placed[box.name] = FlowBox(box.name, box.kind, box.lines, left + column * (BOX_WIDTH + BOX_GAP_X), y)
        y += max(box.height for box in row) + BOX_GAP_Y
    return placed


def _draw_arrows(boxes: dict[str, FlowBox], name: str, outgoing: list[Arrow]) -> Iterator[ArrowPath]:
    """Yield the arrows that leave a box. The label is the number of the choice, or "?" for a side path."""
    start, choice_number = boxes[name], 0
    for position, arrow in enumerate(outgoing, 1):
        end = boxes[f"flow:{arrow.target}" if arrow.is_to_flow else arrow.target]
        x, y = start.x + BOX_WIDTH * position // (len(outgoing) + 1), start.y + start.height
        to_x, to_y = end.x + BOX_WIDTH // 2, end.y
        bend = max(30, abs(to_y - y) // 2)
        label = ""
        if arrow.is_side_path:
            label = "?"
        elif arrow.label:
            choice_number += 1
            label = str(choice_number)
        path = f"M{x} {y} C{x} {y + bend} {to_x} {to_y - bend} {to_x} {to_y}"
        yield ArrowPath(path, label, arrow.is_side_path, x, y + 14)
