"""RFM scores: equal values score equally, whatever the order of the rows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.rfm import Scores, quintiles, repeat_summary, segments, thresholds


def scored(values, **options):
    scale = quintiles(values, **options)
    return [scale.score(value) for value in values]


def test_frequencies_with_many_ties_score_as_in_the_worked_example():
    assert scored([1, 1, 1, 1, 1, 1, 2, 2, 3, 8]) == [1, 1, 1, 1, 1, 1, 4, 4, 5, 5]


def test_recency_scores_fewer_days_higher_as_in_the_worked_example():
    days = [3, 10, 10, 25, 40, 40, 40, 90, 180, 365]
    assert scored(days, more_is_better=False) == [5, 4, 4, 4, 2, 2, 2, 2, 1, 1]


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=60), st.booleans())
def test_every_score_follows_the_formula(values, more_is_better):
    for value, score in zip(values, scored(values, more_is_better=more_is_better), strict=True):
        worse = sum(1 for v in values if (v < value if more_is_better else v > value))
        assert score == min(5, 1 + math.floor(5 * worse / len(values)))


def test_a_stored_scale_scores_a_customer_who_was_not_in_the_sample():
    scale = quintiles([1, 1, 1, 1, 1, 1, 2, 2, 3, 8])
    assert [scale.score(v) for v in (0, 1, 2, 5, 100)] == [1, 1, 4, 5, 5]


def test_fixed_thresholds_do_not_move_with_the_others():
    frequency = thresholds([2, 3, 4, 6])
    assert [frequency.score(v) for v in (1, 2, 3, 4, 5, 6, 60)] == [1, 2, 3, 4, 4, 5, 5]
    recency = thresholds([180, 90, 60, 30], more_is_better=False)
    assert [recency.score(v) for v in (0, 30, 31, 60, 90, 180, 181)] == [5, 5, 4, 4, 3, 2, 1]


@pytest.mark.parametrize("bounds", [[2, 3, 4], [2, 2, 3, 4], [4, 3, 2, 1]])
def test_thresholds_that_do_not_get_better_are_refused(bounds):
    with pytest.raises(ValueError, match="four bounds"):
        thresholds(bounds)


def test_the_eight_segments_have_their_names():
    high_low = {
        (5, 5, 5): "重要价值客户",
        (5, 1, 5): "重要发展客户",
        (1, 5, 5): "重要保持客户",
        (1, 1, 5): "重要挽留客户",
        (5, 5, 1): "一般价值客户",
        (5, 1, 1): "一般发展客户",
        (1, 5, 1): "一般保持客户",
        (1, 1, 1): "一般挽留客户",
    }
    scores = [Scores(*each) for each in high_low]
    assert segments(scores) == list(high_low.values())
    assert segments(scores, against="median") == list(high_low.values())


def test_nobody_is_high_when_all_are_equal():
    assert segments([Scores(3, 3, 3)] * 4) == ["一般挽留客户"] * 4
    assert segments([]) == []


def test_repeats_are_purchase_days_after_the_first():
    summary = repeat_summary([1, 1, 3, 2])
    assert (summary.customers, summary.repeats, summary.without_repeat) == (4, 3, 2)
