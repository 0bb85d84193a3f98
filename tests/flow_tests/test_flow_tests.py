"""The transcripts of `flows/tests`: all pass, with and without WhatsApp, and cover every step and choice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.base import settings
from bot.cli.main import main
from bot.content.library import Library
from bot.flow_tests.harness import ChannelName
from bot.flow_tests.recorder import RecordedText, record_conversation
from bot.flow_tests.runner import play_all

TRANSCRIPTS = settings.ROOT / "flows/tests"
EMERGENCIES = ("enforcement_now", "child_alone_now", "self_harm_now", "danger_now", "abuse_violence_home")


@pytest.mark.long
@pytest.mark.parametrize("channel", ["whatsapp", "sms", "voice"])
def test_all_transcripts_pass_and_cover_all_steps(library: Library, channel: ChannelName) -> None:
    report = play_all(library, TRANSCRIPTS, [channel])
    assert [str(problem) for problem in report.problems] == []
    assert report.list_uncovered_steps(library) == [] and report.list_uncovered_choices(library) == []
    assert report.list_uncovered_kinds(library) == [], "each flow shows its way, a confused family and an emergency"


@pytest.mark.parametrize("name", EMERGENCIES)
def test_each_emergency_is_covered_in_each_language(library: Library, name: str) -> None:
    report = play_all(library, TRANSCRIPTS / f"{name}.yaml", ["sms"])
    for language in library.district.languages:
        assert (name, library.flows.flows[name].first_step) in report.visited_steps[language], language


def test_mismatch_reports_line_and_actual_text(tmp_path: Path) -> None:
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


def test_unknown_key_in_transcript_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "transcripts:\n  - name: x\n    talk:\n      - family: hi\n        bot: menu.open\n"
    )
    told = CliRunner().invoke(main, ["test", str(tmp_path)])
    assert told.exit_code == 1 and "one of 'family', 'start'" in told.output


@pytest.fixture
def loaded(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command find its files already loaded: loading takes longer than the conversation."""
    monkeypatch.setattr("bot.cli.main._load_library", lambda: library)


def run_bot_test(tmp_path: Path, *, expect: str = "", line: str = "") -> str:
    """Return the errors of `bot test` for a conversation with an ID number and this line or expectation added."""
    (tmp_path / "one.yaml").write_text(
        "transcripts:\n  - name: x\n    run_in: [en]\n    talk:\n"
        f"      - family: I want to talk to a person, my A-number is A123456789\n{line}"
        f"      - family: call me at five\n    expect: {{{expect}}}\n"
    )
    told = CliRunner().invoke(main, ["test", str(tmp_path), "--channel", "sms"])
    return "" if told.exit_code == 0 else told.stdout


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("language: en", ""),
        ("language: es", "expected the language 'es', got 'en'"),
        ("never_kept: ['123456789']", ""),
        ("never_kept: [five]", "'five' must not be stored"),
        ("case: {to: family_liaison, severity: follow_up, answers: {time: call me at five}}", ""),
        ("case: {to: family_liaison, severity: follow_up, answers: {time: at six}}", "expected a case that holds"),
    ],
)
def test_stored_values_can_be_expected(tmp_path: Path, expect: str, said: str) -> None:
    told = run_bot_test(tmp_path, expect=expect)
    assert said in told and bool(said) == bool(told)


@pytest.mark.usefixtures("loaded")
def test_staff_alerts_can_be_expected(tmp_path: Path) -> None:
    right = "      - staff: family_liaison\n        contains: 'Language: English'\n"
    assert run_bot_test(tmp_path, line=right) == ""
    assert "expected an alert to counselor" in run_bot_test(tmp_path, line="      - staff: counselor\n")
    wrong = run_bot_test(tmp_path, line="      - staff: family_liaison\n        contains: '123456789'\n")
    assert "one.yaml:6:9" in wrong and "expected the alert to hold '123456789'" in wrong


def test_recorded_conversation_is_a_passing_transcript(library: Library, tmp_path: Path) -> None:
    start = datetime(2026, 11, 24, 16, tzinfo=UTC)
    said = ["tengo miedo de mandar a mi hija a la escuela", "1", "gracias"]
    wrote = [RecordedText(text, start + timedelta(minutes=10 * number)) for number, text in enumerate(said)]
    recorded = record_conversation(library, wrote, "sms")
    (tmp_path / "recorded.yaml").write_text(recorded)
    assert "choose: bus" in recorded and "advance: 10 minutes" in recorded and "staff: family_liaison" in recorded
    report = play_all(library, tmp_path, ["whatsapp", "sms"])
    assert report.problems == [] and report.run_count == 2


def test_empty_conversation_cannot_be_recorded(library: Library) -> None:
    with pytest.raises(ValueError, match="Nothing was written"):
        record_conversation(library, [], "sms")
