"""YAML with places: what a person wrote, as plain data, and for each value the line and column it stands at."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
FAST_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's loader in C, ten times as quick; some platforms have none."""
MAX_NODES = 200_000
"""A hundred times what the largest file has."""
NON_PATH_PARTS = frozenset({"[key]", "str", "Plural"})
"""What pydantic puts into a place that does not stand in the file: which reading of a text it tried."""
REMEDY_BY_ERROR_TYPE = {
    "string_type": "put the text in quotes",
    "string_pattern_mismatch": "write small letters, digits and _, such as home_visit",
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
"""What to write instead, by pydantic's name of the mistake."""


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in a file: where it is, and what to write instead."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """As editors and compilers write it: `file:line:col: message`."""
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class SourceError(Exception):
    """One or more files cannot be used; `problems` says where and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


SourcePath = tuple[str | int, ...]


@dataclass(frozen=True)
class Source:
    """A parsed file: `data`, and `problem()` to point at a place in it."""

    file: str
    data: Any
    marks: dict[SourcePath, tuple[int, int]]

    def build_problem(self, path: SourcePath, message: str) -> Problem:
        """A problem at `path`, or at the nearest place above it that stands in the file."""
        while path not in self.marks and path:
            path = path[:-1]
        line, column = self.marks.get(path, (1, 1))
        return Problem(self.file, line, column, message)

    def parse_model(self, model_class: type[M]) -> M:
        """The data as a checked model; raises `BadSource` with every problem that was found."""
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
            remedy = f"write '{close_matches[0]}'" if close_matches else "remove it or mend its spelling"
            message = f"'{path[-1]}' is not a word of the grammar here: {remedy}"
        elif detail["type"] == "missing":
            message = f"'{path[-1]}' is missing: add it"
        elif detail["type"] in REMEDY_BY_ERROR_TYPE:
            message = f"{message[0].lower()}{message[1:]}: {REMEDY_BY_ERROR_TYPE[detail['type']]}"
        return self.build_problem(path, message)


def _list_grammar_words(model_class: type[BaseModel]) -> list[str]:
    """Every word that the grammar of this file has, wherever it stands."""
    schema = model_class.model_json_schema()
    models = [schema, *schema.get("$defs", {}).values()]
    return sorted({word for model in models for word in model.get("properties", {})})


def decode_source(data: bytes, file: str) -> str:
    """The text in a file's bytes; raises `BadSource` with the line that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError([Problem(file, line, 1, "not UTF-8: save the file as UTF-8")]) from None


def parse_yaml(text: str, file: str) -> Source:
    """The one YAML document in `text`; raises `BadSource` for what YAML itself does not allow, twice-used keys too."""
    try:
        return _parse_with_fallback(text, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SourceError([Problem(file, line, column, f"not YAML: {error.problem}")]) from None
    except yaml.YAMLError:
        raise SourceError([Problem(file, 1, 1, "not YAML: a character that YAML does not allow")]) from None
    except RecursionError:  # brackets in brackets, or what holds itself (`&a [*a]`)
        raise SourceError([Problem(file, 1, 1, "one thing within another, too deep to be read")]) from None


def _parse_with_fallback(text: str, file: str) -> Source:
    try:
        return _load_source(text, file, FAST_LOADER)
    except (yaml.YAMLError, UnicodeEncodeError):
        return _load_source(text, file, yaml.SafeLoader)  # whose sentences about mistakes are the better ones


def _load_source(text: str, file: str, loader_class: Any) -> Source:
    """Read once: the nodes say where each thing stands, and then become the data."""
    loader = loader_class(text)
    try:
        node = loader.get_single_node()
        marks: dict[SourcePath, tuple[int, int]] = {}
        duplicates: list[Problem] = []
        if node is not None:
            _record_marks(node, (), marks, duplicates, file)
        if duplicates:
            raise SourceError(duplicates)
        return Source(file, None if node is None else loader.construct_document(node), marks)
    finally:
        loader.dispose()


def _record_marks(
    node: yaml.Node, path: SourcePath, marks: dict[SourcePath, tuple[int, int]], duplicates: list[Problem], file: str
) -> None:
    """`marks` has one entry for each thing: what repeats itself ten times, ten times over, has no end."""
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(marks) > MAX_NODES:
        raise SourceError([Problem(file, *marks[path], "too much for one file: things repeat each other (`*name`)")])
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _record_marks(item, (*path, number), marks, duplicates, file)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, mark = str(key.value), key.start_mark
            if name in seen:
                duplicates.append(
                    Problem(file, mark.line + 1, mark.column + 1, f"'{name}' stands here twice: keep one")
                )
            seen.add(name)
            marks[(*path, name)] = (mark.line + 1, mark.column + 1)
            _record_marks(value, (*path, name), marks, duplicates, file)
