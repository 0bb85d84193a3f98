"""Babel extractor: the texts in a module's constants, for modules that cannot mark them (`bot/web/console/words`)."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

ExtractedConstant = tuple[int, str, str, list[str]]


def extract(file: BinaryIO, keywords: Any, comment_tags: Any, options: Any) -> Iterable[ExtractedConstant]:
    """(line, function, text, comments) of every text that is a constant, or a value of one (Babel's interface)."""
    for statement in ast.parse(file.read()).body:
        if isinstance(statement, ast.Assign):
            yield from ((one.lineno, "gettext", str(one.value), []) for one in _find_texts(statement.value))


def _find_texts(value: ast.expr) -> Iterator[ast.Constant]:
    for one in value.values if isinstance(value, ast.Dict) else [value]:
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one
