"""A stage for transcripts: the real flows, understanding and words, with memory instead of a database and a clock.

What the database and Twilio do has tests of its own; here it is what a family reads and what is asked to be done.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from bot.cases.alert_text import build_alert_text
from bot.content.library import Library
from bot.flows.commands import match
from bot.flows.dialog_manager import take_turn
from bot.flows.dialog_state import Heard, Outcome, Talk, World, start_flow, timed_out
from bot.flows.effects import Consent, Effect, Escalation, PlanFollowUp, PlanOnDay, PlanTimeout, Reach, SetNote
from bot.flows.engine import waits_for
from bot.flows.model import Step
from bot.messaging.effect_handlers import answers_kept
from bot.messaging.reply_composer import Composer
from bot.messaging.reply_context import understood, world_of
from bot.nlu import mask

Channel = Literal["whatsapp", "sms", "voice"]
MEDIA_BASE = "https://puente.example/media/"


def clock_of(library: Library) -> datetime:
    """Ten in the morning, the day after the newest fact was reviewed: so the calendar breaks no transcript."""
    newest = max(fact.reviewed_on for fact in library.facts.values()) + timedelta(days=1)
    return datetime(newest.year, newest.month, newest.day, 16, tzinfo=UTC)


@dataclass(frozen=True)
class _About:
    """A case that stands in no database."""

    id: int
    topic: str
    severity: str
    language: str
    school: str | None = None


@dataclass
class Stage:
    """One conversation.  `reply` and `reached` are of the last thing that happened; `walked` of all."""

    library: Library
    language: str
    channel: Channel
    at: datetime
    talk: Talk = field(default_factory=Talk)
    stopped: bool = False
    reply: str = ""
    reached: list[Reach] = field(default_factory=list)
    walked: set[tuple[str, str]] = field(default_factory=set)
    chosen: set[tuple[str, str, str]] = field(default_factory=set)
    cases: list[Escalation] = field(default_factory=list)
    follow_ups: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    kept: list[dict[str, str]] = field(default_factory=list)
    _timers: list[tuple[datetime, PlanFollowUp | PlanOnDay | PlanTimeout]] = field(default_factory=list)
    _wrote: str = ""
    _noticed: list[str] = field(default_factory=list)

    def family(self, text: str, payload: str | None = None) -> None:
        """The family writes, or presses a button."""
        library = self.library
        heard = Heard(
            text=text,
            understood=understood(library, text, self.talk.language),
            command=match(text, library.phrasebook),
            payload=payload,
            stopped=self.stopped,
            volunteered=bool(mask(text)[1] & {"status", "number"}),
        )
        self._wrote = text
        self._take(take_turn(self._world(), self.talk, heard))

    def start(self, flow: str) -> None:
        """The family asks about the topic of a flow, in its own language."""
        talk = Talk(language=self.language, told_private=self.talk.told_private)
        self._take(start_flow(self._world(), talk, flow))

    def choose(self, name: str) -> None:
        """The family takes a choice; raises ValueError if no question with this choice waits."""
        state, step = self.talk.state, self.waiting()
        if state is None or step is None or name not in step.choices:
            raise ValueError(f"no question with the choice '{name}' waits")
        self.chosen.add((state.flow, state.step or "", name))
        number = str(list(step.choices).index(name) + 1)
        self.family(step.choices[name].label if self.channel == "whatsapp" else number, self._button(name))

    def waiting(self) -> Step | None:
        """The question that waits, if any."""
        state = self.talk.state
        flow = self.library.flows.flows.get(state.flow) if state else None
        return waits_for(flow, state) if flow and state else None

    def advance(self, span: timedelta) -> None:
        """Time passes; what falls due happens, the earliest first."""
        self.at += span
        due = sorted((timer for timer in self._timers if timer[0] <= self.at), key=lambda timer: timer[0])
        self._timers = [timer for timer in self._timers if timer[0] > self.at]
        for _, timer in due:
            self._fall_due(timer)

    def alert(self) -> str:
        """What the staff on call read of the newest case; empty if there is none."""
        if not self.cases:
            return ""
        newest = self.cases[-1]
        about = _About(len(self.cases), newest.topic, newest.severity, self.talk.language or "en")
        return build_alert_text(self.library, "https://puente.example", about)

    def _fall_due(self, timer: PlanFollowUp | PlanOnDay | PlanTimeout) -> None:
        state = self.talk.state
        if isinstance(timer, PlanTimeout):
            if state and (state.flow, state.step) == (timer.flow, timer.step):
                self._take(timed_out(self._world(), self.talk, timer.flow, timer.step))
        elif state is None and not self.stopped:
            self._take(start_flow(self._world(), Talk(language=self.talk.language), timer.flow))

    def _button(self, name: str) -> str | None:
        return name if self.channel == "whatsapp" else None

    def _take(self, outcome: Outcome) -> None:
        self.talk, effects = outcome
        self.reached = [effect for effect in effects if isinstance(effect, Reach)]
        self.walked |= {(reach.flow, reach.step) for reach in self.reached}
        for effect in effects:
            self._keep(effect)
        role = self.cases[-1].to if self.cases else "default"
        first = next(iter(self.library.district.list_alert_recipients(role, self.at).values()))
        extra = {"staff_name": first.name, "case": str(len(self.cases))}
        language, about = self.talk.language or "en", self._world().about
        composer = Composer(self.library, language, self.at, self._noticed, extra, about, MEDIA_BASE)
        self.reply = composer.compose(effects)

    def _keep(self, effect: Effect) -> None:
        if isinstance(effect, Escalation):
            self.cases.append(effect)
            self.kept.append(answers_kept(effect, self._wrote))
        elif isinstance(effect, (PlanFollowUp, PlanTimeout)):
            self._timers.append((self.at + effect.after, effect))
            self.follow_ups += [effect.flow] if isinstance(effect, PlanFollowUp) else []
        elif isinstance(effect, PlanOnDay):
            self._timers.append((self.library.district.resolve_send_time(effect.on, effect.at, self.at), effect))
            self.follow_ups.append(effect.flow)
        elif isinstance(effect, SetNote):
            self.notes[effect.name] = effect.value
        elif isinstance(effect, Consent):
            self.stopped = effect.kind == "stop"

    def _world(self) -> World:
        known = {**self.notes, "language": self.language, "channel": self.channel}
        return world_of(self.library, self.at, known)
