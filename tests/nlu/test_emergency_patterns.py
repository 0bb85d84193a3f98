"""The grammar of emergency patterns, which a liaison writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.base.text_normalization import normalize_text
from bot.nlu import Phrasebook, SignalFile, find_emergencies
from bot.nlu.emergency_patterns import EmergencyMatcher, EmergencyPattern, _find_starts, build_needle
from bot.nlu.model import MODEL_FILENAME, load_model
from bot.nlu_training.dataset import TrainingData
from bot.nlu_training.labels import LabeledPhrase
from tests.nlu.conftest import FLOWS


def build_phrasebook(*lines: str, **more: object) -> Phrasebook:
    file = {"emergencies": {"danger_now": list(lines)}, **more}
    return Phrasebook.build({"en": SignalFile.model_validate(file)}, load_model(FLOWS / MODEL_FILENAME))


def finds_emergency(text: str, phrases: Phrasebook) -> bool:
    return bool(find_emergencies(text, phrases))


def test_all_groups_must_match_in_any_order() -> None:
    phrases = build_phrasebook("fire|smoke + school|house")
    assert finds_emergency("smoke in the house", phrases)
    assert finds_emergency("the SCHOOL is on... Fire!!", phrases)
    assert not finds_emergency("a fire", phrases)


def test_alternative_matches_only_at_word_start() -> None:
    phrases = build_phrasebook("knife")
    assert finds_emergency("knifes", phrases)
    assert not finds_emergency("penknife", phrases)


def test_whole_word_and_starred_patterns_match() -> None:
    assert not finds_emergency("icy nice ices", build_phrasebook("=ice"))
    assert not finds_emergency("mantra", build_phrasebook("man"))
    assert finds_emergency("hija", build_phrasebook("hij*"))
    assert not finds_emergency("weapons", build_phrasebook("=weapon"))


def test_language_without_suffixes_matches_whole_words() -> None:
    assert not finds_emergency("danh con", build_phrasebook("đánh co", whole_words=True))
    assert finds_emergency("danh con", build_phrasebook("đánh co*", whole_words=True))


def test_vetoes_apply_per_line_per_topic_and_always() -> None:
    phrases = build_phrasebook("not if movie", "gun - water", "always shooter")
    assert finds_emergency("gun", phrases)
    assert not finds_emergency("water gun", phrases)
    assert not finds_emergency("a gun in a movie", phrases)
    assert finds_emergency("a shooter after the movie", phrases)


def test_topic_veto_applies_in_every_language() -> None:
    danger = {"danger_now": ["=bomba"]}
    one = SignalFile.model_validate({"emergencies": danger})
    other = SignalFile.model_validate({"emergencies": {"danger_now": ["not if jaja", "=bomba"]}})
    assert not finds_emergency(
        "bomba jaja", Phrasebook.build({"pt": one, "es": other}, load_model(FLOWS / MODEL_FILENAME))
    )


def test_ignored_phrase_hides_only_itself() -> None:
    phrases = build_phrasebook("gun + here", ignore=["glue gun"])
    assert not finds_emergency("the glue gun is here", phrases)
    assert finds_emergency("glue gun here, and a gun", phrases)


def test_lists_are_shared_and_unknown_ones_refused() -> None:
    assert finds_emergency("a rifle", build_phrasebook("<guns>", lists={"guns": "gun|rifle"}))
    with pytest.raises(ValueError, match="en: danger_now: .*<gunz>"):
        build_phrasebook("<gunz>", lists={"guns": "gun"})


def test_empty_alternative_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        build_phrasebook("gun||rifle")


def test_chinese_matches_inside_and_arabic_after_prefixes() -> None:
    assert finds_emergency("有人带枪了", build_phrasebook("枪"))
    assert finds_emergency("والسكين معه", build_phrasebook("سكين"))


def test_alternatives_can_overlap_and_contain_each_other() -> None:
    phrases = build_phrasebook("gun* + gunshot + shot at + at school")
    assert finds_emergency("a gunshot, a shot at school", phrases)
    assert not finds_emergency("a gunshot at school", phrases), "no word begins with shot"


SHORT_TEXTS = st.text("ab 枪وال", min_size=1, max_size=6).filter(normalize_text)


@given(st.lists(SHORT_TEXTS, min_size=1, max_size=8), st.text("ab 枪وال", max_size=20))
def test_trie_search_matches_a_naive_search(alternatives: list[str], message: str) -> None:
    needles = {build_needle(alternative) for alternative in alternatives}
    patterns = [EmergencyPattern("danger_now", "en", ((needle,),), ()) for needle in needles]
    text = normalize_text(message)
    starts = list(_find_starts(text + " "))
    found = {pattern.groups[0][0] for pattern in EmergencyMatcher(patterns).match_patterns(text)}
    assert found == {needle for needle in needles if any((text + " ").startswith(needle, start) for start in starts)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"emergencies": {"fire_now": []}},
        {"topics": {"weather": []}},
        {"comands": {}},
        {"commands": {"halt": []}},
    ],
)
def test_unknown_keys_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SignalFile.model_validate(wrong)


def test_phrase_with_two_topics_is_refused() -> None:
    twice = (LabeledPhrase("ok", "en", "short_reply", "topic"), LabeledPhrase("OK!", "en", "opt_out", "topic"))
    with pytest.raises(ValueError, match="OK!"):
        TrainingData(twice, (), (), {}).map_phrases_to_intents()


def test_phrase_with_different_meanings_by_language_is_left_to_model() -> None:
    spanish = LabeledPhrase("si", "es", "short_reply", "topic")
    french = LabeledPhrase("si", "fr", "out_of_scope", "out_of_scope")
    assert TrainingData((spanish, french), (), (), {}).map_phrases_to_intents() == {}
