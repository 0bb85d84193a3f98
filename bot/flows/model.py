"""Define the grammar of `flows/*.yaml` as checked models.

Flow files hold English texts. Each text is also the key of its translations in `messages/<lang>.po`.
"""

import re
from collections.abc import Mapping
from datetime import time, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from bot.base.text_normalization import HAN_OR_HANGUL_PATTERN, NormalizedText, normalize_text

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
Severity = Literal["info", "follow_up", "escalate_day", "escalate_now"]
Need = Literal["legal", "food", "home", "health", "learning"]
"""The kinds of help for which a family can look for a partner."""
SECONDS_BY_UNIT = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}
SPAN_PATTERN = re.compile(r"(\d{1,3}) (minute|hour|day|week)s?")


def parse_span(text: object) -> timedelta:
    """Parse a time span such as '2 days'. Raises ValueError with the valid forms."""
    match = isinstance(text, str) and SPAN_PATTERN.fullmatch(text)
    if not match:
        raise ValueError("write a time span as '30 minutes', '2 hours', '3 days', or '1 week'")
    return timedelta(seconds=int(match[1]) * SECONDS_BY_UNIT[match[2]])


def format_span(value: timedelta) -> str:
    """Format a time span as in a flow file: '2 days', '10 minutes'."""
    seconds = int(value.total_seconds())
    unit = next(unit for unit in reversed(SECONDS_BY_UNIT) if seconds % SECONDS_BY_UNIT[unit] == 0)
    count = seconds // SECONDS_BY_UNIT[unit]
    if count == 1:
        return f"1 {unit}"
    return f"{count} {unit}s"


TimeSpan = Annotated[
    timedelta,
    BeforeValidator(parse_span),
    PlainSerializer(lambda value: value.total_seconds()),
    WithJsonSchema({"type": "string", "pattern": f"^{SPAN_PATTERN.pattern}$", "examples": ["10 minutes", "3 days"]}),
]


def _as_tuple(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return value
    return (value,)


STRING_OR_LIST_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}


class StrictModel(BaseModel):
    """Reject unknown keys and changes after creation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Plural(StrictModel):
    """A text that depends on a number.

    `count` names the placeholder with the number.

    English has two forms. Each catalog has as many forms as its language needs (plural forms of GNU gettext).
    """

    count: Name
    one: str
    other: str


Text = str | Plural
PLURAL_SCHEMA = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("count", "one", "other")},
    "required": ["count", "one", "other"],
    "additionalProperties": False,
}
TEXTS_SCHEMA = {
    "anyOf": [
        {"type": "string"},
        PLURAL_SCHEMA,
        {"type": "array", "items": {"anyOf": [{"type": "string"}, PLURAL_SCHEMA]}},
    ]
}
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_tuple)]
"""One text or a list of texts. Each one is a separate entry in the catalogs."""

ConditionKey = Annotated[str, Field(pattern=r"^(contact|school|district)\.[a-z][a-z0-9_]*$")]
"""The name of a value: `contact.language`, an attribute that a flow set, or a `school.` or `district.` fact."""
UNSET, KNOWN = "unset", "known"


class Choice(StrictModel):
    """One answer to a question. A family chooses it by its number, its label, or one of its other words."""

    label: str
    also: dict[str, tuple[str, ...]] = {}
    then: Name | None = None
    go: Name | None = None

    @cached_property
    def other_words(self) -> tuple[str, ...]:
        """Return its other words in all languages, normalized."""
        return tuple(normalize_text(word) for words in self.also.values() for word in words)

    @cached_property
    def padded_words(self) -> tuple[str, ...]:
        """Return the other words in the form that a longer answer contains.

        Words have a space at either end, so that only whole words match. Chinese has no spaces and Korean adds endings
        to words, so words of these languages match anywhere.
        """
        return tuple(word if HAN_OR_HANGUL_PATTERN.search(word) else f" {word} " for word in self.other_words)

    @model_validator(mode="after")
    def _check_target(self) -> Self:
        if (self.then is None) == (self.go is None):
            raise ValueError("a choice needs one of 'then: <step>' or 'go: <flow>'")
        return self


class RetryRule(StrictModel):
    """The rule for an answer that fits no choice: ask up to `times` times again, then continue at `then`."""

    retry: str
    times: int = Field(2, ge=1, le=5)
    then: Name


class EscalationTarget(StrictModel):
    """An alert to staff. `about` is an English text for staff, without any text from a family."""

    to: Name
    severity: Severity
    about: str = Field(max_length=200)


class FollowUpPlan(StrictModel):
    """Another flow that starts automatically after a time."""

    after: TimeSpan
    flow: Name


class Condition(StrictModel):
    """A branch: if all conditions under `if` are true, the conversation continues at `then`.

    Values come from `set` in flows, from the school, or from the district. A list means any of its values. `unset`
    means no value, and `known` means any value.
    """

    if_: dict[
        ConditionKey, Annotated[tuple[Name, ...], BeforeValidator(_as_tuple), WithJsonSchema(STRING_OR_LIST_SCHEMA)]
    ] = Field(alias="if", min_length=1)
    then: Name

    def is_met(self, condition_values: Mapping[str, str]) -> bool:
        """Return whether all conditions are true. `school.…` refers to the contact's own school."""
        return all(self._is_match(self._get_value(condition_values, name), values) for name, values in self.if_.items())

    @staticmethod
    def _is_match(value: str, values: tuple[str, ...]) -> bool:
        return value in values or (KNOWN in values and value != UNSET)

    @staticmethod
    def _get_value(condition_values: Mapping[str, str], name: str) -> str:
        namespace, key = name.split(".", 1)
        if namespace == "school":
            name = f"school.{condition_values.get('contact.school', '')}.{key}"
        return condition_values.get(name, UNSET)


