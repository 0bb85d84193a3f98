"""Run test conversations. List the differences by line, and the steps and choices that no conversation covers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.base.yaml_source import Problem, Source
from bot.content.library import Library
from bot.flow_tests.harness import ChannelName, FlowTestHarness, compute_default_time
from bot.flow_tests.model import (
    CONVERSATION_KINDS,
    ConversationKind,
    ConversationLine,
    ExpectedOutcome,
    TestConversation,
    WordsByLanguage,
    read_test_conversations,
)
from bot.speech.spoken_wording import render_spoken_reply
from bot.speech.utterances import split_utterances


@dataclass
class FlowTestReport:
    """Hold the differences (`file:line:col: message`) and the coverage of steps, choices, and languages."""

    problems: list[Problem] = field(default_factory=list)
    run_count: int = 0
    visited_steps: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    taken_choices: set[tuple[str, str, str]] = field(default_factory=set)
    covered_kinds: set[tuple[str, ConversationKind]] = field(default_factory=set)

    def list_uncovered_steps(self, library: Library) -> list[tuple[str, str]]:
        """List the steps that no test conversation reached in any language."""
        visited = {place for places in self.visited_steps.values() for place in places}
        return [
            (name, step)
            for name, flow in library.flows.flows.items()
            for step in flow.steps
            if (name, step) not in visited
        ]

    def list_uncovered_choices(self, library: Library) -> list[tuple[str, str, str]]:
        """List the choices that no test conversation took."""
        return [choice for choice in _list_choices(library) if choice not in self.taken_choices]

    def list_uncovered_kinds(self, library: Library) -> list[tuple[str, ConversationKind]]:
        """List the flows and the kinds of test conversation that they don't have in the file of their name."""
        return [
            (flow, kind)
            for flow in library.flows.flows
            for kind in CONVERSATION_KINDS
            if (flow, kind) not in self.covered_kinds
        ]


def play_all(library: Library, folder: Path, channels: Iterable[ChannelName]) -> FlowTestReport:
    """Play every test conversation in each of its languages on each channel.

    Raises `SourceError` for unusable files.
    """
    report, files = FlowTestReport(), list(read_test_conversations(folder))
    for channel in channels:
        for source, file in files:
            for number, conversation in enumerate(file.transcripts):
                report.covered_kinds.add((Path(source.file).stem, conversation.shows))
                started_at = conversation.at or compute_default_time(library)
                for language in conversation.run_in or library.district.languages:
                    harness = FlowTestHarness(library, language, channel, started_at)
                    harness.attributes.update(conversation.contact)
                    report.problems += _play(harness, source, number, conversation)
                    report.run_count += 1
                    report.visited_steps.setdefault(language, set()).update(harness.visited_steps)
                    report.taken_choices |= harness.taken_choices
    return report


def _list_choices(library: Library) -> Iterator[tuple[str, str, str]]:
    for name, flow in library.flows.flows.items():
        for step, question in flow.steps.items():
            yield from ((name, step, choice) for choice in question.choices)


def _play(harness: FlowTestHarness, source: Source, number: int, conversation: TestConversation) -> Iterator[Problem]:
    """Yield the differences of one conversation. After the first difference, the other lines mean nothing."""
    label = f"{conversation.name} ({harness.language}, {harness.channel})"
    for line_number, line in enumerate(conversation.talk):
        problem = _play_line(harness, line)
        if problem:
            yield source.build_problem(("transcripts", number, "talk", line_number), f"{label}: {problem}")
            return
    for problem in _check_outcome(harness, conversation.expect):
        yield source.build_problem(("transcripts", number, "expect"), f"{label}: {problem}")


def _play_line(harness: FlowTestHarness, line: ConversationLine) -> str | None:
    """Play one line. Return its difference, or None."""
    if line.bot is not None:
        return _check_reply(harness, line)
    if line.staff is not None:
        return _check_alert(harness, line)
    try:
        if line.family is not None:
            harness.receive_text(_select_words(line.family, harness.language))
        elif line.start is not None:
            harness.start_topic(line.start)
        elif line.choose is not None:
            harness.take_choice(line.choose)
        elif line.advance is not None:
            harness.advance_clock(line.advance)
    except (ValueError, KeyError) as error:
        return str(error)
    return None


