"""A flow as a picture: Mermaid's flowchart, for `bot graph` and for whoever reads a flow before it is changed."""

from collections.abc import Iterator

from bot.conversation.flow import Flow, Plural, Step, Text


def mermaid(flow: Flow) -> str:
    """The flow as Mermaid.  A question is a diamond-ended box, an end is round; other flows stand in stadiums."""
    lines = ["flowchart TD", f'  start(["{_text(flow.title)}"]) --> {_id(flow.first)}']
    for name, step in flow.steps.items():
        lines.append(f"  {_id(name)}{_box(name, step)}")
        lines += [f"  {_id(name)} {arrow}" for arrow in _arrows(step)]
    return "\n".join(lines)


def _box(name: str, step: Step) -> str:
    says: list[Text] = [*(f"fact: {fact}" for fact in step.fact), *step.say, *([step.ask] if step.ask else [])]
    if step.escalate:
        says.append(f"→ {step.escalate.to}, {step.escalate.severity}")
    inside = "<br>".join([f"<b>{name}</b>", *(_text(line) for line in says)])
    opening, closing = ("{{", "}}") if step.ask else ("([", "])") if step.end else ("[", "]")
    return f'{opening}"{inside}"{closing}'


def _arrows(step: Step) -> Iterator[str]:
    for condition in step.when:
        asked = " and ".join(f"{name}: {' or '.join(values)}" for name, values in condition.if_.items())
        yield f'-- "if {asked}" --> {_id(condition.then)}'
    for choice in step.choices.values():
        target = _id(choice.then) if choice.then else _flow(choice.go or "")
        yield f'-- "{_text(choice.label)}" --> {target}'
    if step.otherwise:
        yield f'-. "anything else, {step.otherwise.times} times" .-> {_id(step.otherwise.then)}'
    if step.timeout:
        yield f'-. "no answer in {step.timeout.after}" .-> {_id(step.timeout.then)}'
    if step.then:
        yield f"--> {_id(step.then)}"
    if step.go:
        yield f"--> {_flow(step.go)}"
    if step.call:
        yield f'-. "calls, and comes back" .-> {_flow(step.call)}'
    if step.schedule:
        yield f'-. "on the day {step.schedule.day}" .-> {_flow(step.schedule.flow)}'
    if step.follow_up:
        yield f'-. "after {step.follow_up.after}" .-> {_flow(step.follow_up.flow)}'


def _flow(name: str) -> str:
    return f'flow_{name}(["{name}"])'


def _id(name: str) -> str:
    """'end' and the like are words of Mermaid's own."""
    return f"step_{name}"


def _text(text: Text) -> str:
    return (text.other if isinstance(text, Plural) else text).replace('"', "#quot;").replace("\n", " ")
