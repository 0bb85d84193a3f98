"""Find cycles of steps without a question, which would send texts without end. A cycle can cross several flows."""

from collections.abc import Iterator, Mapping

from bot.flows.model import Flow

StepPlace = tuple[str, str]
"""The name of a flow and of one of its steps."""


def find_endless_steps(flows: Mapping[str, Flow]) -> Iterator[StepPlace]:
    """Yield every step that the conversation can reach again without a question in between."""
    for name, flow in flows.items():
        for step in flow.steps:
            if (name, step) in _find_reachable_steps(flows, (name, step)):
                yield name, step


def _find_reachable_steps(flows: Mapping[str, Flow], start: StepPlace) -> set[StepPlace]:
    """Return the steps that the conversation can reach from `start` without a question."""
    seen: set[StepPlace] = set()
    pending = list(_list_next_steps(flows, start))
    while pending:
        place = pending.pop()
        if place not in seen:
            seen.add(place)
            pending += _list_next_steps(flows, place)
    return seen


def _list_next_steps(flows: Mapping[str, Flow], place: StepPlace) -> Iterator[StepPlace]:
    """Yield the steps that can follow without an answer.

    A called flow can end at once, so both its first step and the step after the call count.
    """
    flow = flows.get(place[0])
    step = flow.steps.get(place[1]) if flow else None
    if step is None:
        return
    yield from ((place[0], condition.then) for condition in step.when)
    if step.ask is not None:
        return
    for other_flow in (step.go, step.call):
        if other_flow and other_flow in flows:
            yield other_flow, flows[other_flow].first_step
    if step.then:
        yield place[0], step.then