class Schedule(StrictModel):
    """Another flow that starts automatically on a day: a day that the family named, or the next school day."""

    day: Name
    at: time
    flow: Name


class Media(StrictModel):
    """A file of `flows/media/` that Puente sends with the message.

    `says` describes it in text, because SMS shows no files.
    """

    file: Annotated[str, Field(pattern=r"^[a-z0-9_]+\.(png|jpg|pdf|ogg|mp3)$")]
    says: Text


class PartnerQuery(StrictModel):
    """A search for partners that help with a need.

    `near` names an answer with a town or ZIP code. Puente uses the answer once and doesn't store it.
    """

    what: Need
    near: Name | None = None


class Timeout(StrictModel):
    """The step to continue at if a question gets no answer in this time."""

    after: TimeSpan
    then: Name


class Step(StrictModel):
    """One step of a flow.

    It runs in this order: when, set, fact, media, say, find, suggest, referral, escalate, follow_up, schedule. Then it
    asks a question and waits, continues, calls another flow, or ends.
    """

    when: tuple[Condition, ...] = ()
    set: dict[Name, Name] = {}
    fact: Annotated[tuple[Name, ...], BeforeValidator(_as_tuple), WithJsonSchema(STRING_OR_LIST_SCHEMA)] = ()
    media: Media | None = None
    say: Annotated[Texts, WithJsonSchema(TEXTS_SCHEMA)] = ()
    find: PartnerQuery | None = None
    suggest: Name | None = None
    """The answer that staff get as a suggestion for a partner."""
    referral: Literal["helped", "not_helped", "not_reached"] | None = None
    """For the flow that asks whether a partner helped: the answer of the family."""
    escalate: EscalationTarget | None = None
    case: Literal["close", "reopen"] | None = None
    """For the flow that asks whether a case is solved: what to do with that case."""
    follow_up: FollowUpPlan | None = None
    schedule: Schedule | None = None
    ask: Text | None = None
    answer: Literal["date", "phone", "school"] | None = None
    choices: dict[Name, Choice] = {}
    otherwise: RetryRule | None = None
    timeout: Timeout | None = None
    save: Name | None = None
    call: Name | None = None
    then: Name | None = None
    go: Name | None = None
    end: bool = False

    @cached_property
    def has_actions(self) -> bool:
        """Return whether the step does more than save attributes and send texts."""
        has_partner_action = self.find or self.suggest or self.referral
        return bool(has_partner_action or self.escalate or self.case or self.follow_up or self.schedule)

    @cached_property
    def choice_labels(self) -> tuple[str, ...]:
        """Return the labels of the choices, in the order of their numbers."""
        return tuple(choice.label for choice in self.choices.values())

    @model_validator(mode="after")
    def _check_exits(self) -> Self:
        if self.ask is None:
            self._check_statement()
        else:
            self._check_question()
        return self

    def _check_statement(self) -> None:
        if self.case == "reopen" and not self.escalate:
            raise ValueError("'case: reopen' alerts staff again: add 'escalate:' with the role")
        if self.choices or self.otherwise or self.save or self.timeout or self.answer:
            raise ValueError("'choices', 'answer', 'otherwise', 'timeout', and 'save' belong to a question: add 'ask:'")
        if self.call and not self.then:
            raise ValueError("'call: <flow>' returns: add 'then: <step>' with the step to continue at")
        if [self.then is not None, self.go is not None, self.end].count(True) != 1:
            raise ValueError("a step without 'ask:' needs one of 'then: <step>', 'go: <flow>', or 'end: true'")

    def _check_question(self) -> None:
        if self.go or self.end or self.call:
            raise ValueError("a question waits for its answer: move 'go', 'call', or 'end' into another step")
        if self.choices and self.answer:
            raise ValueError("a question has 'choices' or 'answer: date, phone, or school': remove one of the two")
        if self.choices and not self.otherwise:
            raise ValueError("a question with choices needs 'otherwise: {retry, times, then}' for all other answers")
        if self.answer and not self.otherwise:
            raise ValueError(f"'answer: {self.answer}' needs 'otherwise: {{retry, times, then}}' for all other answers")
        if self.answer and not self.save:
            raise ValueError(f"'answer: {self.answer}' needs 'save: <name>' to save the answer")
        if self.choices and self.then:
            raise ValueError("each choice has its own target: remove 'then' from the step")
        if not self.choices and not self.then:
            raise ValueError("a question without choices needs 'then: <step>' for the step after the answer")
        if not self.choices and not self.answer and self.otherwise:
            raise ValueError("a free question accepts any answer: remove 'otherwise', or add 'answer: date' or similar")


