"""Parse the text of flow files into a checked set of flows. Every error names the file, line, and column.

The loader gets the texts and reads no files. `bot.content.library` reads them.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from bot.base.yaml_source import Problem, Source, SourceError, SourcePath, parse_yaml
from bot.flows.cycle_check import find_endless_steps
from bot.flows.model import Flow, FlowSet, Plural, Step, Text
from bot.flows.steps import NEXT_SCHOOL_DAY

GLOBAL_PLACEHOLDERS = frozenset(
    {
        "district",
        "office_phone",
        "website",
        "staff_name",
        "due",
        "case",
        "schools",
        "school_name",
        "school_phone",
        "office_hours",
        "visitors",
        "visit_day",
        "board_next",
        "board_place",
        "board_email",
        "board_phone",
    }
)
"""The placeholders that every text can use. Texts can also use answers that their flow or a called flow saves."""
WAIT_MINUTES_PLACEHOLDER = "wait_minutes"
"""The placeholder for the minutes that a question waits. Only a question with a timeout can use it."""
CONTACT_CONDITION_KEYS = frozenset({"contact.language", "contact.channel", "contact.school"})


@dataclass(frozen=True)
class FlowReferences:
    """List what flows can refer to.

    `condition_keys` are `district.…` and `school.…` facts, and `media` are files of `flows/media/`.
    """

    facts: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    condition_keys: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()


def load_flows(texts: Mapping[str, str], references: FlowReferences) -> FlowSet:
    """Load the flows of these files (file name → text).

    Raises `SourceError` with all problems of all files.
    """
    problems: list[Problem] = []
    sources: dict[str, tuple[Source, Flow]] = {}
    for file, text in sorted(texts.items()):
        try:
            source = parse_yaml(text, file)
            flow = source.parse_model(Flow)
        except SourceError as error:
            problems += error.problems
            continue
        if flow.flow in sources:
            problems.append(
                source.build_problem(("flow",), f"another file has a flow '{flow.flow}': choose another name")
            )
        sources[flow.flow] = (source, flow)
    flows = {name: flow for name, (_, flow) in sources.items()}
    for source, flow in sources.values():
        problems += _check_flow(source, flow, flows, references)
    for name, step in find_endless_steps(flows):
        message = f"the flow returns to '{step}' without asking anything: put a question in between"
        problems.append(sources[name][0].build_problem(("steps", step), message))
    if problems:
        raise SourceError(sorted(problems))
    return FlowSet(flows)


def _check_flow(source: Source, flow: Flow, flows: Mapping[str, Flow], references: FlowReferences) -> Iterator[Problem]:
    for path, step in list_step_references(flow):
        if step not in flow.steps:
            yield source.build_problem(
                path, f"there is no step '{step}' in this flow: {_suggest_names(step, flow.steps)}"
            )
    for path, target in list_flow_references(flow):
        if target not in flows:
            yield source.build_problem(path, f"there is no flow '{target}': {_suggest_names(target, flows)}")
    for name, flow_step in flow.steps.items():
        for path, message in _check_references(flow, flow_step, flows, references):
            yield source.build_problem(("steps", name, *path), message)
    yield from _check_placeholders(source, flow, flows)
    yield from _check_reachability(source, flow)


def _check_references(
    flow: Flow, step: Step, flows: Mapping[str, Flow], references: FlowReferences
) -> Iterator[tuple[SourcePath, str]]:
    """Yield the references of one step to things outside the flow files that don't exist."""
    for number, fact in enumerate(step.fact):
        if fact not in references.facts:
            yield ("fact", number), f"flows/facts.yaml has no fact '{fact}': {_suggest_names(fact, references.facts)}"
    if step.escalate and step.escalate.to not in references.roles:
        role = step.escalate.to
        yield (
            ("escalate", "to"),
            f"the district file has nobody on call for '{role}': {_suggest_names(role, references.roles)}",
        )
    if step.media and step.media.file not in references.media:
        yield ("media", "file"), f"flows/media has no file '{step.media.file}': put it there"
    saved_names = {
        other_step.save for other_flow in flows.values() for other_step in other_flow.steps.values() if other_step.save
    }
    for path, answer in ((("find", "near"), step.find and step.find.near), (("suggest",), step.suggest)):
        if answer and answer not in saved_names:
            yield path, f"no question saves an answer as '{answer}': {_suggest_names(answer, saved_names)}"
    date_questions = [other_step for other_step in flow.steps.values() if other_step.answer == "date"]
    saved_days = {question.save for question in date_questions if question.save} | {NEXT_SCHOOL_DAY}
    if step.schedule and step.schedule.day not in saved_days:
        days = ", ".join(sorted(saved_days))
        yield ("schedule", "day"), f"use a day that 'answer: date' saves, or {NEXT_SCHOOL_DAY}: write one of {days}"
    attribute_keys = {
        f"contact.{attribute}"
        for other_flow in flows.values()
        for other_step in other_flow.steps.values()
        for attribute in other_step.set
    }
    condition_keys = references.condition_keys | CONTACT_CONDITION_KEYS | attribute_keys
    for number, condition in enumerate(step.when):
        for name in condition.if_:
            if name not in condition_keys:
                message = f"there is no value '{name}': {_suggest_names(name, condition_keys)}"
                yield ("when", number, "if", name), message


