"""A flow as a picture: what leads where, as Mermaid's flowchart (`bot graph`) and for the console's drawing."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.flows.model import Flow, Plural, Step, Text, span_in_words


@dataclass(frozen=True)
class Arrow:
    """A way on from a step: to another step, or (`flow`) to another flow.  `aside`: not the usual way."""

    label: str
    target: str
    flow: bool = False
    aside: bool = False


def mermaid(flow: Flow) -> str:
    """The flow as Mermaid.  A question is a diamond-ended box, an end is round; other flows stand in stadiums."""
    lines = ["flowchart TD", f'  start(["{_text(flow.title)}"]) --> {_id(flow.first)}']
    for name, step in flow.steps.items():
        lines.append(f"  {_id(name)}{_box(name, step)}")
        lines += [f"  {_id(name)} {_drawn(arrow)}" for arrow in arrows(step)]
    return "\n".join(lines)


def says(step: Step) -> list[str]:
    """What stands in a step's box: facts, texts, the question, whom it alerts."""
    texts: list[Text] = [*(f"fact: {fact}" for fact in step.fact), *step.say, *([step.ask] if step.ask else [])]
    if step.escalate:
        texts.append(f"→ {step.escalate.to}, {step.escalate.severity}")
    return [_plain(text) for text in texts]


def arrows(step: Step) -> Iterator[Arrow]:
    """Every way on from a step, in the order in which they are tried."""
    for condition in step.when:
        asked = " and ".join(f"{name}: {' or '.join(values)}" for name, values in condition.if_.items())
        yield Arrow(f"if {asked}", condition.then)
    for choice in step.choices.values():
        yield Arrow(_plain(choice.label), choice.then or choice.go or "", flow=not choice.then)
    if step.otherwise:
        yield Arrow(f"anything else, {step.otherwise.times} times", step.otherwise.then, aside=True)
    if step.timeout:
        yield Arrow(f"no answer in {span_in_words(step.timeout.after)}", step.timeout.then, aside=True)
    if step.then:
        yield Arrow("", step.then)
    if step.go:
        yield Arrow("", step.go, flow=True)
    if step.call:
        yield Arrow("calls, and comes back", step.call, flow=True, aside=True)
    if step.schedule:
        yield Arrow(f"on the day {step.schedule.day}", step.schedule.flow, flow=True, aside=True)
    if step.follow_up:
        yield Arrow(f"after {span_in_words(step.follow_up.after)}", step.follow_up.flow, flow=True, aside=True)


def _box(name: str, step: Step) -> str:
    inside = "<br>".join([f"<b>{name}</b>", *(_text(line) for line in says(step))])
    opening, closing = ("{{", "}}") if step.ask else ("([", "])") if step.end else ("[", "]")
    return f'{opening}"{inside}"{closing}'


def _drawn(arrow: Arrow) -> str:
    target = f'flow_{arrow.target}(["{arrow.target}"])' if arrow.flow else _id(arrow.target)
    if not arrow.label:
        return f"--> {target}"
    return f'-. "{_text(arrow.label)}" .-> {target}' if arrow.aside else f'-- "{_text(arrow.label)}" --> {target}'


def _id(name: str) -> str:
    """'end' and the like are words of Mermaid's own."""
    return f"step_{name}"


def _plain(text: Text) -> str:
    return (text.other if isinstance(text, Plural) else text).replace("\n", " ")


def _text(text: str) -> str:
    return text.replace('"', "#quot;")
