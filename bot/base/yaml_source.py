"""YAML with places: what a person wrote, as plain data, and for each value the line and column it stands at."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
QUICK: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""PyYAML's loader in C, ten times as quick; some platforms have none."""
MOST_THINGS = 200_000
"""A hundred times what the largest file has."""
NOT_A_PLACE = frozenset({"[key]", "str", "Plural"})
"""What pydantic puts into a place that does not stand in the file: which reading of a text it tried."""
INSTEAD = {
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


class BadSource(Exception):
    """One or more files cannot be used; `problems` says where and why."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Source:
    """A parsed file: `data`, and `problem()` to point at a place in it."""

    file: str
    data: Any
    marks: dict[Path, tuple[int, int]]

    def problem(self, path: Path, message: str) -> Problem:
        """A problem at `path`, or at the nearest place above it that stands in the file."""
        while path not in self.marks and path:
            path = path[:-1]
        line, column = self.marks.get(path, (1, 1))
        return Problem(self.file, line, column, message)

    def model(self, kind: type[M]) -> M:
        """The data as a checked model; raises `BadSource` with every problem that was found."""
        try:
            return kind.model_validate(self.data)
        except ValidationError as error:
            found = [one for one in error.errors() if one["type"] != "model_type" or "Plural" not in one["loc"]]
            raise BadSource(sorted({self._in_words(one, kind) for one in found})) from None

    def _in_words(self, found: Any, kind: type[BaseModel]) -> Problem:
        path = tuple(part for part in found["loc"] if part not in NOT_A_PLACE)
        message = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            near = get_close_matches(str(path[-1]), _words(kind), 1, 0.6)
            instead = f"write '{near[0]}'" if near else "remove it or mend its spelling"
            message = f"'{path[-1]}' is not a word of the grammar here: {instead}"
        elif found["type"] == "missing":
            message = f"'{path[-1]}' is missing: add it"
        elif found["type"] in INSTEAD:
            message = f"{message[0].lower()}{message[1:]}: {INSTEAD[found['type']]}"
        return self.problem(path, message)


def _words(kind: type[BaseModel]) -> list[str]:
    """Every word that the grammar of this file has, wherever it stands."""
    schema = kind.model_json_schema()
    models = [schema, *schema.get("$defs", {}).values()]
    return sorted({word for model in models for word in model.get("properties", {})})


def decoded(data: bytes, file: str) -> str:
    """The text in a file's bytes; raises `BadSource` with the line that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadSource([Problem(file, line, 1, "not UTF-8: save the file as UTF-8")]) from None


def parse(text: str, file: str) -> Source:
    """The one YAML document in `text`; raises `BadSource` for what YAML itself does not allow, twice-used keys too."""
    try:
        return _parsed(text, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadSource([Problem(file, line, column, f"not YAML: {error.problem}")]) from None
    except yaml.YAMLError:
        raise BadSource([Problem(file, 1, 1, "not YAML: a character that YAML does not allow")]) from None
    except RecursionError:  # brackets in brackets, or what holds itself (`&a [*a]`)
        raise BadSource([Problem(file, 1, 1, "one thing within another, too deep to be read")]) from None


def _parsed(text: str, file: str) -> Source:
    try:
        return _read(text, file, QUICK)
    except (yaml.YAMLError, UnicodeEncodeError):
        return _read(text, file, yaml.SafeLoader)  # whose sentences about mistakes are the better ones


def _read(text: str, file: str, kind: Any) -> Source:
    """Read once: the nodes say where each thing stands, and then become the data."""
    loader = kind(text)
    try:
        node = loader.get_single_node()
        marks: dict[Path, tuple[int, int]] = {}
        twice: list[Problem] = []
        if node is not None:
            _walk(node, (), marks, twice, file)
        if twice:
            raise BadSource(twice)
        return Source(file, None if node is None else loader.construct_document(node), marks)
    finally:
        loader.dispose()


def _walk(node: yaml.Node, path: Path, marks: dict[Path, tuple[int, int]], twice: list[Problem], file: str) -> None:
    """`marks` has one entry for each thing: what repeats itself ten times, ten times over, has no end."""
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
    if len(marks) > MOST_THINGS:
        raise BadSource([Problem(file, *marks[path], "too much for one file: things repeat each other (`*name`)")])
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            _walk(item, (*path, number), marks, twice, file)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name, at = str(key.value), key.start_mark
            if name in seen:
                twice.append(Problem(file, at.line + 1, at.column + 1, f"'{name}' stands here twice: keep one"))
            seen.add(name)
            marks[(*path, name)] = (at.line + 1, at.column + 1)
            _walk(value, (*path, name), marks, twice, file)
