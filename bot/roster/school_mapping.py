"""Schools as files write them: by the district file's id, by name, or by an unmistakable part of the name."""

import re
from collections.abc import Mapping

from rapidfuzz import fuzz, process

from bot.base.text_normalization import normalise
from bot.content.district import School
from bot.roster.report import BadLine

_SEVERAL = re.compile(r"[;,/|\n]|\band\b", re.IGNORECASE)
SHORTEST_BEGINNING = 3
NEAREST, NEAR = 2, 45
MOST_REMEMBERED, LONGEST_CELL = 2000, 500


class Schools:
    """Finds schools of the district by what a cell says."""

    def __init__(self, schools: Mapping[str, School]) -> None:
        self._ids = {normalise(school_id.replace("_", " ")): school_id for school_id in schools}
        self._names = {normalise(school.name): school_id for school_id, school in schools.items()}
        self._shown = {school_id: school.name for school_id, school in schools.items()}
        self._known: dict[str, tuple[str, ...]] = {}

    def find(self, cell: str) -> tuple[str, ...]:
        """The schools of a cell, none for an empty one; raises `BadLine` with the nearest names."""
        if len(cell) > LONGEST_CELL:
            raise BadLine("the school cell is far too long: write the school's name or id as in the district file")
        if cell not in self._known:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[cell] = self._find(cell)
        return self._known[cell]

    def one(self, text: str) -> str | None:
        """The school that this names, if it names one and no other."""
        plain = normalise(text.replace("_", " "))
        exact = self._ids.get(plain) or self._names.get(plain)
        if exact or len(plain) < SHORTEST_BEGINNING:
            return exact
        begun = {one for name, one in self._names.items() if name.startswith(plain) or plain.startswith(f"{name} ")}
        return begun.pop() if len(begun) == 1 else None

    def nearest(self, text: str) -> str:
        """A remedy that names the schools spelled most like it."""
        names = list(self._names)
        found = process.extract(normalise(text), names, scorer=fuzz.WRatio, limit=NEAREST, score_cutoff=NEAR)
        names = [f"“{self._shown[self._names[name]]}”" for name, _, _ in found]
        return f"nearest: {' or '.join(names)}" if names else "write its name or id as in the district file"

    def _find(self, cell: str) -> tuple[str, ...]:
        if not cell.strip():
            return ()
        if whole := self.one(cell):
            return (whole,)
        found = []
        for part in (part for part in _SEVERAL.split(cell) if part.strip()):
            school = self.one(part)
            if school is None:
                raise BadLine(f"the school is not in the district file; {self.nearest(part)}")
            found.append(school)
        if not found:
            raise BadLine("the school cell names no school: write its name or id as in the district file")
        return tuple(dict.fromkeys(found))
