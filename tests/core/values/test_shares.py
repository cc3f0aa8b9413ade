"""An amount shared by largest remainder: exact sums, no share above its weight, ties to the larger and earlier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.api import allocate


@pytest.mark.parametrize(
    ("amount", "weights", "shares"),
    [
        (6_000, (19_900, 17_800, 12_990), (2_355, 2_107, 1_538)),
        (1_000, (3_333, 3_333, 3_333), (334, 333, 333)),
        (3_000, (19_900, 17_800), (1_584, 1_416)),
        (10, (1, 1, 1, 1), None),
        (10, (100, 100, 100, 100), (3, 3, 2, 2)),
        (0, (0, 5), (0, 0)),
        (0, (), ()),
    ],
)
def test_the_worked_cases(amount, weights, shares):
    if shares is None:
        with pytest.raises(ValueError, match="sum to 4"):
            allocate(amount, weights)
    else:
        assert allocate(amount, weights) == shares


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=8), st.integers(0, 10**8))
def test_shares_sum_to_the_amount_and_none_exceeds_its_weight(weights, amount):
    amount = min(amount, sum(weights))
    shares = allocate(amount, weights)
    assert sum(shares) == amount
    assert all(0 <= share <= weight for share, weight in zip(shares, weights, strict=True))


@given(st.permutations([700, 501, 333, 120, 0]))
def test_permuting_weights_permutes_shares(weights):
    shares = dict(zip(weights, allocate(777, weights), strict=True))
    assert shares == dict(zip((700, 501, 333, 120, 0), allocate(777, (700, 501, 333, 120, 0)), strict=True))
