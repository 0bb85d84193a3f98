"""Record a conversation of the phone simulator as a test conversation.

The recording holds the texts of the family, the steps, and the case. It holds no reply, so that new wording of a flow
breaks no recording.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import yaml

from bot.content.library import Library
from bot.flow_tests.harness import ChannelName, FlowTestHarness

MIN_RECORDED_PAUSE = timedelta(minutes=5)
"""The recorder writes a longer pause as `advance`, because timeouts can happen in it."""


@dataclass(frozen=True)
class RecordedText:
    """Hold a text of the family and its time."""

    text: str
    sent_at: datetime


def record_conversation(library: Library, texts: Sequence[RecordedText], channel: ChannelName) -> str:
    """Return the YAML of a file for `flows/tests/`. Raises ValueError if there is nothing to record."""
    if not texts:
        raise ValueError("Nothing was written with this phone yet.")
    harness = FlowTestHarness(library, "en", channel, texts[0].sent_at)
    lines = list(_build_lines(harness, texts))
    language = harness.state.language or "en"
    conversation: dict[str, Any] = {
        "name": f"Recorded {texts[0].sent_at:%Y-%m-%d %H:%M}: write here what it shows",
        "run_in": [language],
        "at": texts[0].sent_at.isoformat(timespec="seconds"),
        "talk": lines,
        "expect": _build_expectation(harness),
    }
    yaml_text = yaml.safe_dump({"transcripts": [conversation]}, sort_keys=False, allow_unicode=True, width=118)
    return f"# Recorded with the phone simulator.  `python -m bot test THIS_FILE` plays it.\n{yaml_text}"


def _build_lines(harness: FlowTestHarness, texts: Sequence[RecordedText]) -> Iterator[dict[str, Any]]:
    last_sent_at = texts[0].sent_at
    for recorded in texts:
        pause = recorded.sent_at - last_sent_at
        if pause > MIN_RECORDED_PAUSE:
            minutes = pause // timedelta(minutes=1)
            harness.advance_clock(timedelta(minutes=minutes))
            yield {"advance": f"{minutes} minutes"}
        last_sent_at = recorded.sent_at
        case_count = len(harness.cases)
        yield _record_text(harness, recorded.text)
        if harness.reached_steps:
            yield {"bot": f"{harness.reached_steps[-1].flow}.{harness.reached_steps[-1].step}"}
        if len(harness.cases) > case_count:
            yield {"staff": harness.cases[-1].to}


def _record_text(harness: FlowTestHarness, text: str) -> dict[str, Any]:
    """Record the number of a choice as the name of the choice, which is the same in every language."""
    step = harness.find_open_question()
    choices = list(step.choices) if step else []
    if text.strip().isdecimal() and 1 <= int(text) <= len(choices):
        name = choices[int(text) - 1]
        harness.take_choice(name)
        return {"choose": name}
    harness.receive_text(text)
    return {"family": text}


def _build_expectation(harness: FlowTestHarness) -> dict[str, Any]:
    expected: dict[str, Any] = {"stopped": harness.is_opted_out}
    if harness.cases:
        expected["case"] = {"to": harness.cases[-1].to, "severity": harness.cases[-1].severity}
    else:
        expected["no_case"] = True
    if harness.follow_ups:
        expected["follow_up"] = harness.follow_ups[-1]
    if harness.attributes:
        expected["notes"] = dict(harness.attributes)
    return expected
