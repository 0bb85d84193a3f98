"""Define the front office's protocol for agents at school: steps and a quiz, live only while counsel's signature holds.

Puente gives no advice of its own: every sentence comes from the district file, and counsel signed it.
"""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from bot.base.language_codes import Language
from bot.content.facts import SourceReference
from bot.flows.model import StrictModel

MAX_STEP_CHARACTERS = 320
"""Staff read a step on a phone while agents are at the desk, so it has two or three short sentences."""


class ProtocolText(StrictModel):
    """A step in another language of the staff. Counsel's signature covers it too."""

    say: str = Field(max_length=MAX_STEP_CHARACTERS)
    ask: str | None = Field(default=None, max_length=MAX_STEP_CHARACTERS)


class ProtocolStep(ProtocolText):
    """One step: what to do (`say`), and what to write back for the record (`ask`)."""

    also: dict[Language, ProtocolText] = Field(default_factory=dict)

    def get_in_language(self, language: str) -> ProtocolText:
        """Return the step in this language, or in English if it has no translation."""
        return self.also.get(language, self)


class QuizQuestion(StrictModel):
    """A quiz question. `right` is the number of the right choice, from 1. `why` is shown after the answer."""

    question: str
    choices: tuple[str, ...] = Field(min_length=2, max_length=5)
    right: int = Field(ge=1)
    why: str = ""

    @model_validator(mode="after")
    def _check_right_choice(self) -> Self:
        if self.right > len(self.choices):
            raise ValueError(f"'right: {self.right}' is not one of the {len(self.choices)} choices")
        return self


class IncidentProtocol(StrictModel):
    """`protocol:` in the district file. It is not live as a sample, without a signature, or after `review_by`."""

    title: str
    version: str
    sample: bool = False
    sources: tuple[SourceReference, ...] = ()
    signed_off_by: str | None = None
    signed_on: date | None = None
    review_by: date | None = None
    steps: tuple[ProtocolStep, ...] = Field(min_length=1, max_length=30)
    quiz: tuple[QuizQuestion, ...] = ()

    @model_validator(mode="after")
    def _check_signature(self) -> Self:
        signed = (self.signed_off_by, self.signed_on, self.review_by)
        if any(signed) and not all(signed):
            raise ValueError("a signature needs all three: signed_off_by, signed_on, review_by")
        if self.sample and any(signed):
            raise ValueError("a sample cannot be signed: remove 'sample' when counsel has signed your own text")
        return self

    def is_live(self, today: date) -> bool:
        """Return whether counsel's signature covers this day."""
        if self.sample or self.signed_on is None or self.review_by is None:
            return False
        return self.signed_on <= today <= self.review_by
