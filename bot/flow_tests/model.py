"""Define the grammar of test conversations, the models of `flows/tests/*.yaml`."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bot.base.language_codes import Language
from bot.base.yaml_source import Problem, Source, SourceError, parse_yaml
from bot.content.library import format_path
from bot.flows.model import Name, Severity, StrictModel, TimeSpan

ConversationKind = Literal["happy", "confused", "emergency"]
CONVERSATION_KINDS: tuple[ConversationKind, ...] = ("happy", "confused", "emergency")
"""Each flow needs a test conversation of each kind: a normal path, confused answers, and an emergency."""
WordsByLanguage = str | dict[Language, str]
"""One text for every language, or one text for each language of the test conversation."""


class ConversationLine(StrictModel):
    """One event. It has exactly one of `family`, `start`, `choose`, `advance`, `bot`, and `staff`.

    `family`: the family writes this text. `start`: the family asks about the topic of this flow. `choose`: the family
    takes this choice of the open question, by button on WhatsApp and by number in an SMS. `advance`: this time passes.

    `bot`: the answer reached this step (`step`, or `flow.step`), and `contains` is a part of the reply. `staff`: the
    newest case is for this role, and `contains` is a part of the alert.
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
    """An expected case: its role, its severity, and some of its answers (masked)."""

    to: Name
    severity: Severity
    answers: dict[str, str] = Field(default_factory=dict)


class ExpectedOutcome(StrictModel):
    """The expected result at the end. To expect no case, write `no_case: true`."""

    case: ExpectedCase | None = None
    no_case: bool = False
    follow_up: Name | None = None
    notes: dict[Name, Name] = Field(default_factory=dict)
    stopped: bool | None = None
    language: Language | None = None
    never_kept: tuple[str, ...] = ()
    """Parts of the family's texts that no case and no attribute may contain."""


def _make_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class TestConversation(StrictModel):
    """One conversation.

    It runs once in each language of `run_in`, or in all languages of the district without `run_in`.

    `contact`: the saved attributes of this family (`school: harbor`).
    """

    name: str
    shows: ConversationKind = "happy"
    run_in: Annotated[tuple[Language, ...], BeforeValidator(_make_tuple)] = ()
    at: datetime | None = None
    contact: dict[Name, Name] = Field(default_factory=dict)
    talk: tuple[ConversationLine, ...] = Field(min_length=1)
    expect: ExpectedOutcome = ExpectedOutcome()


class TestConversationFile(StrictModel):
    """One file of `flows/tests/`."""

    transcripts: tuple[TestConversation, ...] = Field(min_length=1)


def read_test_conversations(folder: Path) -> Iterator[tuple[Source, TestConversationFile]]:
    """Yield the files of a folder, or one file. Raises `SourceError` with the places of all problems."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.yaml"))
    if not files:
        raise SourceError([Problem(str(folder), 1, 1, "there are no test conversations here")])
    for path in files:
        source = parse_yaml(path.read_text(encoding="utf-8"), format_path(path))
        yield source, source.parse_model(TestConversationFile)
