"""Read `messages/glossary.yaml`: the agreed translations of American school terms, and the terms that stay English."""

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
"""First words of school names that do not identify a school ("North High School")."""
TermForms = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda value: (value,) if isinstance(value, str) else value),
    Field(min_length=1),
]


class GlossaryEntry(StrictModel):
    """A term that stays English (`keep`) or has translations (`say`). `also`: other English forms, such as plurals."""

    keep: bool = False
    also: tuple[str, ...] = ()
    say: dict[Language, TermForms] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_keep_or_say(self) -> Self:
        if self.keep == bool(self.say):
            raise ValueError("write either 'keep: true', or 'say:' with a translation in each language")
        return self


class GlossaryFile(StrictModel):
    """Entries by their English term."""

    terms: dict[str, GlossaryEntry]


@dataclass(frozen=True)
class DistrictGlossary:
    """The terms by their English form, and the names that are never translated."""

    terms: Mapping[str, GlossaryEntry]
    names: tuple[str, ...]


def read_glossary(source: Source) -> dict[str, GlossaryEntry]:
    """Return the terms of the file. Raises `SourceError` if it is invalid or a form belongs to two terms."""
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
                yield name, f"'{form}' is already under '{seen[form]}': keep one of them"
            seen[form] = name


def list_own_names(district: District) -> tuple[str, ...]:
    """List the names of the district, its schools, staff, and partners, and the first words of school names."""
    schools = [school.name for school in district.schools.values()]
    first_words = [name.split()[0] for name in schools if name.split()[0].casefold() not in GENERIC_SCHOOL_WORDS]
    staff = [person.name for person in district.staff.values()]
    partners = [partner.name for partner in district.partners.values()]
    return tuple(dict.fromkeys([district.name, *schools, *first_words, *staff, *partners]))
