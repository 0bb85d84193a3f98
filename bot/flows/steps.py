"""List the effects of one step, in the order of the grammar. The engine adds the question at the end of a step."""

import re
from collections.abc import Iterator, Mapping

from bot.flows.effects import (
    AnswerReferral,
    CloseCase,
    Effect,
    Escalation,
    FindPartners,
    PlanFlowOnDay,
    PlanFollowUp,
    SayText,
    SetAttribute,
    ShowMedia,
    StateFact,
    SuggestPartner,
)
from bot.flows.model import Flow, Schedule, Step

NEXT_SCHOOL_DAY = "next_school_day"
ISO_DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}")


def list_step_effects(flow: Flow, step: Step, answers: Mapping[str, str]) -> list[Effect]:
    """List the effects of set, fact, media, say, find, suggest, referral, escalate, follow_up, and schedule."""
    placeholders = tuple(answers.items())
    effects: list[Effect] = [SetAttribute(name, value) for name, value in step.set.items()]
    effects += [StateFact(fact) for fact in step.fact]
    if step.media:
        effects += (ShowMedia(step.media.file), SayText(step.media.says, placeholders))
    effects += [SayText(text, placeholders) for text in step.say]
    if step.has_actions:
        effects += _list_action_effects(flow, step, answers, placeholders)
    return effects


def _list_action_effects(
    flow: Flow, step: Step, answers: Mapping[str, str], placeholders: tuple[tuple[str, str], ...]
) -> Iterator[Effect]:
    """Yield the effects of a step other than attributes and texts."""
    yield from _list_partner_effects(step, answers)
    if step.escalate:
        target = step.escalate
        topic = flow.start_on.intents[0] if flow.start_on.intents else flow.flow
        should_reopen = step.case == "reopen"
        yield Escalation(target.to, target.severity, target.about, topic, placeholders, should_reopen)
    if step.case == "close":
        yield CloseCase()
    if step.follow_up:
        yield PlanFollowUp(step.follow_up.after, step.follow_up.flow)
    if step.schedule:
        yield from _list_scheduled_flows(step.schedule, answers)


def _list_partner_effects(step: Step, answers: Mapping[str, str]) -> Iterator[Effect]:
    """Yield the effects that concern partners."""
    if step.find:
        yield FindPartners(step.find.what, answers.get(step.find.near or "", ""))
    if step.suggest and answers.get(step.suggest):
        yield SuggestPartner(answers[step.suggest])
    if step.referral:
        yield AnswerReferral(step.referral)


def _list_scheduled_flows(schedule: Schedule, answers: Mapping[str, str]) -> Iterator[Effect]:
    """Yield the scheduled flow, or nothing if the family named no day because it skipped the question."""
    day = schedule.day
    if day != NEXT_SCHOOL_DAY:
        day = answers.get(schedule.day, "")
    if day == NEXT_SCHOOL_DAY or ISO_DATE_PATTERN.fullmatch(day):
        yield PlanFlowOnDay(day, schedule.at, schedule.flow)
