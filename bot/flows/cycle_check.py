"""Ways round that never ask anything: such a flow would talk without end.  With several flows they may cross them."""

from collections.abc import Iterator, Mapping

from bot.flows.model import Flow

Place = tuple[str, str]
"""A flow and a step of it."""


def endless(flows: Mapping[str, Flow]) -> Iterator[Place]:
    """Every step from which the conversation may come back to it without a question in between."""
    for name, flow in flows.items():
        for step in flow.steps:
            if (name, step) in _reached(flows, (name, step)):
                yield name, step


def _reached(flows: Mapping[str, Flow], start: Place) -> set[Place]:
    """Where one may get from a step, without a question."""
    seen: set[Place] = set()
    todo = list(_after(flows, start))
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo += _after(flows, here)
    return seen


def _after(flows: Mapping[str, Flow], here: Place) -> Iterator[Place]:
    """Where a step leads without waiting.  A flow that is called may end at once: both ways count."""
    flow = flows.get(here[0])
    step = flow.steps.get(here[1]) if flow else None
    if step is None:
        return
    yield from ((here[0], condition.then) for condition in step.when)
    if step.ask is not None:
        return
    for other in (step.go, step.call):
        if other and other in flows:
            yield other, flows[other].first
    if step.then:
        yield here[0], step.then
