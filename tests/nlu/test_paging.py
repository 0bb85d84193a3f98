"""The decision on paging: thresholds, patterns, and how `make teach` chooses the thresholds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.nlu.model import PageThresholds
from bot.nlu.paging import choose_page
from bot.nlu_training.thresholds import MAX_PAGED_SHARES, ScoredExample, choose_thresholds

THRESHOLDS = PageThresholds(now=0.6, possible=0.1, ask=0.3)
SHARES = st.floats(0, 1)


@pytest.mark.parametrize(
    ("score", "has_pattern", "page"),
    [
        (0.6, False, "now"),
        (0.59, False, "ask"),
        (0.3, False, "ask"),
        (0.29, False, "no"),
        (0.1, True, "now"),
        (0.09, True, "ask"),
    ],
)
def test_page_follows_the_thresholds(score: float, has_pattern: bool, page: str) -> None:
    assert choose_page(score, has_pattern, THRESHOLDS) == page


@given(SHARES, SHARES, st.booleans())
def test_higher_score_never_pages_less(first: float, second: float, has_pattern: bool) -> None:
    order = ("no", "ask", "now")
    low, high = sorted((first, second))
    assert order.index(choose_page(low, has_pattern, THRESHOLDS)) <= order.index(
        choose_page(high, has_pattern, THRESHOLDS)
    )


@given(st.lists(st.tuples(st.sampled_from(sorted(MAX_PAGED_SHARES)), SHARES, st.booleans()), max_size=200))
def test_chosen_thresholds_keep_quiet_messages_quiet(rows: list[tuple[str, float, bool]]) -> None:
    examples = [ScoredExample(*row) for row in rows]
    thresholds = choose_thresholds(examples)
    assert 0 < thresholds.possible <= thresholds.now < 1 and 0 < thresholds.ask <= thresholds.now
    for name, max_share in MAX_PAGED_SHARES.items():
        group = [example for example in examples if example.page_class == name]
        paged = sum(example.score >= thresholds.now for example in group if example.score < 0.995)
        assert paged <= max_share * len(group) or thresholds.now >= 0.995


def test_emergencies_do_not_raise_the_thresholds() -> None:
    quiet = [ScoredExample("everyday", 0.01, False)] * 100
    assert choose_thresholds([*quiet, ScoredExample("danger_now", 0.9, False)]) == choose_thresholds(quiet)
