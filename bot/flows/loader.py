"""From the text of flow files to a checked set of flows; every error names file, line and column.

Pure: it is given the texts.  `bot.content.library` reads the files.
"""

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from bot.base.yaml_source import BadSource, Path, Problem, Source, parse
from bot.flows.cycle_check import endless
from bot.flows.model import Flow, FlowSet, Plural, Step, Text
from bot.flows.steps import NEXT_SCHOOL_DAY

PLACEHOLDERS = frozenset(
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
"""What a text may hold besides the answers that its own flow, or one that it calls, saved."""
OF_A_QUESTION = "wait_minutes"
"""How long a question with a time-out waits: only that question may say it."""
OF_A_CONTACT = frozenset({"contact.language", "contact.channel", "contact.school"})


@dataclass(frozen=True)
class Known:
    """What flows may name: fact ids, on-call roles, `district.…` and `school.…` facts, files of `flows/media/`."""

    facts: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    about: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()


def load_flows(texts: Mapping[str, str], known: Known) -> FlowSet:
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
    flows = {name: flow for name, (_, flow) in sources.items()}
    for source, flow in sources.values():
        problems += _check(source, flow, flows, known)
    for name, step in endless(flows):
        message = f"from '{step}' the flow comes round without asking anything: put a question in between"
        problems.append(sources[name][0].problem(("steps", step), message))
    if problems:
        raise BadSource(sorted(problems))
    return FlowSet(flows)


def _check(source: Source, flow: Flow, flows: Mapping[str, Flow], known: Known) -> Iterator[Problem]:
    for path, step in steps_to(flow):
        if step not in flow.steps:
            yield source.problem(path, f"there is no step '{step}' in this flow: {_instead(step, flow.steps)}")
    for path, target in flows_to(flow):
        if target not in flows:
            yield source.problem(path, f"there is no flow '{target}': {_instead(target, flows)}")
    for name, step_ in flow.steps.items():
        for path, message in _names(flow, step_, flows, known):
            yield source.problem(("steps", name, *path), message)
    yield from _placeholders(source, flow, flows)
    yield from _unreached(source, flow)


def _names(flow: Flow, step: Step, flows: Mapping[str, Flow], known: Known) -> Iterator[tuple[Path, str]]:
    """What one step names that is not in a flow file."""
    for number, fact in enumerate(step.fact):
        if fact not in known.facts:
            yield ("fact", number), f"flows/facts.yaml has no fact '{fact}': {_instead(fact, known.facts)}"
    if step.escalate and step.escalate.to not in known.roles:
        to = step.escalate.to
        yield ("escalate", "to"), f"the district file has nobody on call for '{to}': {_instead(to, known.roles)}"
    if step.media and step.media.file not in known.media:
        yield ("media", "file"), f"flows/media has no file '{step.media.file}': put it there"
    saved = {one.save for other in flows.values() for one in other.steps.values() if one.save}
    for path, answer in ((("find", "near"), step.find and step.find.near), (("suggest",), step.suggest)):
        if answer and answer not in saved:
            yield path, f"no question saves an answer as '{answer}': {_instead(answer, saved)}"
    days = {one.save for one in flow.steps.values() if one.answer == "date" and one.save} | {NEXT_SCHOOL_DAY}
    if step.schedule and step.schedule.day not in days:
        yield ("schedule", "day"), f"write one of {', '.join(sorted(days))}: a day saved by 'answer: date', or that"
    notes = {f"contact.{note}" for one in flows.values() for any_ in one.steps.values() for note in any_.set}
    about = known.about | OF_A_CONTACT | notes
    for number, condition in enumerate(step.when):
        for name in condition.if_:
            if name not in about:
                yield ("when", number, "if", name), f"nothing says what '{name}' is: {_instead(name, about)}"


def _instead(name: str, names: Mapping[str, object] | frozenset[str] | set[str]) -> str:
    """What to write instead: the names most like it, or all of a few."""
    near = get_close_matches(name, list(names), 3, 0.5) or sorted(names)[:8]
    return f"write {' or '.join(near)}" if near else "there is none yet"


def steps_to(flow: Flow) -> Iterator[tuple[Path, str]]:
    """Every place in a flow that names a step of it, with the name."""
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


def flows_to(flow: Flow) -> Iterator[tuple[Path, str]]:
    """Every place in a flow that names another flow, with the name."""
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


def texts_of(flow: Flow) -> Iterator[tuple[Path, Text]]:
    """Every text of a flow that a family may read, in the order of the file."""
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


def placeholders(text: Text) -> frozenset[str]:
    """The names in braces, and the number that a plural depends on; raises ValueError for an open brace, or one with
    more than a name in it (`{0}`, `{name:>99}`), on which the message of a family would break."""
    if isinstance(text, Plural):
        return placeholders(text.one) | placeholders(text.other) | {text.count}
    if "{" not in text and "}" not in text:
        return frozenset()
    found = [part[1:] for part in string.Formatter().parse(text) if part[1] is not None]
    if more := [name for name, how, turned in found if how or turned or not str(name).isidentifier()]:
        raise ValueError(f"more than a name stands in '{{{more[0]}}}'")
    return frozenset(str(name) for name, _, _ in found)


def _placeholders(source: Source, flow: Flow, flows: Mapping[str, Flow]) -> Iterator[Problem]:
    called = [flows[step.call] for step in flow.steps.values() if step.call and step.call in flows]
    saved = {step.save for one in (flow, *called) for step in one.steps.values() if step.save}
    for path, text in texts_of(flow):
        asked = flow.steps[str(path[1])] if len(path) > 1 else None
        own = {OF_A_QUESTION} if path[-1] == "ask" and asked and asked.timeout else set()
        allowed = PLACEHOLDERS | saved | own
        try:
            unknown = placeholders(text) - allowed
        except ValueError as error:
            yield source.problem(path, f"a brace is not closed ({error}): write {{name}}")
            continue
        for name in sorted(unknown):
            yield source.problem(path, f"nothing fills in {{{name}}}: use one of {', '.join(sorted(allowed))}")


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
