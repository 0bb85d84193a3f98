"""Invalid flow files: each error names the file, line, and column, and says what to write instead."""

import pytest

from bot.base.yaml_source import SourceError
from bot.flows.loader import FlowReferences, load_flows

GOOD = """\
flow: visit
title: A visit
steps:
  open:
    say: Hello.
    ask: May we come?
    choices:
      "yes": {label: "Yes", then: bye}
      "no": {label: "No", then: bye}
    otherwise: {retry: Please say yes or no., times: 1, then: bye}
  bye:
    say: Thank you.
    end: true
"""


def find_problems(text: str, **more: str) -> list[str]:
    files = {"flows/visit.yaml": text} | {f"flows/{name}.yaml": body for name, body in more.items()}
    with pytest.raises(SourceError) as bad:
        load_flows(files, FlowReferences(frozenset({"a_fact"}), frozenset({"default"})))
    return [str(problem) for problem in bad.value.problems]


def test_valid_flow_loads() -> None:
    flows = load_flows({"flows/visit.yaml": GOOD}, FlowReferences())
    assert flows.flows["visit"].first_step == "open"


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("then: bye}\n      \"no\"", "then: by}\n      \"no\"", "8:29", "no step 'by'"),
        ("    say: Hello.", "    sya: Hello.", "5:5", "'sya' is not a valid key"),
        ("title: A visit\n", "", "1:1", "'title' is missing"),
        ("    end: true\n", "", "11:3", "needs one of"),
        ("    say: Thank you.", "    say: Thank you {nmae}.", "12:5", "{nmae}"),
        ("    say: Thank you.", "    say: Thank you {name.", "12:5", "brace"),
        ("    say: Thank you.", "    fact: no_fact", "12:5", "no fact 'no_fact'"),
        ("    say: Thank you.", "    escalate: {to: nobody, severity: info, about: x}", "12:16", "nobody on call"),
        ("    say: Thank you.", "    follow_up: {after: 2 moons, flow: visit}", "12:17", "'3 days'"),
        ("    end: true", "    go: elsewhere", "13:5", "no flow 'elsewhere'"),
        ("    end: true", "    then: bye", "11:3", "without asking"),
        ("    say: Hello.", "    say: Hello.\n    say: Again.", "6:5", "twice"),
        ("flow: visit", "flow: [visit", "2:6", "not YAML"),
        ("  bye:\n", "  lost:\n    say: x\n    end: true\n  bye:\n", "11:3", "no step leads to 'lost'"),
        ("    otherwise: {retry: Please say yes or no., times: 1, then: bye}\n", "", "4:3", "needs 'otherwise"),
    ],
)  # fmt: skip
def test_error_names_its_place(old: str, new: str, place: str, says: str) -> None:
    assert old in GOOD
    found = find_problems(GOOD.replace(old, new, 1))
    assert any(line.startswith(f"flows/visit.yaml:{place}: ") and says in line for line in found), found


def test_endless_loop_between_flows_is_refused() -> None:
    there = "flow: there\ntitle: t\nsteps:\n  open: {say: x, go: back}\n"
    back = "flow: back\ntitle: t\nsteps:\n  open: {say: x, go: there}\n"
    assert any("without asking" in line for line in find_problems(GOOD, there=there, back=back))


def test_all_errors_in_all_files_are_reported_together() -> None:
    found = find_problems(GOOD.replace("say: Hello.", "sya: Hello."), other="flow: other\n")
    assert {line.split(":")[0] for line in found} == {"flows/visit.yaml", "flows/other.yaml"}