def _check_reply(harness: FlowTestHarness, line: ConversationLine) -> str | None:
    reached_steps = [f"{step.flow}.{step.step}" for step in harness.reached_steps]
    expected_step = line.bot or ""
    if not any(name == expected_step or name.endswith(f".{expected_step}") for name in reached_steps):
        reached = ", ".join(reached_steps) or "no step"
        return f"expected the step '{expected_step}', came to {reached}; the reply was:\n{harness.reply}"
    expected_text = _get_expected_text(harness, line)
    if harness.channel == "voice":
        return _check_spoken_reply(harness, expected_text)
    if expected_text in harness.reply:
        return None
    return f"expected the text '{expected_text}'; the reply was:\n{harness.reply}"


def _get_expected_text(harness: FlowTestHarness, line: ConversationLine) -> str:
    return "" if line.contains is None else _select_words(line.contains, harness.language)


def _check_spoken_reply(harness: FlowTestHarness, expected_part: str) -> str | None:
    """Check the reply as a caller hears it, without web addresses and with a key for each choice.

    An open question must never be silent. The expected text can be a part of the written or of the spoken text.
    """
    language = harness.state.language or harness.language
    utterances = split_utterances(render_spoken_reply(harness.library, language, harness.reply))
    written_text, spoken_text, expected_text = (
        " ".join(utterance.text for utterance in group)
        for group in (split_utterances(harness.reply), utterances, split_utterances(expected_part))
    )
    step = harness.find_open_question()
    keys = [utterance.key for utterance in utterances if utterance.key]
    if step and step.choices:
        expected_keys = [str(number) for number in range(1, len(step.choices) + 1)]
        if keys[-len(expected_keys) :] != expected_keys:
            return f"expected a key for each choice, heard {keys}"
    if step and not utterances:
        return "expected spoken text before Puente waits for an answer"
    if expected_text in written_text or expected_text in spoken_text:
        return None
    return f"expected to hear '{expected_text}'; the call said:\n{spoken_text}"


def _check_alert(harness: FlowTestHarness, line: ConversationLine) -> str | None:
    if not harness.cases:
        return f"expected an alert to {line.staff}, but there is no case"
    if harness.cases[-1].to != line.staff:
        return f"expected an alert to {line.staff}, but the newest case is for {harness.cases[-1].to}"
    expected_text, alert = _get_expected_text(harness, line), harness.build_alert()
    if expected_text in alert:
        return None
    return f"expected the alert to hold '{expected_text}'; it was:\n{alert}"


def _select_words(words: WordsByLanguage, language: str) -> str:
    if isinstance(words, str):
        return words
    if language not in words:
        raise ValueError(f"add the text for '{language}', or remove it from 'run_in'")
    return words[language]


def _check_outcome(harness: FlowTestHarness, expect: ExpectedOutcome) -> Iterator[str]:
    opened_cases = [(case.to, case.severity) for case in harness.cases]
    if expect.case and (expect.case.to, expect.case.severity) not in opened_cases:
        yield f"expected a case for {expect.case.to} ({expect.case.severity}), got {opened_cases or 'none'}"
    if expect.case and not any(expect.case.answers.items() <= answers.items() for answers in harness.case_answers):
        yield f"expected a case that holds {expect.case.answers}, got {harness.case_answers}"
    case_texts = [text for answers in harness.case_answers for text in answers.values()]
    stored_text = "\n".join([*case_texts, *harness.attributes.values()])
    for part in expect.never_kept:
        if part in stored_text:
            yield f"'{part}' must not be stored; stored: {stored_text}"
    if expect.language and expect.language != harness.state.language:
        yield f"expected the language '{expect.language}', got '{harness.state.language}'"
    if expect.no_case and opened_cases:
        yield f"expected no case, got {opened_cases}"
    if expect.follow_up and expect.follow_up not in harness.follow_ups:
        yield f"expected the follow-up {expect.follow_up}, got {harness.follow_ups or 'none'}"
    if not expect.notes.items() <= harness.attributes.items():
        yield f"expected the notes {expect.notes}, got {harness.attributes or 'none'}"
    if expect.stopped is not None and expect.stopped != harness.is_opted_out:
        yield f"expected stopped: {expect.stopped}, got {harness.is_opted_out}"
