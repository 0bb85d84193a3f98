"""Babel extractor: the texts in a module's constants, for modules that cannot mark them (`bot/web/console/words`)."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

ExtractedConstant = tuple[int, str, str, list[str]]


def extract(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterable[ExtractedConstant]:
    """(line, function, text, comments) of every text that is a constant, or a value of one (Babel's interface)."""
    for statement in ast.parse(file.read()).body:
        if isinstance(statement, ast.Assign):
            yield from (
                (constant.lineno, "gettext", str(constant.value), []) for constant in _find_texts(statement.value)
            )


def _find_texts(value: ast.expr) -> Iterator[ast.Constant]:
    for node in value.values if isinstance(value, ast.Dict) else [value]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node
