"""The transcripts of `flows/tests`: all green, on WhatsApp and without it, and every step and choice walked."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bot import settings
from bot.cli import main
from bot.content.library import Library
from bot.transcripts.play import play_all
from bot.transcripts.stage import Channel

TRANSCRIPTS = settings.ROOT / "flows/tests"
EMERGENCIES = ("enforcement_now", "child_alone_now", "self_harm_now", "danger_now", "abuse_violence_home")


@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
def test_all_transcripts_and_all_steps(library: Library, channel: Channel) -> None:
    report = play_all(library, TRANSCRIPTS, [channel])
    assert [str(problem) for problem in report.problems] == []
    assert report.steps_left(library) == [] and report.choices_left(library) == []


@pytest.mark.parametrize("name", EMERGENCIES)
def test_each_emergency_is_walked_in_each_language(library: Library, name: str) -> None:
    report = play_all(library, TRANSCRIPTS / f"{name}.yaml", ["sms"])
    for language in library.district.languages:
        assert (name, library.flows.flows[name].first) in report.walked[language], language


def test_a_difference_is_named_with_its_line_and_with_what_was_read(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "transcripts:\n  - name: Papers\n    run_in: [en]\n    talk:\n"
        "      - start: right_to_school\n      - bot: menu.open\n        contains: Hello\n"
    )
    told = CliRunner().invoke(main, ["test", str(tmp_path), "--channel", "sms"])
    assert told.exit_code == 1
    assert (
        "wrong.yaml:6:9: Papers (en, sms): expected the step 'menu.open', came to right_to_school.open" in told.stdout
    )
    assert "free public school" in told.stdout


def test_a_word_that_transcripts_do_not_know_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "transcripts:\n  - name: x\n    talk:\n      - family: hi\n        bot: menu.open\n"
    )
    told = CliRunner().invoke(main, ["test", str(tmp_path)])
    assert told.exit_code == 1 and "one of 'family', 'start'" in told.output
