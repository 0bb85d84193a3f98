"""A conversation of the simulator becomes a transcript: the family's texts, the steps they came to, the case opened.

Nothing of the answers' wording is written down, so rewording a flow breaks no recording.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import yaml

from bot.content.library import Library
from bot.flow_tests.harness import Channel, Stage

PAUSE = timedelta(minutes=5)
"""A longer silence is written down as `advance`: time-outs may have come between."""


@dataclass(frozen=True)
class Wrote:
    """What a family wrote, and when."""

    text: str
    at: datetime


def record(library: Library, wrote: Sequence[Wrote], channel: Channel) -> str:
    """The YAML of a file for `flows/tests/`; raises ValueError if there is nothing to record."""
    if not wrote:
        raise ValueError("Nothing was written with this phone yet.")
    stage = Stage(library, "en", channel, wrote[0].at)
    talk = list(_lines(stage, wrote))
    stage_language = stage.talk.language or "en"
    transcript: dict[str, Any] = {
        "name": f"Recorded {wrote[0].at:%Y-%m-%d %H:%M}: say here what it shows",
        "run_in": [stage_language],
    }
    transcript |= {"at": wrote[0].at.isoformat(timespec="seconds"), "talk": talk, "expect": _expected(stage)}
    dumped = yaml.safe_dump({"transcripts": [transcript]}, sort_keys=False, allow_unicode=True, width=118)
    return f"# Recorded with the phone simulator.  `python -m bot test THIS_FILE` plays it.\n{dumped}"


def _lines(stage: Stage, wrote: Sequence[Wrote]) -> Iterator[dict[str, Any]]:
    before = wrote[0].at
    for one in wrote:
        if one.at - before > PAUSE:
            minutes = (one.at - before) // timedelta(minutes=1)
            stage.advance(timedelta(minutes=minutes))
            yield {"advance": f"{minutes} minutes"}
        before = one.at
        cases = len(stage.cases)
        yield _said(stage, one.text)
        if stage.reached:
            yield {"bot": f"{stage.reached[-1].flow}.{stage.reached[-1].step}"}
        if len(stage.cases) > cases:
            yield {"staff": stage.cases[-1].to}


def _said(stage: Stage, text: str) -> dict[str, Any]:
    """A number that answers a question is written as the choice it means, which holds in every language."""
    step = stage.waiting()
    choices = list(step.choices) if step else []
    if text.strip().isdecimal() and 1 <= int(text) <= len(choices):
        name = choices[int(text) - 1]
        stage.choose(name)
        return {"choose": name}
    stage.family(text)
    return {"family": text}


def _expected(stage: Stage) -> dict[str, Any]:
    expected: dict[str, Any] = {"stopped": stage.stopped}
    if stage.cases:
        expected["case"] = {"to": stage.cases[-1].to, "severity": stage.cases[-1].severity}
    else:
        expected["no_case"] = True
    if stage.follow_ups:
        expected["follow_up"] = stage.follow_ups[-1]
    return {**expected, **({"notes": dict(stage.notes)} if stage.notes else {})}
