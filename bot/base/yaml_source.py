"""Parse YAML files into plain data and record the line and column of each value, for error messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
FAST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's loader in C, which is ten times as fast. Some platforms do not have it."""
MAX_NODES = 200_000
"""A hundred times the nodes of the largest file."""
NON_PATH_PARTS = frozenset({"[key]", "str", "Plural"})
"""Parts of pydantic's error locations that are not in the file, such as the type that it tried."""
REMEDY_BY_ERROR_TYPE = {
    "string_type": "put the text in quotes",
    "string_pattern_mismatch": "write lowercase letters, digits, and _, such as home_visit",
    "bool_type": "write true or leave it out",
    "bool_parsing": "write true or leave it out",
    "dict_type": "write 'name: value' lines under it",
    "model_type": "write 'name: value' lines under it",
    "tuple_type": "write a list: [one, two]",
    "int_parsing": "write a number",
    "int_type": "write a number",
    "time_parsing": 'write a time as "17:00"',
    "date_from_datetime_parsing": "write a day as 2026-11-24",
}
"""What to write instead, by pydantic's error type."""


@dataclass(frozen=True, order=True)
class Problem:
    """An error in a file: where it is, and what to write instead."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """Return the format that editors and compilers use: `file:line:col: message`."""
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class SourceError(Exception):
    """One or more files are not valid. `problems` lists where and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


SourcePath = tuple[str | int, ...]


@dataclass(frozen=True)
class Source:
    """A parsed file: its data, and the line and column of each value."""

    file: str
    data: Any
    marks: dict[SourcePath, tuple[int, int]]

    def build_problem(self, path: SourcePath, message: str) -> Problem:
        """Build a problem at `path`, or at its nearest parent that is in the file."""
        while path not in self.marks and path:
            path = path[:-1]
        line, column = self.marks.get(path, (1, 1))
        return Problem(self.file, line, column, message)

    def parse_model(self, model_class: type[M]) -> M:
        """Return the data as a validated model. Raises `SourceError` with every problem found."""
        try:
            return model_class.model_validate(self.data)
        except ValidationError as error:
            details = [
                detail for detail in error.errors() if detail["type"] != "model_type" or "Plural" not in detail["loc"]
            ]
            raise SourceError(sorted({self._convert_error(detail, model_class) for detail in details})) from None

    def _convert_error(self, detail: Any, model_class: type[BaseModel]) -> Problem:
        path = tuple(part for part in detail["loc"] if part not in NON_PATH_PARTS)
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            close_matches = get_close_matches(str(path[-1]), _list_grammar_words(model_class), 1, 0.6)
            remedy = f"write '{close_matches[0]}'" if close_matches else "remove it or correct its spelling"
            message = f"'{path[-1]}' is not a valid key: {remedy}"
        elif detail["type"] == "missing":
            message = f"'{path[-1]}' is missing: add it"
        elif detail["type"] in REMEDY_BY_ERROR_TYPE:
            message = f"{message[0].lower()}{message[1:]}: {REMEDY_BY_ERROR_TYPE[detail['type']]}"
        return self.build_problem(path, message)


def _list_grammar_words(model_class: type[BaseModel]) -> list[str]:
    """List every key that is valid somewhere in this kind of file."""
    schema = model_class.model_json_schema()
    models = [schema, *schema.get("$defs", {}).values()]
    return sorted({key for model in models for key in model.get("properties", {})})


def decode_source(data: bytes, file: str) -> str:
    """Return the text in a file's bytes. Raises `SourceError` with the line that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError([Problem(file, line, 1, "not UTF-8: save the file as UTF-8")]) from None


def parse_yaml(text: str, file: str) -> Source:
    """Parse the YAML document in `text`. Raises `SourceError` for invalid YAML and duplicate keys."""
    try:
        return _parse_with_fallback(text, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SourceError([Problem(file, line, column, f"not YAML: {error.problem}")]) from None
    except yaml.YAMLError:
        raise SourceError([Problem(file, 1, 1, "not YAML: a character that YAML does not allow")]) from None
    except RecursionError:  # deeply nested brackets, or a value that contains itself (`&a [*a]`)
        raise SourceError([Problem(file, 1, 1, "nested too deeply: use fewer levels")]) from None


def _parse_with_fallback(text: str, file: str) -> Source:
    try:
        return _load_source(text, file, FAST_LOADER)
    except (yaml.YAMLError, UnicodeEncodeError):
        return _load_source(text, file, yaml.SafeLoader)  # its error messages are clearer


def _load_source(text: str, file: str, loader_class: Any) -> Source:
    """Parse once: record the position of each node, then build the data from the nodes."""
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        marks: dict[SourcePath, tuple[int, int]] = {}
        duplicates: list[Problem] = []
        if node is not None:
            _record_marks(node, (), marks, duplicates, file)
        if duplicates:
            raise SourceError(duplicates)
        data = None if node is None else loader.construct_document(node)
        return Source(file, data, marks)
    finally:
        loader.dispose()


def _record_marks(
    node: yaml.Node, path: SourcePath, marks: dict[SourcePath, tuple[int, int]], duplicates: list[Problem], file: str
) -> None:
    """Record the position of each value. Aliases that multiply without end (`*name`) hit the limit on `marks`."""
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(marks) > MAX_NODES:
        raise SourceError([Problem(file, *marks[path], "too large: aliases (`*name`) repeat each other")])
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _record_marks(item, (*path, number), marks, duplicates, file)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, mark = str(key.value), key.start_mark
            if name in seen:
                duplicates.append(
                    Problem(file, mark.line + 1, mark.column + 1, f"'{name}' appears twice: keep one of them")
                )
            seen.add(name)
            marks[(*path, name)] = (mark.line + 1, mark.column + 1)
            _record_marks(value, (*path, name), marks, duplicates, file)
