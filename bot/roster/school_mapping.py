"""Schools as files write them: by the district file's id, by name, or by an unmistakable part of the name."""

import re
from collections.abc import Mapping

from rapidfuzz import fuzz, process

from bot.base.text_normalization import normalize_text
from bot.content.district import School
from bot.roster.report import BadLineError

_SCHOOL_SEPARATOR_PATTERN = re.compile(r"[;,/|\n]|\band\b", re.IGNORECASE)
MIN_PREFIX_LENGTH = 3
MAX_SUGGESTIONS, MIN_SUGGESTION_SCORE = 2, 45
MAX_SCHOOL_CELL_LENGTH = 500


class SchoolFinder:
    """Finds schools of the district by what a cell says."""

    def __init__(self, schools: Mapping[str, School]) -> None:
        self._ids = {normalize_text(school_id.replace("_", " ")): school_id for school_id in schools}
        self._names = {normalize_text(school.name): school_id for school_id, school in schools.items()}
        self._shown = {school_id: school.name for school_id, school in schools.items()}

    def find(self, cell: str) -> tuple[str, ...]:
        """The schools of a cell, none for an empty one; raises `BadLine` with the nearest names."""
        if len(cell) > MAX_SCHOOL_CELL_LENGTH:
            raise BadLineError("the school cell is far too long: write the school's name or id as in the district file")
        return self._find_schools(cell)

    def find_one(self, text: str) -> str | None:
        """The school that this names, if it names one and no other."""
        plain = normalize_text(text.replace("_", " "))
        exact = self._ids.get(plain) or self._names.get(plain)
        if exact or len(plain) < MIN_PREFIX_LENGTH:
            return exact
        begun = {one for name, one in self._names.items() if name.startswith(plain) or plain.startswith(f"{name} ")}
        return begun.pop() if len(begun) == 1 else None

    def suggest_nearest(self, text: str) -> str:
        """A remedy that names the schools spelled most like it."""
        names = list(self._names)
        found = process.extract(
            normalize_text(text), names, scorer=fuzz.WRatio, limit=MAX_SUGGESTIONS, score_cutoff=MIN_SUGGESTION_SCORE
        )
        names = [f"“{self._shown[self._names[name]]}”" for name, _, _ in found]
        return f"nearest: {' or '.join(names)}" if names else "write its name or id as in the district file"

    def _find_schools(self, cell: str) -> tuple[str, ...]:
        if not cell.strip():
            return ()
        if whole := self.find_one(cell):
            return (whole,)
        found = []
        for part in (part for part in _SCHOOL_SEPARATOR_PATTERN.split(cell) if part.strip()):
            school = self.find_one(part)
            if school is None:
                raise BadLineError(f"the school is not in the district file; {self.suggest_nearest(part)}")
            found.append(school)
        if not found:
            raise BadLineError("the school cell names no school: write its name or id as in the district file")
        return tuple(dict.fromkeys(found))
