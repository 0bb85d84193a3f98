"""Every test that docs/security.md names exists."""

import ast
import re

from bot.base.settings import ROOT

TEST_REFERENCE = re.compile(r"`(?P<file>tests/[\w/]+\.py)?::(?P<test>test_\w+)`")


def test_every_documented_test_exists() -> None:
    """A name that begins with `::` belongs to the file named before it."""
    file, named = "", []
    for found in TEST_REFERENCE.finditer((ROOT / "docs/security.md").read_text()):
        file = found["file"] or file
        named.append((file, found["test"]))
    missing = [f"{file}::{test}" for file, test in named if test not in names_in(file)]
    assert missing == [] and len(named) > 60


def names_in(file: str) -> set[str]:
    path = ROOT / file
    tree = ast.parse(path.read_text()) if path.exists() else ast.Module([], [])
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_listed_attacker_has_a_tested_paragraph() -> None:
    text = (ROOT / "docs/security.md").read_text().split("## Who\n")[1].split("\n## ")[0]
    people = [one for one in text.split("\n\n") if one.strip().startswith("**")]
    without = [one.strip().splitlines()[0] for one in people if "::test_" not in one]
    assert len(people) >= 17 and [one for one in without if "SIM swap" not in one and "screenshot" not in one] == []
