"""Red packets: the worked vectors of the double-mean method, and what always holds."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_core.api import Invalid
from scrm_red_packet.split import TRIES, split_packet, split_within


def fractions(*given_ones: Fraction):
    """Random integers below n that come from given fractions of n."""
    rest = list(given_ones)
    return lambda n: floor(rest.pop(0) * n)


def test_the_worked_vectors():
    u = [Fraction(1, 2), Fraction(1, 4), Fraction(9, 10), Fraction(1, 10)]
    assert split_packet(1_000, 5, fractions(*u)) == [200, 100, 419, 29, 252]
    assert split_packet(5, 5) == [1, 1, 1, 1, 1]
    assert split_packet(6, 5, fractions(*[Fraction(9, 10)] * 4)) == [1, 1, 1, 2, 1]
    assert split_packet(77, 1) == [77]


@st.composite
def packets(draw):
    people = draw(st.integers(1, 100))
    return draw(st.integers(people, 1_000_000)), people


@given(packets(), st.randoms(use_true_random=False))
def test_shares_sum_exactly_and_nobody_gets_nothing(packet, random):
    total, people = packet
    shares = split_packet(total, people, random.randrange)
    assert len(shares) == people
    assert sum(shares) == total
    assert min(shares) >= 1


def test_no_place_in_the_queue_pays_better():
    packets = [split_packet(1_000, 5) for _ in range(4_000)]
    for place in range(5):
        mean = sum(packet[place] for packet in packets) / len(packets)
        # The widest spread is that of the last: about 160 on a mean of 200, so 2.6 for the mean of 4,000.
        assert abs(mean - 200) < 16


def test_fewer_units_than_people_are_refused():
    with pytest.raises(Invalid, match="4 minor units are not enough for 5 people"):
        split_packet(4, 5)
    with pytest.raises(Invalid, match="at least one person"):
        split_packet(4, 0)


@given(packets(), st.integers(1, 50), st.randoms(use_true_random=False))
def test_a_least_amount_is_for_everybody_and_the_sum_stays_exact(packet, least, random):
    total, people = packet
    total += people * (least - 1)
    shares = split_within(total, people, least, total, random.randrange)
    assert (len(shares), sum(shares)) == (people, total)
    assert min(shares) >= least


def test_with_a_least_amount_only_what_is_above_it_is_drawn():
    # 100 x 5 are certain but one unit each; the worked vector is what remains.
    u = [Fraction(1, 2), Fraction(1, 4), Fraction(9, 10), Fraction(1, 10)]
    assert split_within(1_495, 5, 100, 1_000, fractions(*u)) == [299, 199, 518, 128, 351]


def test_no_share_is_above_the_most_and_what_cannot_be_is_refused():
    for _ in range(50):
        shares = split_within(1_000, 10, 1, 250)
        assert sum(shares) == 1_000 and max(shares) <= 250
    with pytest.raises(Invalid, match="more than the most of 99"):
        split_within(1_000, 10, 1, 99)
    with pytest.raises(Invalid, match="at least 30 each"):
        split_within(299, 10, 30, 250)
    tries = []
    with pytest.raises(Invalid, match="more than the most of 398"):
        split_within(1_000, 5, 1, 398, lambda n: tries.append(n) or n - 1)  # the first always gets 399
    assert len(tries) == 4 * TRIES
