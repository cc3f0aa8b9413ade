"""Idle production, stages, withering and days to finish as pure arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_interaction_games.games.growth import Curve, Source, days_to_finish, idle_production, idle_spent

HOUR = 3_600_000
CURVE = Curve((100, 300, 700, 1500, 3000))


@pytest.mark.parametrize(
    ("elapsed", "per_hour", "cap", "drops"),
    [
        (0, 10, 80, 0),
        (HOUR - 1, 1, 80, 0),
        (HOUR, 1, 80, 1),
        (359_999, 10, 80, 0),
        (360_000, 10, 80, 1),
        (7 * HOUR, 10, 80, 70),
        (24 * HOUR, 10, 80, 80),
        (-HOUR, 10, 80, 0),
    ],
)
def test_idle_production_is_whole_drops_up_to_the_cap_and_nothing_for_a_clock_moved_back(
    elapsed, per_hour, cap, drops
):
    assert idle_production(elapsed, per_hour, cap) == drops


@given(st.lists(st.integers(1, 5 * HOUR), max_size=20), st.integers(1, 500))
def test_collecting_often_gives_no_more_and_no_less_than_collecting_once(waits, per_hour):
    kept, gathered = 0, 0
    for wait in waits:
        kept += wait
        drops = idle_production(kept, per_hour, 10**9)
        kept -= idle_spent(drops, per_hour)
        gathered += drops
        assert kept >= -1  # a fraction of a millisecond is rounded against the person
    once = idle_production(sum(waits), per_hour, 10**9)
    assert once - 1 <= gathered <= once


@pytest.mark.parametrize(
    ("growth", "stage", "floor", "progress"),
    [
        (0, 0, 0, (0, 100)),
        (99, 0, 0, (99, 100)),
        (100, 1, 100, (0, 200)),
        (1499, 3, 700, (799, 800)),
        (1500, 4, 1500, (0, 1500)),
        (3000, 5, 3000, (1500, 1500)),
    ],
)
def test_stages_begin_at_their_thresholds(growth, stage, floor, progress):
    assert (CURVE.stage(growth), CURVE.floor(growth), CURVE.progress(growth)) == (stage, floor, progress)
    assert (CURVE.goal, CURVE.last_stage) == (3000, 1500)


@given(st.integers(0, 3000), st.integers(-5, 400), st.integers(0, 5), st.integers(0, 500))
def test_withering_never_falls_below_the_stage_and_never_adds(growth, away, after, per_day):
    left = CURVE.withered(growth, away, after_days=after, per_day=per_day)
    assert CURVE.floor(growth) <= left <= growth
    assert CURVE.stage(left) == CURVE.stage(growth)
    if away <= after:
        assert left == growth


def test_withering_takes_the_daily_loss_beyond_the_days_of_grace():
    assert CURVE.withered(260, 5, after_days=3, per_day=20) == 220
    assert CURVE.withered(260, 30, after_days=3, per_day=20) == 100
    assert CURVE.withered(3000, 30, after_days=0, per_day=20) == 3000


def test_days_to_finish_are_those_of_somebody_who_uses_every_free_source():
    sources = [Source(20, 1), Source(10, 3, 60), Source(15, 1)]
    # 65 a day from sources: 3,000 / 65 = 46.15.
    assert days_to_finish(CURVE, sources) == 47
    # 2 visits empty a store of at most 40 (12 h at 5 an hour would be 60): 80 more a day; 3,000 / 145 = 20.7.
    assert days_to_finish(CURVE, sources, idle_per_hour=5, idle_cap=40, visits_per_day=2) == 21
    # A cool-down of eight hours leaves two turns of the sixteen waking hours.
    assert Source(10, 5, 480).daily == 20
    assert days_to_finish(CURVE, []) is None
    assert days_to_finish(CURVE, [Source(1, 0)]) is None


@given(st.integers(1, 300), st.integers(1, 5))
def test_the_simulated_days_are_enough_and_one_less_is_not(amount, per_day):
    days = days_to_finish(CURVE, [Source(amount, per_day)])
    assert days is not None
    assert amount * per_day * days >= 3000 > amount * per_day * (days - 1)
