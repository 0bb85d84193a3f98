"""Run transcripts: what differs from what they say, line by line, and what nobody has walked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.base.yaml_source import Problem, Source
from bot.content.library import Library
from bot.flow_tests.harness import Channel, Stage, clock_of
from bot.flow_tests.model import KINDS, Expect, Kind, Line, Transcript, Words, read_transcripts
from bot.speech.spoken_wording import said
from bot.speech.utterances import pieces


@dataclass
class Report:
    """Differences (`file:line:col: message`), and the coverage of steps, choices and languages."""

    problems: list[Problem] = field(default_factory=list)
    played: int = 0
    walked: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    chosen: set[tuple[str, str, str]] = field(default_factory=set)
    shown: set[tuple[str, Kind]] = field(default_factory=set)

    def steps_left(self, library: Library) -> list[tuple[str, str]]:
        """The steps that no transcript came to, in any language."""
        seen = set().union(*self.walked.values()) if self.walked else set()
        return [
            (name, step)
            for name, flow in library.flows.flows.items()
            for step in flow.steps
            if (name, step) not in seen
        ]

    def choices_left(self, library: Library) -> list[tuple[str, str, str]]:
        """The choices that no transcript took."""
        return [one for one in _choices(library) if one not in self.chosen]

    def kinds_left(self, library: Library) -> list[tuple[str, Kind]]:
        """The flows, with the kind of transcript that the file of their name lacks."""
        return [(flow, kind) for flow in library.flows.flows for kind in KINDS if (flow, kind) not in self.shown]


def play_all(library: Library, folder: Path, channels: Iterable[Channel]) -> Report:
    """Play every transcript in each of its languages on each channel.  Raises `BadSource` for unusable files."""
    report, files = Report(), list(read_transcripts(folder))
    for channel in channels:
        for source, file in files:
            for number, transcript in enumerate(file.transcripts):
                report.shown.add((Path(source.file).stem, transcript.shows))
                for language in transcript.run_in or library.district.languages:
                    stage = Stage(library, language, channel, transcript.at or clock_of(library))
                    stage.notes.update(transcript.contact)
                    report.problems += _play(stage, source, number, transcript)
                    report.played += 1
                    report.walked.setdefault(language, set()).update(stage.walked)
                    report.chosen |= stage.chosen
    return report


def _choices(library: Library) -> Iterator[tuple[str, str, str]]:
    for name, flow in library.flows.flows.items():
        for step, asked in flow.steps.items():
            yield from ((name, step, choice) for choice in asked.choices)


def _play(stage: Stage, source: Source, number: int, transcript: Transcript) -> Iterator[Problem]:
    """The differences of one conversation; after the first the rest means nothing."""
    where = f"{transcript.name} ({stage.language}, {stage.channel})"
    for line_number, line in enumerate(transcript.talk):
        wrong = _line(stage, line)
        if wrong:
            yield source.problem(("transcripts", number, "talk", line_number), f"{where}: {wrong}")
            return
    for wrong in _at_the_end(stage, transcript.expect):
        yield source.problem(("transcripts", number, "expect"), f"{where}: {wrong}")


def _line(stage: Stage, line: Line) -> str | None:
    """What is wrong with what happens at this line, or None."""
    if line.bot is not None:
        return _answer(stage, line)
    if line.staff is not None:
        return _alert(stage, line)
    try:
        if line.family is not None:
            stage.family(_in(line.family, stage.language))
        elif line.start is not None:
            stage.start(line.start)
        elif line.choose is not None:
            stage.choose(line.choose)
        elif line.advance is not None:
            stage.advance(line.advance)
    except (ValueError, KeyError) as error:
        return str(error)
    return None


def _answer(stage: Stage, line: Line) -> str | None:
    reached = [f"{reach.flow}.{reach.step}" for reach in stage.reached]
    wanted = line.bot or ""
    if not any(name == wanted or name.endswith(f".{wanted}") for name in reached):
        return f"expected the step '{wanted}', came to {', '.join(reached) or 'no step'}; it read:\n{stage.reply}"
    part = _in(line.contains, stage.language) if line.contains is not None else ""
    if stage.channel == "voice":
        return _by_ear(stage, part)
    return None if part in stage.reply else f"expected to read '{part}'; it read:\n{stage.reply}"


def _by_ear(stage: Stage, part: str) -> str | None:
    """A caller hears it too (addresses of pages aside), each choice by its key; and no question is silent.

    A part of a text that has other words for the ear is looked for among the written ones.
    """
    heard = pieces(said(stage.library, stage.talk.language or stage.language, stage.reply))
    written, spoken, wanted = (" ".join(one.text for one in cut) for cut in (pieces(stage.reply), heard, pieces(part)))
    step = stage.waiting()
    keys = [one.key for one in heard if one.key]
    if step and step.choices and keys[-len(step.choices) :] != [str(n) for n in range(1, len(step.choices) + 1)]:
        return f"expected a key for each choice, heard {keys}"
    if step and not heard:
        return "expected words before the line waits"
    return None if wanted in written or wanted in spoken else f"expected to hear '{wanted}'; it said:\n{spoken}"


def _alert(stage: Stage, line: Line) -> str | None:
    if not stage.cases or stage.cases[-1].to != line.staff:
        return f"expected an alert to {line.staff}, the newest case is for {[case.to for case in stage.cases[-1:]]}"
    part = _in(line.contains, stage.language) if line.contains is not None else ""
    return None if part in stage.alert() else f"expected the alert to hold '{part}'; it read:\n{stage.alert()}"


def _in(words: Words, language: str) -> str:
    if isinstance(words, str):
        return words
    if language not in words:
        raise ValueError(f"add the words for '{language}', or take it out of 'run_in'")
    return words[language]


def _at_the_end(stage: Stage, expect: Expect) -> Iterator[str]:
    opened = [(case.to, case.severity) for case in stage.cases]
    if expect.case and (expect.case.to, expect.case.severity) not in opened:
        yield f"expected a case for {expect.case.to} ({expect.case.severity}), opened were {opened or 'none'}"
    if expect.case and not any(expect.case.answers.items() <= kept.items() for kept in stage.kept):
        yield f"expected a case that holds {expect.case.answers}, kept was {stage.kept}"
    held = "\n".join([*(text for kept in stage.kept for text in kept.values()), *stage.notes.values()])
    for part in expect.never_kept:
        if part in held:
            yield f"'{part}' must not be kept; kept was {held}"
    if expect.language and expect.language != stage.talk.language:
        yield f"expected the language '{expect.language}', kept was '{stage.talk.language}'"
    if expect.no_case and opened:
        yield f"expected no case, opened were {opened}"
    if expect.follow_up and expect.follow_up not in stage.follow_ups:
        yield f"expected the follow-up {expect.follow_up}, planned were {stage.follow_ups or 'none'}"
    if not expect.notes.items() <= stage.notes.items():
        yield f"expected the notes {expect.notes}, kept were {stage.notes or 'none'}"
    if expect.stopped is not None and expect.stopped != stage.stopped:
        yield f"expected stopped: {expect.stopped}, it was {stage.stopped}"
