"""Draw a flow as a Mermaid flowchart, for `bot graph` and for the console."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.flows.model import Flow, Plural, Step, Text, format_span


@dataclass(frozen=True)
class Arrow:
    """Hold an arrow from a step to another step, or to another flow.

    `is_side_path`: the arrow isn't the usual path.
    """

    label: str
    target: str
    is_to_flow: bool = False
    is_side_path: bool = False


def render_mermaid(flow: Flow) -> str:
    """Return the flow as Mermaid text.

    Questions have boxes with pointed ends, ends have round boxes, and other flows have stadiums.
    """
    lines = ["flowchart TD", f'  start(["{_escape_quotes(flow.title)}"]) --> {_build_node_id(flow.first_step)}']
    for name, step in flow.steps.items():
        lines.append(f"  {_build_node_id(name)}{_render_box(name, step)}")
        lines += [f"  {_build_node_id(name)} {_render_arrow(arrow)}" for arrow in list_arrows(step)]
    return "\n".join(lines)


def list_box_lines(step: Step) -> list[str]:
    """List the lines in the box of a step: facts, texts, the question, and the role that it alerts."""
    texts: list[Text] = [*(f"fact: {fact}" for fact in step.fact), *step.say, *([step.ask] if step.ask else [])]
    if step.escalate:
        texts.append(f"→ {step.escalate.to}, {step.escalate.severity}")
    return [_flatten_text(text) for text in texts]


def list_arrows(step: Step) -> Iterator[Arrow]:
    """Yield every arrow from a step, in the order in which the engine tries them."""
    for condition in step.when:
        condition_text = " and ".join(f"{name}: {' or '.join(values)}" for name, values in condition.if_.items())
        yield Arrow(f"if {condition_text}", condition.then)
    for choice in step.choices.values():
        yield Arrow(_flatten_text(choice.label), choice.then or choice.go or "", is_to_flow=not choice.then)
    if step.otherwise:
        yield Arrow(f"anything else, {step.otherwise.times} times", step.otherwise.then, is_side_path=True)
    if step.timeout:
        yield Arrow(f"no answer in {format_span(step.timeout.after)}", step.timeout.then, is_side_path=True)
    if step.then:
        yield Arrow("", step.then)
    if step.go:
        yield Arrow("", step.go, is_to_flow=True)
    if step.call:
        yield Arrow("calls, and comes back", step.call, is_to_flow=True, is_side_path=True)
    if step.schedule:
        yield Arrow(f"on the day {step.schedule.day}", step.schedule.flow, is_to_flow=True, is_side_path=True)
    if step.follow_up:
        yield Arrow(
            f"after {format_span(step.follow_up.after)}", step.follow_up.flow, is_to_flow=True, is_side_path=True
        )


def _render_box(name: str, step: Step) -> str:
    content = "<br>".join([f"<b>{name}</b>", *(_escape_quotes(line) for line in list_box_lines(step))])
    opening, closing = "[", "]"
    if step.ask:
        opening, closing = "{{", "}}"
    elif step.end:
        opening, closing = "([", "])"
    return f'{opening}"{content}"{closing}'


def _render_arrow(arrow: Arrow) -> str:
    target = _build_node_id(arrow.target)
    if arrow.is_to_flow:
        target = f'flow_{arrow.target}(["{arrow.target}"])'
    if not arrow.label:
        return f"--> {target}"
    label = _escape_quotes(arrow.label)
    return f'-. "{label}" .-> {target}' if arrow.is_side_path else f'-- "{label}" --> {target}'


def _build_node_id(name: str) -> str:
    """Add a prefix, because Mermaid reserves words such as 'end'."""
    return f"step_{name}"


def _flatten_text(text: Text) -> str:
    one_form = text.other if isinstance(text, Plural) else text
    return one_form.replace("\n", " ")


def _escape_quotes(text: str) -> str:
    return text.replace('"', "#quot;")
