"""`messages/glossary.yaml`: how terms of American schools are said in each language, and which stay English."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from bot.base.language_codes import Language
from bot.base.yaml_source import BadSource, Source
from bot.content.district import District
from bot.flows.model import Model

_GENERAL = "the school escuela academy saint san santa north south east west high new central"
GENERAL = frozenset(_GENERAL.split())
"""A school's first word that is no name of its own ("North High School")."""
Forms = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
]


class Entry(Model):
    """A term: kept as it is, or said in other languages.  `also`: other English forms, such as the plural."""

    keep: bool = False
    also: tuple[str, ...] = ()
    say: dict[Language, Forms] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.keep == bool(self.say):
            raise ValueError("write either 'keep: true' or 'say:' with the wording in each language")
        return self


class GlossaryFile(Model):
    """Entries by their English term."""

    terms: dict[str, Entry]


@dataclass(frozen=True)
class Agreed:
    """What is said as agreed: terms by their English form, and names that stay as they are."""

    terms: Mapping[str, Entry]
    names: tuple[str, ...]


def read_glossary(source: Source) -> dict[str, Entry]:
    """The terms of the file; raises `BadSource` where it is wrong, or a form stands under two terms."""
    file = source.model(GlossaryFile)
    twice = [source.problem(("terms", term), message) for term, message in _twice(file)]
    if twice:
        raise BadSource(twice)
    return file.terms


def _twice(file: GlossaryFile) -> Iterator[tuple[str, str]]:
    seen: dict[str, str] = {}
    for name, entry in file.terms.items():
        for form in (name, *entry.also):
            if form in seen:
                yield name, f"'{form}' stands under '{seen[form]}' already: keep one"
            seen[form] = name


def own_names(district: District) -> tuple[str, ...]:
    """Of this district, its schools (their first words too), staff and partners."""
    schools = [school.name for school in district.schools.values()]
    first = [name.split()[0] for name in schools if name.split()[0].casefold() not in GENERAL]
    staff = [person.name for person in district.staff.values()]
    partners = [partner.name for partner in district.partners.values()]
    return tuple(dict.fromkeys([district.name, *schools, *first, *staff, *partners]))
