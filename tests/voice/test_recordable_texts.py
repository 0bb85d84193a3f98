"""Recordable texts match spoken ones: split as in a call, the most important first, each part once."""

from dataclasses import replace

import pytest
from click.testing import CliRunner

from bot.cli.main import main
from bot.content.library import Library
from bot.flows.effects import AskQuestion, SayText, StateFact
from bot.messaging.reply_composer import ReplyComposer
from bot.runtime import Runtime
from bot.speech.spoken_wording import render_spoken_reply
from bot.speech.twilio_voices import TWILIO_VOICES
from bot.speech.utterances import compute_recording_key, split_utterances
from bot.store.announcements import recordings
from bot.store.announcements.recordings import Recording, RecordingAudio
from bot.voice import coverage
from bot.voice.recordable_texts import collect_recordable_texts
from tests.conftest import NOW


@pytest.mark.parametrize("language", ["en", "so", "fa", "mam"])
def test_reply_is_found_piece_by_piece(library: Library, language: str) -> None:
    keys = collect_recordable_texts(library, language, NOW).keys
    menu = library.flows.flows["menu"].steps["open"]
    safe = library.flows.flows["school_ice_policy"]
    fact = next(name for step in safe.steps.values() for name in step.fact if name in library.facts)
    effects = [AskQuestion(menu.ask or "", tuple(str(one.label) for one in menu.choices.values())), StateFact(fact)]
    effects += [SayText(str(text)) for text in library.flows.flows["danger_now"].steps["open"].say]
    cut = split_utterances(
        render_spoken_reply(library, language, ReplyComposer(library, language, NOW).compose(effects))
    )
    assert len(cut) > 9 and {compute_recording_key(language, piece.text) for piece in cut} <= keys


def test_emergencies_come_first_then_menu_and_person(library: Library) -> None:
    found = collect_recordable_texts(library, "so", NOW)
    flows = list(dict.fromkeys(item.flow for item in found.items))
    checks = ["check_child_alone", "check_self_harm", "check_violence"]
    emergencies = ["child_alone_now", "danger_now", "enforcement_now", "self_harm_now"]
    assert flows[:8] == ["abuse_violence_home", *checks, *emergencies]
    assert flows[8:11] == ["menu", "talk_to_human", "texts"] and len(found.keys) == len(found.items) > 200


def test_texts_with_caller_values_are_listed_separately(library: Library) -> None:
    found = collect_recordable_texts(library, "so", NOW)
    assert any("{case}" in one.english for one in found.machine_only_texts) and not any(
        "{" in item.text for item in found.items
    )
    assert not any(one.english == library.texts["poster_title"] for one in found.machine_only_texts)


def test_unwritten_language_is_recorded_from_english(library: Library) -> None:
    items = collect_recordable_texts(library, "mam", NOW).items
    assert all(item.is_missing and item.text == item.english for item in items)
    somali = {item.english: item for item in collect_recordable_texts(library, "so", NOW).items}
    assert somali["Yes"].text == "Haa" and not somali["Yes"].is_missing


def test_changed_words_have_another_key(library: Library) -> None:
    before = collect_recordable_texts(library, "so", NOW).keys
    other = replace(library, district=library.district.model_copy(update={"office_phone": "217-555-0999"}))
    after = collect_recordable_texts(other, "so", NOW).keys
    assert before - after and after - before and before & after


def test_check_lists_missing_recordings(library: Library) -> None:
    lines = list(coverage.list_warnings(library, NOW, None))
    assert {line.split("/")[1][:2] for line in lines} == {"ht", "so", "fa", "ps"} & set(library.district.languages)
    assert all("abuse_violence_home" in line and "not checked" in line for line in lines)
    every = list(coverage.list_warnings(library, NOW, lambda language, keys: set(keys)))
    assert len(every) == len(lines) and all("not checked" not in line and "first:" not in line for line in every)


@pytest.mark.long
def test_commands_work_with_and_without_a_database(
    runtime: Runtime, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = collect_recordable_texts(library, "so", NOW).items[0]
    with runtime.database.write() as db:
        said = Recording(0, "so", item.key, item.place, item.text, 2, "ana_ruiz", NOW)
        recordings.review(db, recordings.add(db, said, RecordingAudio(b"mp3", b"ogg", 2)), "sam_ortiz", NOW)
    monkeypatch.setenv("VAR_DIR", str(runtime.settings.var_dir))
    monkeypatch.setenv("DATABASE_URL", runtime.settings.database_url)
    table = CliRunner().invoke(main, ["voices"]).output
    assert f"| Somali (so) | none | 1 of {len(collect_recordable_texts(library, 'so', NOW).items)} |" in table
    assert len(table.splitlines()) == 2 + len(library.district.languages)
    assert f"| Spanish (es) | {TWILIO_VOICES['es'].name} | 0 of" in table
    away = runtime.settings.var_dir / "away.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{away}")
    assert "| Somali (so) | none | not checked |" in CliRunner().invoke(main, ["voices"]).output
    assert "recordings not checked" in CliRunner().invoke(main, ["check"]).output and not away.exists()
