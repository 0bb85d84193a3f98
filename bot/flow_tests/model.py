"""What a transcript may say: the models of `flows/tests/*.yaml`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bot.base.language_codes import Language
from bot.base.yaml_source import Problem, Source, SourceError, parse_yaml
from bot.content.library import format_path
from bot.flows.model import Name, Severity, StrictModel, TimeSpan

ConversationKind = Literal["happy", "confused", "emergency"]
CONVERSATION_KINDS: tuple[ConversationKind, ...] = ("happy", "confused", "emergency")
"""What each flow needs a transcript of: its way to the end, nobody understood, an emergency."""
WordsByLanguage = str | dict[Language, str]
"""The same in every language, or one for each language that the transcript is run in."""


class ConversationLine(StrictModel):
    """One thing that happens.  Exactly one of `family`, `start`, `choose`, `advance`, `bot`, `staff`.

    `family`: the family writes this.  `start`: it asks about the topic of this flow.  `choose`: it takes this choice
    of the question that waits, by its button on WhatsApp and by its number in an SMS.  `advance`: time passes.
    `bot`: the step (`step`, or `flow.step`) that the answer came to; `contains` is a part of what it reads.
    `staff`: the newest case was opened for this role; `contains` is a part of the alert that its people read.
    """

    family: WordsByLanguage | None = None
    start: Name | None = None
    choose: Name | None = None
    advance: TimeSpan | None = None
    bot: Annotated[str, Field(pattern=r"^([a-z0-9_]+\.)?[a-z0-9_]+$")] | None = None
    staff: Name | None = None
    contains: WordsByLanguage | None = None

    @model_validator(mode="after")
    def _check_single_event(self) -> Self:
        values = [self.family, self.start, self.choose, self.advance, self.bot, self.staff]
        if sum(value is not None for value in values) != 1:
            raise ValueError("a line holds one of 'family', 'start', 'choose', 'advance', 'bot' or 'staff'")
        if self.contains is not None and self.bot is None and self.staff is None:
            raise ValueError("'contains' belongs to a line with 'bot' or 'staff'")
        return self


class ExpectedCase(StrictModel):
    """A case that must have been opened: whom it goes to, how urgent it is, and answers that it holds (masked)."""

    to: Name
    severity: Severity
    answers: dict[str, str] = Field(default_factory=dict)


class ExpectedOutcome(StrictModel):
    """What must be there at the end.  `case: none` in YAML is written `no_case: true`."""

    case: ExpectedCase | None = None
    no_case: bool = False
    follow_up: Name | None = None
    notes: dict[Name, Name] = Field(default_factory=dict)
    stopped: bool | None = None
    language: Language | None = None
    never_kept: tuple[str, ...] = ()
    """Parts of what the family wrote that no case and no note may hold."""


class TestConversation(StrictModel):
    """One conversation, run once in each language of `run_in` (all of the district's if it is left out).

    `contact`: what flows wrote down about this family before (`school: harbor`).
    """

    name: str
    shows: ConversationKind = "happy"
    run_in: Annotated[tuple[Language, ...], BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else v)] = ()
    at: datetime | None = None
    contact: dict[Name, Name] = Field(default_factory=dict)
    talk: tuple[ConversationLine, ...] = Field(min_length=1)
    expect: ExpectedOutcome = ExpectedOutcome()


class TestConversationFile(StrictModel):
    """One file of `flows/tests/`."""

    transcripts: tuple[TestConversation, ...] = Field(min_length=1)


def read_test_conversations(folder: Path) -> Iterator[tuple[Source, TestConversationFile]]:
    """All files of a folder, or the one file.  Raises `BadSource` with the places of what is wrong."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.yaml"))
    if not files:
        raise SourceError([Problem(str(folder), 1, 1, "there are no transcripts here")])
    for path in files:
        source = parse_yaml(path.read_text(encoding="utf-8"), format_path(path))
        yield source, source.parse_model(TestConversationFile)
