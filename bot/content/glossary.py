"""`messages/glossary.yaml`: how terms of American schools are said in each language, and which stay English."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from bot.base.language_codes import Language
from bot.base.yaml_source import Source, SourceError
from bot.content.district import District
from bot.flows.model import StrictModel

_GENERIC_SCHOOL_WORDS = "the school escuela academy saint san santa north south east west high new central"
GENERIC_SCHOOL_WORDS = frozenset(_GENERIC_SCHOOL_WORDS.split())
"""A school's first word that is no name of its own ("North High School")."""
TermForms = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
]


class GlossaryEntry(StrictModel):
    """A term: kept as it is, or said in other languages.  `also`: other English forms, such as the plural."""

    keep: bool = False
    also: tuple[str, ...] = ()
    say: dict[Language, TermForms] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_keep_or_say(self) -> Self:
        if self.keep == bool(self.say):
            raise ValueError("write either 'keep: true' or 'say:' with the wording in each language")
        return self


class GlossaryFile(StrictModel):
    """Entries by their English term."""

    terms: dict[str, GlossaryEntry]


@dataclass(frozen=True)
class DistrictGlossary:
    """What is said as agreed: terms by their English form, and names that stay as they are."""

    terms: Mapping[str, GlossaryEntry]
    names: tuple[str, ...]


def read_glossary(source: Source) -> dict[str, GlossaryEntry]:
    """The terms of the file; raises `BadSource` where it is wrong, or a form stands under two terms."""
    file = source.parse_model(GlossaryFile)
    duplicates = [source.build_problem(("terms", term), message) for term, message in _find_duplicates(file)]
    if duplicates:
        raise SourceError(duplicates)
    return file.terms


def _find_duplicates(file: GlossaryFile) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for name, entry in file.terms.items():
        for form in (name, *entry.also):
            if form in seen:
                yield name, f"'{form}' stands under '{seen[form]}' already: keep one"
            seen[form] = name


def list_own_names(district: District) -> tuple[str, ...]:
    """Of this district, its schools (their first words too), staff and partners."""
    schools = [school.name for school in district.schools.values()]
    first = [name.split()[0] for name in schools if name.split()[0].casefold() not in GENERIC_SCHOOL_WORDS]
    staff = [person.name for person in district.staff.values()]
    partners = [partner.name for partner in district.partners.values()]
    return tuple(dict.fromkeys([district.name, *schools, *first, *staff, *partners]))
