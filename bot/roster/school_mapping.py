"""Recognize schools in rosters by the ID in the district file, by name, or by a unique start of the name."""

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
    """Finds the schools of the district that a cell names."""

    def __init__(self, schools: Mapping[str, School]) -> None:
        self._ids = {normalize_text(school_id.replace("_", " ")): school_id for school_id in schools}
        self._names = {normalize_text(school.name): school_id for school_id, school in schools.items()}
        self._shown = {school_id: school.name for school_id, school in schools.items()}

    def find(self, cell: str) -> tuple[str, ...]:
        """Return the schools of a cell, or () if it is empty. Raises `BadLineError` with similar names."""
        if len(cell) > MAX_SCHOOL_CELL_LENGTH:
            raise BadLineError("the school cell is too long: write the school's name or ID as in the district file")
        if not cell.strip():
            return ()
        if single_school := self.find_one(cell):
            return (single_school,)
        schools = []
        for part in _SCHOOL_SEPARATOR_PATTERN.split(cell):
            if not part.strip():
                continue
            school = self.find_one(part)
            if school is None:
                raise BadLineError(f"the school is not in the district file; {self.suggest_nearest(part)}")
            schools.append(school)
        if not schools:
            raise BadLineError("the school cell names no school: write its name or ID as in the district file")
        return tuple(dict.fromkeys(schools))

    def find_one(self, text: str) -> str | None:
        """Return the school that the text names, or None if it names no school or several."""
        plain = normalize_text(text.replace("_", " "))
        exact = self._ids.get(plain) or self._names.get(plain)
        if exact or len(plain) < MIN_PREFIX_LENGTH:
            return exact
        matches = {
            school_id
            for name, school_id in self._names.items()
            if name.startswith(plain) or plain.startswith(f"{name} ")
        }
        return matches.pop() if len(matches) == 1 else None

    def suggest_nearest(self, text: str) -> str:
        """Return a remedy with the most similar school names."""
        matches = process.extract(
            normalize_text(text),
            list(self._names),
            scorer=fuzz.WRatio,
            limit=MAX_SUGGESTIONS,
            score_cutoff=MIN_SUGGESTION_SCORE,
        )
        names = [f"“{self._shown[self._names[name]]}”" for name, _, _ in matches]
        if not names:
            return "write its name or ID as in the district file"
        return f"nearest: {' or '.join(names)}"
