"""The statistics against published worked numbers and against brute force."""

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.stats import chi_square_tail, compare_shares, fisher_exact, holm, sample_ratio, sample_size, wilson


@pytest.mark.parametrize(
    ("a", "b", "z", "p", "low", "high"),
    [
        ((120, 2000), (156, 2000), 2.2458, 0.0247, 0.0023, 0.0337),
        ((10, 200), (18, 200), 1.5677, 0.117, -0.0099, 0.0899),
    ],
)
def test_two_shares_compare_as_in_the_worked_examples(a, b, z, p, low, high):
    seen = compare_shares(*a, *b)
    assert seen.method == "z"
    assert seen.z == pytest.approx(z, abs=5e-5)
    assert seen.p_value == pytest.approx(p, abs=5e-4)
    assert (round(seen.interval.low, 4), round(seen.interval.high, 4)) == (low, high)


def test_a_large_difference_is_all_but_certain():
    seen = compare_shares(700, 1000, 798, 1000)
    assert seen.z == pytest.approx(5.054, abs=5e-4)
    assert seen.p_value < 0.00001
    assert (round(seen.interval.low, 4), round(seen.interval.high, 4)) == (0.0602, 0.1358)


def test_the_lift_over_a_hold_out_is_counted_in_persons():
    seen = compare_shares(160, 6_667, 1_920, 60_000)
    assert seen.z == pytest.approx(3.56, abs=5e-3)
    assert seen.p_value == pytest.approx(0.0004, abs=5e-5)
    assert round(seen.difference * 60_000) == 480


def test_small_cells_fall_back_to_fishers_exact_test():
    # The lady tasting tea: 3 of 4 against 1 of 4 has P 34/70.
    seen = compare_shares(3, 4, 1, 4)
    assert (seen.method, seen.z) == ("fisher", None)
    assert seen.p_value == pytest.approx(34 / 70)


@given(st.integers(1, 7), st.integers(1, 7), st.data())
def test_fishers_p_is_the_share_of_arrangements_at_most_as_likely(n1, n2, data):
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    seen: dict[int, int] = {}
    for chosen in combinations(range(n1 + n2), x1 + x2):
        in_first = sum(1 for each in chosen if each < n1)
        seen[in_first] = seen.get(in_first, 0) + 1
    extreme = sum(many for many in seen.values() if many <= seen[x1])
    assert fisher_exact(x1, n1, x2, n2) == pytest.approx(extreme / sum(seen.values()))


def test_two_empty_shares_are_not_different():
    assert compare_shares(0, 10_000, 0, 10_000).p_value == pytest.approx(1.0)


@pytest.mark.parametrize("counts", [(1, 0, 1, 5), (6, 5, 1, 5), (-1, 5, 1, 5)])
def test_what_is_not_a_share_is_refused(counts):
    with pytest.raises(ValueError, match="not a share"):
        compare_shares(*counts)


@pytest.mark.parametrize(("x", "n", "low", "high"), [(30, 400, 0.0530, 0.1050), (0, 50, 0.0, 0.0713)])
def test_wilson_intervals_of_the_worked_examples(x, n, low, high):
    seen = wilson(x, n)
    assert (round(seen.low, 4), round(seen.high, 4)) == (low, high)


def test_wilson_is_symmetric():
    few, many = wilson(3, 40), wilson(37, 40)
    assert (few.low, few.high) == pytest.approx((1 - many.high, 1 - many.low))
    assert wilson(50, 50).high == 1.0


@pytest.mark.parametrize(
    ("p1", "p2", "n"), [(0.05, 0.06, 8_158), (0.10, 0.12, 3_841), (0.02, 0.025, 13_809), (0.70, 0.75, 1_251)]
)
def test_sample_sizes_of_the_worked_examples(p1, p2, n):
    assert sample_size(p1, p2) == n
    assert sample_size(p2, p1) == n


@pytest.mark.parametrize(("p1", "p2"), [(0.1, 0.1), (0, 0.1), (0.1, 1)])
def test_no_sample_size_without_two_shares(p1, p2):
    with pytest.raises(ValueError, match="shares"):
        sample_size(p1, p2)


@pytest.mark.parametrize(
    ("counts", "chi", "p", "alarm"),
    [
        ((5100, 4900), 4.0, 0.0455, False),
        ((10000, 9600), 8.16, 0.0043, False),
        ((50400, 49200), 14.46, 0.00014, True),
    ],
)
def test_sample_ratio_mismatch_of_the_worked_examples(counts, chi, p, alarm):
    seen = sample_ratio(counts, [1, 1])
    assert seen.chi_square == pytest.approx(chi, abs=5e-3)
    assert seen.p_value == pytest.approx(p, abs=5e-5)
    assert seen.alarm is alarm


def test_a_planned_ratio_of_nine_to_one_is_no_mismatch():
    assert sample_ratio((9_000, 1_000), (9_000, 1_000)).p_value == 1.0
    assert sample_ratio((5_000, 5_000), (9_000, 1_000)).alarm
    assert not sample_ratio((0, 0), (1, 1)).alarm


@pytest.mark.parametrize(
    ("chi", "freedom", "tail"),
    [(3.841, 1, 0.05), (5.991, 2, 0.05), (7.815, 3, 0.05), (18.307, 10, 0.05), (23.685, 14, 0.05)],
)
def test_chi_square_tails_of_printed_tables(chi, freedom, tail):
    assert chi_square_tail(chi, freedom) == pytest.approx(tail, abs=2e-5)


def test_holm_multiplies_by_what_is_left_and_never_decreases():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.integers(0, 300), st.integers(0, 300), st.integers(300, 1000), st.integers(300, 1000))
def test_swapping_the_arms_only_turns_the_sign(x1, x2, n1, n2):
    one, other = compare_shares(x1, n1, x2, n2), compare_shares(x2, n2, x1, n1)
    assert one.p_value == pytest.approx(other.p_value)
    assert math.isclose(one.difference, -other.difference, abs_tol=1e-12)
