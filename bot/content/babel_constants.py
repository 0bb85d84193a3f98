"""Extract texts from module constants with Babel, for modules that cannot mark them (`bot/web/console/words`)."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

ExtractedConstant = tuple[int, str, str, list[str]]


def extract(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterable[ExtractedConstant]:
    """Yield (line, function, text, comments) of every text that is a constant or a value of one (Babel's interface)."""
    for statement in ast.parse(file.read()).body:
        if isinstance(statement, ast.Assign):
            for constant in _find_texts(statement.value):
                yield constant.lineno, "gettext", str(constant.value), []


def _find_texts(value: ast.expr) -> Iterator[ast.Constant]:
    nodes = value.values if isinstance(value, ast.Dict) else [value]
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node
