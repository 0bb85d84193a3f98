"""YAML with places: what a person wrote, as plain data, and for each value the line and column it stands at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)


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
            raise BadSource([self._in_words(found) for found in error.errors()]) from None

    def _in_words(self, found: Any) -> Problem:
        path = tuple(part for part in found["loc"] if part not in ("[key]",))
        message = found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            message = f"'{path[-1]}' is not a word of the grammar here: remove it or mend its spelling"
        elif found["type"] == "missing":
            message = f"'{path[-1]}' is missing: add it"
        return self.problem(path, message)


def parse(text: str, file: str) -> Source:
    """The one YAML document in `text`; raises `BadSource` for what YAML itself does not allow, twice-used keys too."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadSource([Problem(file, line, column, f"not YAML: {error.problem}")]) from None
    except yaml.YAMLError:
        raise BadSource([Problem(file, 1, 1, "not YAML: a character that YAML does not allow")]) from None
    marks: dict[Path, tuple[int, int]] = {}
    twice: list[Problem] = []
    if node is not None:
        _walk(node, (), marks, twice, file)
    if twice:
        raise BadSource(twice)
    return Source(file, data, marks)


def _walk(node: yaml.Node, path: Path, marks: dict[Path, tuple[int, int]], twice: list[Problem], file: str) -> None:
    marks.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
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
