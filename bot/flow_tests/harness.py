"""Play test conversations with the real flows, classifier, and texts, but without a database and a real clock.

Other tests cover the database and Twilio. Test conversations check what families read and which effects follow.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.base.text_normalization import NormalizedText
from bot.cases.alert_text import build_alert_text
from bot.content.library import Library
from bot.flows.commands import match_command
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import DialogState, FlowContext, Outcome, ParsedMessage, handle_timeout, start_flow
from bot.flows.effects import (
    ChangeConsent,
    Effect,
    Escalation,
    PlanFlowOnDay,
    PlanFollowUp,
    PlanTimeout,
    SetAttribute,
    StepReached,
)
from bot.flows.engine import find_open_question
from bot.flows.model import Step
from bot.messaging.case_effects import build_case_answers
from bot.messaging.reply_composer import ReplyComposer
from bot.messaging.reply_context import build_flow_context, understand_text
from bot.nlu import mask_pii

ChannelName = Literal["whatsapp", "sms", "voice"]
MEDIA_BASE = "https://puente.example/media/"


def compute_default_time(library: Library) -> datetime:
    """Return 16:00 UTC (morning in the United States) on the day after the newest review of a fact.

    With this time, a test conversation doesn't fail only because time passes.
    """
    newest = max(fact.reviewed_on for fact in library.facts.values()) + timedelta(days=1)
    return datetime(newest.year, newest.month, newest.day, 16, tzinfo=UTC)


@dataclass(frozen=True)
class _UnsavedCase:
    """Hold a case that no database stores."""

    id: int
    topic: str
    severity: str
    language: str
    school: str | None = None


@dataclass
class FlowTestHarness:
    """Run one conversation.

    `reply` and `reached_steps` describe the last event. `visited_steps` and `taken_choices` describe the whole
    conversation.
    """

    library: Library
    language: str
    channel: ChannelName
    now: datetime
    state: DialogState = field(default_factory=DialogState)
    is_opted_out: bool = False
    reply: str = ""
    reached_steps: list[StepReached] = field(default_factory=list)
    visited_steps: set[tuple[str, str]] = field(default_factory=set)
    taken_choices: set[tuple[str, str, str]] = field(default_factory=set)
    cases: list[Escalation] = field(default_factory=list)
    follow_ups: list[str] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    case_answers: list[dict[str, str]] = field(default_factory=list)
    _timers: list[tuple[datetime, PlanFollowUp | PlanFlowOnDay | PlanTimeout]] = field(default_factory=list)
    _last_text: str = ""
    _sent_notices: list[str] = field(default_factory=list)

    def receive_text(self, text: str, payload: str | None = None) -> None:
        """Handle a text or the payload of a button from the family."""
        library, normalized_text = self.library, NormalizedText(text)
        parsed = ParsedMessage(
            text=normalized_text,
            understanding=understand_text(library, normalized_text, self.state.language),
            command=match_command(normalized_text, library.phrasebook),
            payload=payload,
            is_opted_out=self.is_opted_out,
            has_unneeded_pii=bool(mask_pii(text)[1] & {"status", "number"}),
        )
        self._last_text = text
        self._apply_outcome(take_turn(self._build_context(), self.state, parsed))

    def start_topic(self, flow: str) -> None:
        """Start the topic of a flow, as if the family asked about it in its own language."""
        state = DialogState(language=self.language, told_private=self.state.told_private)
        self._apply_outcome(start_flow(self._build_context(), state, flow))

    def take_choice(self, name: str) -> None:
        """Take a choice of the open question. Raises ValueError if no open question has this choice."""
        flow_state, step = self.state.state, self.find_open_question()
        if flow_state is None or step is None or name not in step.choices:
            raise ValueError(f"no open question has the choice '{name}'")
        self.taken_choices.add((flow_state.flow, flow_state.step or "", name))
        if self.channel == "whatsapp":
            self.receive_text(step.choices[name].label, payload=name)
        else:
            self.receive_text(str(list(step.choices).index(name) + 1))

    def find_open_question(self) -> Step | None:
        """Return the open question, or None."""
        flow_state = self.state.state
        flow = self.library.flows.flows.get(flow_state.flow) if flow_state else None
        return find_open_question(flow, flow_state) if flow and flow_state else None

    def advance_clock(self, span: timedelta) -> None:
        """Move the clock forward and run the due timers, the earliest first."""
        self.now += span
        due_timers = sorted((timer for timer in self._timers if timer[0] <= self.now), key=lambda timer: timer[0])
        self._timers = [timer for timer in self._timers if timer[0] > self.now]
        for _, timer in due_timers:
            self._run_timer(timer)

    def build_alert(self) -> str:
        """Return the alert to the staff on call for the newest case, or "" if there is no case."""
        if not self.cases:
            return ""
        newest = self.cases[-1]
        case = _UnsavedCase(len(self.cases), newest.topic, newest.severity, self.state.language or "en")
        return build_alert_text(self.library, "https://puente.example", case)

    def _run_timer(self, timer: PlanFollowUp | PlanFlowOnDay | PlanTimeout) -> None:
        flow_state = self.state.state
        if isinstance(timer, PlanTimeout):
            if flow_state and (flow_state.flow, flow_state.step) == (timer.flow, timer.step):
                self._apply_outcome(handle_timeout(self._build_context(), self.state, timer.flow, timer.step))
        elif flow_state is None and not self.is_opted_out:
            new_state = DialogState(language=self.state.language)
            self._apply_outcome(start_flow(self._build_context(), new_state, timer.flow))

    def _apply_outcome(self, outcome: Outcome) -> None:
        self.state, effects = outcome
        self.reached_steps = [effect for effect in effects if isinstance(effect, StepReached)]
        self.visited_steps |= {(step.flow, step.step) for step in self.reached_steps}
        for effect in effects:
            self._record_effect(effect)
        role = self.cases[-1].to if self.cases else "default"
        responder = next(iter(self.library.district.list_alert_recipients(role, self.now).values()))
        extra = {"staff_name": responder.name, "case": str(len(self.cases))}
        language, condition_values = self.state.language or "en", self._build_context().condition_values
        composer = ReplyComposer(
            self.library, language, self.now, self._sent_notices, extra, condition_values, MEDIA_BASE
        )
        self.reply = composer.compose(effects)

    def _record_effect(self, effect: Effect) -> None:
        if isinstance(effect, Escalation):
            self.cases.append(effect)
            self.case_answers.append(build_case_answers(effect, self._last_text))
        elif isinstance(effect, (PlanFollowUp, PlanTimeout)):
            self._timers.append((self.now + effect.delay, effect))
            if isinstance(effect, PlanFollowUp):
                self.follow_ups.append(effect.flow)
        elif isinstance(effect, PlanFlowOnDay):
            due_at = self.library.district.resolve_send_time(effect.day, effect.local_time, self.now)
            self._timers.append((due_at, effect))
            self.follow_ups.append(effect.flow)
        elif isinstance(effect, SetAttribute):
            self.attributes[effect.name] = effect.value
        elif isinstance(effect, ChangeConsent):
            self.is_opted_out = effect.kind == "stop"

    def _build_context(self) -> FlowContext:
        values = {**self.attributes, "language": self.language, "channel": self.channel}
        return build_flow_context(self.library, self.now, values)