class FlowTrigger(StrictModel):
    """The start of a flow: topics that Puente understands, or whole messages with these words."""

    intents: tuple[Name, ...] = ()
    suspected: tuple[Name, ...] = ()
    """Emergencies that a message may report. The flow asks one question, and pages staff without an answer."""
    words: dict[str, tuple[str, ...]] = {}


class Flow(StrictModel):
    """A conversation about one topic. It starts at its first step."""

    flow: Name
    title: str
    label: str | None = None
    """The topic in the words of families, for the question that asks which of several topics a family means."""
    for_: Literal["family", "staff"] = Field("family", alias="for")
    start_on: FlowTrigger = FlowTrigger()
    steps: dict[Name, Step] = Field(min_length=1)

    @cached_property
    def first_step(self) -> str:
        """Return the name of the first step."""
        return next(iter(self.steps))

    @cached_property
    def version(self) -> str:
        """Return a hash of the whole flow. A conversation saves the version that asked its question."""
        return sha256(self.model_dump_json().encode()).hexdigest()[:12]


class FlowSet:
    """Hold all flows of a district by name, with their triggers."""

    def __init__(self, flows: Mapping[str, Flow]) -> None:
        self.flows = dict(flows)
        self._names_by_intent = {intent: name for name, flow in flows.items() for intent in flow.start_on.intents}
        self._names_by_suspicion = {intent: name for name, flow in flows.items() for intent in flow.start_on.suspected}
        self._names_by_words = {
            normalize_text(words): name
            for name, flow in flows.items()
            for all_words in flow.start_on.words.values()
            for words in all_words
        }

    def find_by_intent(self, intent: str | None) -> str | None:
        """Return the flow that this topic starts."""
        if not intent:
            return None
        return self._names_by_intent.get(intent)

    def find_by_suspicion(self, intent: str | None) -> str | None:
        """Return the flow that asks whether this emergency is happening."""
        return self._names_by_suspicion.get(intent or "")

    def find_by_words(self, text: NormalizedText) -> str | None:
        """Return the flow that lists this whole message as a trigger."""
        return self._names_by_words.get(text.plain)
