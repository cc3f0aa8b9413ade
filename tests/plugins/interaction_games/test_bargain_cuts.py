"""Cuts of a bargain: an exact sum, never rising, none of them nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.api import Invalid
from scrm_interaction_games.games.cuts import split_cuts


@st.composite
def cases(draw):
    count = draw(st.integers(2, 60))
    return draw(st.integers(count, 5_000_000)), count


@given(cases(), st.randoms(use_true_random=False))
def test_cuts_sum_exactly_never_rise_and_are_at_least_one(case, random):
    total, count = case
    cuts = split_cuts(total, count, random.randrange)
    assert len(cuts) == count
    assert sum(cuts) == total
    assert all(cut >= 1 for cut in cuts)
    assert cuts == sorted(cuts, reverse=True)


@given(st.integers(4, 60), st.integers(100, 50_000), st.randoms(use_true_random=False))
def test_the_first_cut_takes_thirty_to_fifty_percent(count, each, random):
    total = count * each
    first = split_cuts(total, count, random.randrange)[0]
    assert 30 * total <= 100 * first <= 50 * total


def test_extreme_draws_stay_inside_the_rules():
    assert split_cuts(10_000, 5, lambda _: 0) == [3_000, 1_750, 1_750, 1_750, 1_750]
    assert split_cuts(10_000, 5, lambda n: n - 1) == [5_000, 1_875, 1_563, 1_171, 391]
    assert split_cuts(7, 7) == [1] * 7
    assert split_cuts(101, 2) == [51, 50]


def test_real_randomness_gives_different_lists():
    assert len({tuple(split_cuts(10_000, 8)) for _ in range(20)}) > 15


def test_less_to_cut_than_cuts_is_refused_with_the_way_out():
    with pytest.raises(Invalid, match="4 minor units cannot be cut 5 times") as wrong:
        split_cuts(4, 5)
    assert wrong.value.field == "helpers"
    with pytest.raises(Invalid, match="at least one helper"):
        split_cuts(100, 1)
