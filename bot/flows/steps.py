"""What one step of a flow does, in the order that the grammar promises; the question it ends with is the engine's."""

import re
from collections.abc import Iterator, Mapping

from bot.flows.effects import (
    AnswerReferral,
    CloseCase,
    Effect,
    Escalation,
    FindPartners,
    PlanFollowUp,
    PlanOnDay,
    Say,
    SetNote,
    ShowMedia,
    StateFact,
    Suggest,
)
from bot.flows.model import Flow, Schedule, Step

NEXT_SCHOOL_DAY = "next_school_day"
ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def effects_of(flow: Flow, step: Step, answers: Mapping[str, str]) -> list[Effect]:
    """set, fact, media, say, find, suggest, referral, escalate, follow_up, schedule."""
    given = tuple(answers.items())
    effects: list[Effect] = [SetNote(name, value) for name, value in step.set.items()] if step.set else []
    if step.fact:
        effects += [StateFact(fact) for fact in step.fact]
    if step.media:
        effects += (ShowMedia(step.media.file), Say(step.media.says, given))
    if step.say:
        effects += [Say(text, given) for text in step.say]
    if step.acts:
        effects += _acts(flow, step, answers, given)
    return effects


def _acts(flow: Flow, step: Step, answers: Mapping[str, str], given: tuple[tuple[str, str], ...]) -> Iterator[Effect]:
    """What a step does besides speaking: from finding partners on."""
    yield from _partners(step, answers)
    if step.escalate:
        wanted = step.escalate
        topic = flow.start_on.intents[0] if flow.start_on.intents else flow.flow
        again = step.case == "reopen"
        yield Escalation(wanted.to, wanted.severity, wanted.about, topic, given, again)
    if step.case == "close":
        yield CloseCase()
    if step.follow_up:
        yield PlanFollowUp(step.follow_up.after, step.follow_up.flow)
    if step.schedule:
        yield from _on_a_day(step.schedule, answers)


def _partners(step: Step, answers: Mapping[str, str]) -> Iterator[Effect]:
    """What has to do with the organizations of the district's list."""
    if step.find:
        yield FindPartners(step.find.what, answers.get(step.find.near or "", ""))
    if step.suggest and answers.get(step.suggest):
        yield Suggest(answers[step.suggest])
    if step.referral:
        yield AnswerReferral(step.referral)


def _on_a_day(schedule: Schedule, answers: Mapping[str, str]) -> Iterator[Effect]:
    """Nothing where the family named no day: the way to this step then led around the question."""
    day = NEXT_SCHOOL_DAY if schedule.day == NEXT_SCHOOL_DAY else answers.get(schedule.day, "")
    if day == NEXT_SCHOOL_DAY or ISO_DAY.fullmatch(day):
        yield PlanOnDay(day, schedule.at, schedule.flow)
