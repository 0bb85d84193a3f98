"""Print the figures of the code that docs/architecture.md compares.

python -m tests.bench.code             this checkout
python -m tests.bench.code FOLDER      another checkout, for example of an earlier release
"""

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median, quantiles

from bot.base.settings import ROOT

BANNED_IDIOMS = re.compile(
    r"\b(whoever|whomever|anew|stands|stood|told(?! us)|mends?|mended|in vain|leads to nobody)\b",
    re.IGNORECASE,
)
"""Idioms of a translation (review code.md, section 3.2): archaic, ambiguous, or negative subjects."""


def measure(root: Path) -> dict[str, float | str]:
    """Return the figures of the package `bot` below `root`."""
    trees = {path: ast.parse(path.read_text()) for path in sorted((root / "bot").rglob("*.py"))}
    functions = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    lengths = [_count_lines(function) for function in functions]
    lines = sum(len(path.read_text().splitlines()) for path in trees)
    conditionals = sum(isinstance(node, ast.IfExp) for tree in trees.values() for node in ast.walk(tree))
    classes = Counter(find_class_names(root))
    return {
        "files": len(trees),
        "lines": lines,
        "files in an import cycle": len(find_cycle(build_import_graph(root, trees))),
        "class names used more than once": sum(count > 1 for count in classes.values()),
        "banned idioms": sum(len(BANNED_IDIOMS.findall(text)) for path in trees for text in list_prose(path)),
        "functions": len(functions),
        "function names of one word (%)": round(100 * sum(map(_is_one_word, functions)) / len(functions)),
        "median function length (lines)": median(lengths),
        "p90 function length (lines)": round(quantiles(lengths, n=10)[8]),
        "longest function (lines)": max(lengths),
        "conditional expressions per 1,000 lines": round(1000 * conditionals / lines, 1),
    }


def find_class_names(root: Path) -> list[str]:
    """Return the name of each class in `bot`, once for each definition."""
    trees = [ast.parse(path.read_text()) for path in (root / "bot").rglob("*.py")]
    return [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _count_lines(function: ast.FunctionDef) -> int:
    """Count the lines of the body, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def _is_one_word(function: ast.FunctionDef) -> bool:
    return "_" not in function.name.strip("_")


def list_prose(path: Path) -> Iterator[str]:
    """Yield the comments and the string literals of a Python file."""
    source = path.read_text()
    for line in source.splitlines():
        _, sign, comment = line.partition("# ")
        if sign and "'" not in line.split("# ")[0] and '"' not in line.split("# ")[0]:
            yield comment
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def build_import_graph(root: Path, trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Map each module to the modules of `bot` that it imports."""
    names = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in trees}
    graph: dict[str, set[str]] = {}
    for path, tree in trees.items():
        own = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        targets = graph.setdefault(own, set())
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    inside = f"{node.module}.{alias.name}"
                    targets.add(inside if inside in names else node.module)
        graph[own] = (targets & names) - {own}
    return graph


def find_cycle(graph: dict[str, set[str]]) -> tuple[str, ...]:
    """Return the modules of one import cycle, or an empty tuple."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return tuple(error.args[1][1:])
    return ()


if __name__ == "__main__":
    for name, figure in measure(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT).items():
        print(f"{name:42} {figure}")
