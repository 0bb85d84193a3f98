"""From the text of flow files to a checked set of flows; every error names file, line and column.

Pure: it is given the texts.  `bot.content.library` reads the files.
"""

import string
from collections.abc import Iterator, Mapping

from bot.conversation.flow import Flow, FlowSet, Step
from bot.conversation.source import BadSource, Path, Problem, Source, parse

PLACEHOLDERS = frozenset({"district", "office_phone", "website", "staff_name", "due", "case", "schools"})
"""What a text may hold besides the answers that its own flow saved."""


def load_flows(texts: Mapping[str, str], facts: frozenset[str], roles: frozenset[str]) -> FlowSet:
    """The flows in these files (file name → text).  Raises `BadSource` with all problems of all files."""
    problems: list[Problem] = []
    sources: dict[str, tuple[Source, Flow]] = {}
    for file, text in sorted(texts.items()):
        try:
            source = parse(text, file)
            flow = source.model(Flow)
        except BadSource as bad:
            problems += bad.problems
            continue
        if flow.flow in sources:
            problems.append(source.problem(("flow",), f"another file has a flow '{flow.flow}': choose another name"))
        sources[flow.flow] = (source, flow)
    names = frozenset(sources)
    for source, flow in sources.values():
        problems += _check(source, flow, names, facts, roles)
    problems += _endless(sources)
    if problems:
        raise BadSource(sorted(problems))
    return FlowSet({name: flow for name, (_, flow) in sources.items()})


def _check(
    source: Source, flow: Flow, names: frozenset[str], facts: frozenset[str], roles: frozenset[str]
) -> Iterator[Problem]:
    for path, step in steps_to(flow):
        if step not in flow.steps:
            yield source.problem(path, f"there is no step '{step}' in this flow")
    for path, target in flows_to(flow):
        if target not in names:
            yield source.problem(path, f"there is no flow '{target}'")
    for name, step_ in flow.steps.items():
        for number, fact in enumerate(step_.fact):
            if fact not in facts:
                yield source.problem(("steps", name, "fact", number), f"flows/facts.yaml has no fact '{fact}'")
        if step_.escalate and step_.escalate.to not in roles:
            where = ("steps", name, "escalate", "to")
            yield source.problem(where, f"the district file has nobody on call for '{step_.escalate.to}'")
    yield from _placeholders(source, flow)
    yield from _unreached(source, flow)


def steps_to(flow: Flow) -> Iterator[tuple[Path, str]]:
    """Every place in a flow that names a step of it, with the name."""
    for name, step in flow.steps.items():
        if step.then:
            yield ("steps", name, "then"), step.then
        if step.otherwise:
            yield ("steps", name, "otherwise", "then"), step.otherwise.then
        if step.timeout:
            yield ("steps", name, "timeout", "then"), step.timeout.then
        for choice, option in step.choices.items():
            if option.then:
                yield ("steps", name, "choices", choice, "then"), option.then


def flows_to(flow: Flow) -> Iterator[tuple[Path, str]]:
    """Every place in a flow that names another flow, with the name."""
    for name, step in flow.steps.items():
        if step.go:
            yield ("steps", name, "go"), step.go
        if step.follow_up:
            yield ("steps", name, "follow_up", "flow"), step.follow_up.flow
        for choice, option in step.choices.items():
            if option.go:
                yield ("steps", name, "choices", choice, "go"), option.go


def texts_of(flow: Flow) -> Iterator[tuple[Path, str]]:
    """Every text of a flow that a family may read, in the order of the file."""
    if flow.label:
        yield ("label",), flow.label
    for name, step in flow.steps.items():
        for number, text in enumerate(step.say):
            yield ("steps", name, "say", number), text
        if step.ask is not None:
            yield ("steps", name, "ask"), step.ask
        for choice, option in step.choices.items():
            yield ("steps", name, "choices", choice, "label"), option.label
        if step.otherwise:
            yield ("steps", name, "otherwise", "retry"), step.otherwise.retry


def placeholders(text: str) -> frozenset[str]:
    """The names in braces; raises ValueError for a brace that is not closed."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _placeholders(source: Source, flow: Flow) -> Iterator[Problem]:
    allowed = PLACEHOLDERS | {step.save for step in flow.steps.values() if step.save}
    for path, text in texts_of(flow):
        try:
            unknown = placeholders(text) - allowed
        except ValueError as error:
            yield source.problem(path, f"a brace is not closed ({error}): write {{name}}")
            continue
        for name in sorted(unknown):
            near = ", ".join(sorted(allowed))
            yield source.problem(path, f"nothing fills in {{{name}}}: use one of {near}")


def _unreached(source: Source, flow: Flow) -> Iterator[Problem]:
    reached, todo = set(), [flow.first]
    while todo:
        name = todo.pop()
        if name not in reached and name in flow.steps:
            reached.add(name)
            todo += [step for path, step in steps_to(flow) if path[1] == name]
    for name in flow.steps:
        if name not in reached:
            yield source.problem(("steps", name), f"no step leads to '{name}': remove it, or lead to it")


def _endless(sources: Mapping[str, tuple[Source, Flow]]) -> Iterator[Problem]:
    """A way round that never asks anything would talk without end; with several flows it may cross them."""
    flows = {name: flow for name, (_, flow) in sources.items()}
    for name, (source, flow) in sources.items():
        for step in flow.steps:
            if _comes_back(flows, (name, step)):
                yield source.problem(("steps", step), f"from '{step}' the flow comes round without asking anything")


def _comes_back(flows: Mapping[str, Flow], start: tuple[str, str]) -> bool:
    here: tuple[str, str] | None = start
    for _ in range(sum(len(flow.steps) for flow in flows.values()) + 1):
        here = _after(flows, here) if here else None
        if here == start:
            return True
    return False


def _after(flows: Mapping[str, Flow], here: tuple[str, str]) -> tuple[str, str] | None:
    """Where a step that asks nothing leads."""
    flow = flows.get(here[0])
    step: Step | None = flow.steps.get(here[1]) if flow else None
    if step is None or step.ask is not None:
        return None
    if step.go and step.go in flows:
        return step.go, flows[step.go].first
    return (here[0], step.then) if step.then else None
