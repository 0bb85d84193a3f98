"""Comparing a text with its back-translation: identical texts cause no warning, detectable changes always do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.translation.back_translation import find_warnings

LANGUAGES = st.sampled_from(["en", "es", "ht"])
WORDS = st.lists(
    st.sampled_from(
        [
            "the",
            "school",
            "opens",
            "at",
            "two",
            "8:15",
            "on",
            "monday",
            "may",
            "not",
            "be",
            "closed",
            "1,000",
            "families",
        ]
    )
)
PLAIN = st.lists(st.sampled_from(["school", "opens", "for", "families", "and", "students"]), min_size=1).map(" ".join)


@pytest.mark.parametrize(
    ("language", "original", "back", "wanted"),
    [
        ("en", "Bring 3 forms", "Bring three forms", ()),
        ("en", "Bring 3 forms", "Bring 5 forms", ("numbers",)),
        ("en", "Bring two forms", "Bring forms", ("numbers",)),
        ("en", "1,000 families at 08:05", "1000 families at 8:05", ()),
        ("en", "No one came", "Nobody came", ()),
        ("en", "Come on Monday", "Come on Tuesday", ("dates",)),
        ("en", "Come tomorrow morning", "Come tomorrow", ("dates",)),
        ("en", "You may come in May", "You can come in May", ()),
        ("en", "Classes start in March", "Classes start soon", ("dates",)),
        ("en", "It is not safe", "It is safe", ("negation",)),
        ("en", "Don't come", "You do not have to come", ()),
        ("en", "We can't come", "We cannot come", ()),
        ("en", "Never say no", "Say so", ("negation",)),
        ("en", "ICE is here", "The ice is here", ()),
        ("en", "ICE is here", "The cold is here", ("names",)),
        ("es", "Venga mañana a las doce", "Venga hoy a las 12", ("dates",)),
        ("es", "No venga sin su hijo", "Venga con su hijo", ("negation",)),
        ("es", "Tenemos once sillas", "Tenemos 11 sillas", ()),
        ("ht", "Vini a 8 h", "Vini a 9 h", ("numbers",)),
    ],
)
def test_differences_cause_warnings(language: str, original: str, back: str, wanted: tuple[str, ...]) -> None:
    assert find_warnings(original, back, (), language) == wanted


def test_names_must_appear_in_both() -> None:
    assert find_warnings("Ask Ana Ruiz.", "Ask Anna Ruiz.", ["Ana Ruiz", "Dana Cole"]) == ("names",)
    assert find_warnings("Ask Ana Ruiz.", "ASK ANA RUIZ!", ["Ana Ruiz", "Dana Cole"]) == ()


@given(st.text(), st.lists(st.text(min_size=1)), LANGUAGES)
def test_identical_text_causes_no_warning(text: str, names: list[str], language: str) -> None:
    assert find_warnings(text, text, names, language) == ()


@given(st.text(), st.text(), LANGUAGES)
def test_warnings_never_raise_and_are_symmetric_except_names(one: str, other: str, language: str) -> None:
    there, back = (set(find_warnings(*pair, (), language)) - {"names"} for pair in ((one, other), (other, one)))
    assert there == back


@given(WORDS, st.randoms(use_true_random=False))
def test_word_order_does_not_matter(words: list[str], random: object) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert find_warnings(" ".join(words), " ".join(shuffled)) == ()


@given(PLAIN, st.integers(0, 10**9), st.integers(0, 10**9))
def test_changed_number_is_always_found(text: str, one: int, other: int) -> None:
    assert find_warnings(f"{text} {one} {text}", f"{text} {other} {text}") == (() if one == other else ("numbers",))


@given(PLAIN, PLAIN, st.sampled_from(["not", "never", "no", "without", "don't", "isn’t", "cannot"]))
def test_lost_negation_is_always_found(before: str, after: str, word: str) -> None:
    assert find_warnings(f"{before} {word} {after}", f"{before} {after}") == ("negation",)


@given(PLAIN, st.sampled_from(["Monday", "friday", "tomorrow", "tonight", "October"]))
def test_lost_day_is_always_found(text: str, day: str) -> None:
    assert find_warnings(f"{text} {day}", text) == ("dates",)