def _suggest_names(name: str, names: Mapping[str, object] | frozenset[str] | set[str]) -> str:
    """Return a hint with the most similar names, or with the first names of a list."""
    similar_names = get_close_matches(name, list(names), 3, 0.5) or sorted(names)[:8]
    return f"write {' or '.join(similar_names)}" if similar_names else "there is none yet"


def list_step_references(flow: Flow) -> Iterator[tuple[SourcePath, str]]:
    """Yield every reference to a step of this flow, with the name of the step."""
    for name, step in flow.steps.items():
        for number, condition in enumerate(step.when):
            yield ("steps", name, "when", number, "then"), condition.then
        if step.then:
            yield ("steps", name, "then"), step.then
        if step.otherwise:
            yield ("steps", name, "otherwise", "then"), step.otherwise.then
        if step.timeout:
            yield ("steps", name, "timeout", "then"), step.timeout.then
        for choice, option in step.choices.items():
            if option.then:
                yield ("steps", name, "choices", choice, "then"), option.then


def list_flow_references(flow: Flow) -> Iterator[tuple[SourcePath, str]]:
    """Yield every reference to another flow, with its name."""
    for name, step in flow.steps.items():
        if step.go:
            yield ("steps", name, "go"), step.go
        if step.call:
            yield ("steps", name, "call"), step.call
        if step.follow_up:
            yield ("steps", name, "follow_up", "flow"), step.follow_up.flow
        if step.schedule:
            yield ("steps", name, "schedule", "flow"), step.schedule.flow
        for choice, option in step.choices.items():
            if option.go:
                yield ("steps", name, "choices", choice, "go"), option.go


def list_flow_texts(flow: Flow) -> Iterator[tuple[SourcePath, Text]]:
    """Yield every text of a flow that a family can read, in the order of the file."""
    if flow.label:
        yield ("label",), flow.label
    for name, step in flow.steps.items():
        if step.media:
            yield ("steps", name, "media", "says"), step.media.says
        for number, text in enumerate(step.say):
            yield ("steps", name, "say", number), text
        if step.ask is not None:
            yield ("steps", name, "ask"), step.ask
        for choice, option in step.choices.items():
            yield ("steps", name, "choices", choice, "label"), option.label
        if step.otherwise:
            yield ("steps", name, "otherwise", "retry"), step.otherwise.retry


def find_placeholders(text: Text) -> frozenset[str]:
    """Return the names in braces, and for a plural also the name of its number.

    Raises ValueError if a brace is open or holds more than a name (`{0}`, `{name:>99}`). Such a text would fail while
    Puente sends it to a family.
    """
    if isinstance(text, Plural):
        return find_placeholders(text.one) | find_placeholders(text.other) | {text.count}
    if "{" not in text and "}" not in text:
        return frozenset()
    fields = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    for name, format_spec, conversion in fields:
        if format_spec or conversion or not str(name).isidentifier():
            raise ValueError(f"'{{{name}}}' holds more than a name")
    return frozenset(str(name) for name, _, _ in fields)


def _check_placeholders(source: Source, flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Problem]:
    called_flows = [flows[step.call] for step in flow.steps.values() if step.call and step.call in flows]
    saved_names = {
        step.save for source_flow in (flow, *called_flows) for step in source_flow.steps.values() if step.save
    }
    for path, text in list_flow_texts(flow):
        allowed = GLOBAL_PLACEHOLDERS | saved_names
        if path[-1] == "ask" and flow.steps[str(path[1])].timeout:
            allowed = allowed | {WAIT_MINUTES_PLACEHOLDER}
        try:
            unknown = find_placeholders(text) - allowed
        except ValueError as error:
            yield source.build_problem(path, f"a brace is not closed ({error}): write {{name}}")
            continue
        for name in sorted(unknown):
            yield source.build_problem(path, f"nothing fills in {{{name}}}: use one of {', '.join(sorted(allowed))}")


def _check_reachability(source: Source, flow: Flow) -> Iterator[Problem]:
    reached, pending = set(), [flow.first_step]
    while pending:
        name = pending.pop()
        if name not in reached and name in flow.steps:
            reached.add(name)
            pending += [step for path, step in list_step_references(flow) if path[1] == name]
    for name in flow.steps:
        if name not in reached:
            yield source.build_problem(("steps", name), f"no step leads to '{name}': remove it or add a way to it")
