"""What a transcript may say: the models of `flows/tests/*.yaml`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from bot.content.codes import Language
from bot.content.library import shown
from bot.conversation.flow import Model, Name, Severity, Span
from bot.conversation.source import BadSource, Problem, Source, parse

Words = str | dict[Language, str]
"""The same in every language, or one for each language that the transcript is run in."""


class Line(Model):
    """One thing that happens.  Exactly one of `family`, `start`, `choose`, `advance`, `bot`.

    `family`: the family writes this.  `start`: it asks about the topic of this flow.  `choose`: it takes this choice
    of the question that waits, by its button on WhatsApp and by its number in an SMS.  `advance`: time passes.
    `bot`: the step (`step`, or `flow.step`) that the answer came to; `contains` is a part of what it reads.
    """

    family: Words | None = None
    start: Name | None = None
    choose: Name | None = None
    advance: Span | None = None
    bot: Annotated[str, Field(pattern=r"^([a-z0-9_]+\.)?[a-z0-9_]+$")] | None = None
    contains: Words | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = [self.family, self.start, self.choose, self.advance, self.bot]
        if sum(value is not None for value in given) != 1:
            raise ValueError("a line holds one of 'family', 'start', 'choose', 'advance' or 'bot'")
        if self.contains is not None and self.bot is None:
            raise ValueError("'contains' belongs to a line with 'bot'")
        return self


class Case(Model):
    """A case that must have been opened: whom it goes to and how urgent it is."""

    to: Name
    severity: Severity


class Expect(Model):
    """What must be there at the end.  `case: none` in YAML is written `no_case: true`."""

    case: Case | None = None
    no_case: bool = False
    follow_up: Name | None = None
    notes: dict[Name, Name] = Field(default_factory=dict)
    stopped: bool | None = None


class Transcript(Model):
    """One conversation, run once in each language of `run_in` (all of the district's if it is left out).

    `contact`: what flows wrote down about this family before (`school: harbor`).
    """

    name: str
    run_in: Annotated[tuple[Language, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] = ()
    at: datetime | None = None
    contact: dict[Name, Name] = Field(default_factory=dict)
    talk: tuple[Line, ...] = Field(min_length=1)
    expect: Expect = Expect()


class TranscriptFile(Model):
    """One file of `flows/tests/`."""

    transcripts: tuple[Transcript, ...] = Field(min_length=1)


def read_transcripts(folder: Path) -> Iterator[tuple[Source, TranscriptFile]]:
    """All files of a folder, or the one file.  Raises `BadSource` with the places of what is wrong."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.yaml"))
    if not files:
        raise BadSource([Problem(str(folder), 1, 1, "there are no transcripts here")])
    for path in files:
        source = parse(path.read_text(encoding="utf-8"), shown(path))
        yield source, source.model(TranscriptFile)
