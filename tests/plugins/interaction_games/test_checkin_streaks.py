"""Streaks, cycles, milestones and make-up as pure functions of the set of signed days."""

from __future__ import annotations

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrm_interaction_games.games.streaks import Cycle, MakeUp, Run, month_of, newly_reached, run_of, runs, streak

FIRST = date(2026, 3, 1).toordinal()
DAYS = st.sets(st.integers(FIRST, FIRST + 60), max_size=45)
MILESTONES = (3, 7, 15, 30)


def march(*days: int) -> set[int]:
    return {FIRST + day - 1 for day in days}


def play(cycle: Cycle, steps: list[int], milestones=MILESTONES) -> list[tuple[int, int]]:
    """Sign the days in this order; the milestones paid, as (milestone, day of March)."""
    signed: set[int] = set()
    paid: list[tuple[int, int]] = []
    for step in steps:
        day = FIRST + step - 1
        signed.add(day)
        paid += [(milestone, day) for milestone in newly_reached(cycle, signed, day, milestones, paid)]
    return [(milestone, day - FIRST + 1) for milestone, day in paid]


def test_the_worked_example_of_a_seven_day_cycle_with_a_make_up():
    cycle = Cycle("rolling", 7)
    signed = march(1, 2, 3, 4, 6, 7)
    assert streak(signed, FIRST + 6) == 2
    joined = signed | march(5)
    assert streak(joined, FIRST + 6) == 7
    # The third day paid the milestone of 3, the sixth and seventh began anew; making up the fifth pays 7 and nothing else.
    assert play(cycle, [1, 2, 3, 4, 6, 7, 5], (3, 7)) == [(3, 3), (7, 5)]


def test_the_eighth_day_of_a_rolling_cycle_is_its_first_with_a_streak_of_eight():
    signed = march(*range(1, 9))
    assert streak(signed, FIRST + 7) == 8
    assert Cycle("rolling", 7).day(signed, FIRST + 7) == 1
    assert Cycle("endless").day(signed, FIRST + 7) == 8


def test_a_streak_stands_until_the_end_of_the_day_after_its_last_and_is_broken_then():
    signed = march(1, 2, 3)
    assert [streak(signed, FIRST + offset) for offset in (2, 3, 4)] == [3, 3, 0]
    assert streak(set(), FIRST) == 0


def test_a_month_counts_the_streak_afresh_and_pays_a_milestone_once():
    cycle = Cycle("monthly")
    assert month_of(date(2026, 12, 31).toordinal()) == (date(2026, 12, 1).toordinal(), date(2026, 12, 31).toordinal())
    assert month_of(date(2028, 2, 29).toordinal())[1] == date(2028, 2, 29).toordinal()
    signed = march(29, 30, 31, 32)
    assert cycle.day(signed, FIRST + 31) == 1
    # Two streaks of three in March pay once; three days of which one lies in March are none in April.
    assert play(cycle, [1, 2, 3, 5, 6, 7, 31, 32, 33], (3,)) == [(3, 3)]
    assert play(cycle, [1, 2, 3, 31, 32, 33, 34], (3,)) == [(3, 3), (3, 34)]


def test_rolling_milestones_come_back_with_each_cycle_and_each_new_streak():
    assert play(Cycle("rolling", 7), list(range(1, 18)), (3, 7)) == [(3, 3), (7, 7), (3, 10), (7, 14), (3, 17)]
    assert play(Cycle("rolling", 7), [1, 2, 3, 5, 6, 7], (3,)) == [(3, 3), (3, 7)]
    assert play(Cycle("endless"), list(range(1, 18)), (3, 7)) == [(3, 3), (7, 7)]


def test_a_day_made_up_before_a_streak_does_not_pay_its_milestone_again():
    assert play(Cycle("endless"), [2, 3, 4, 1], (3,)) == [(3, 4)]
    assert play(Cycle("rolling", 7), [2, 3, 4, 5, 6, 7, 8, 1], (3, 7)) == [(3, 4), (7, 8)]


@given(DAYS)
def test_runs_cover_the_days_exactly_and_never_touch(days):
    found = runs(days)
    assert {day for run in found for day in range(run.first, run.last + 1)} == days
    assert all(one.last + 1 < two.first for one, two in itertools.pairwise(found))
    assert all(run_of(days, day) == run for run in found for day in (run.first, run.last))


@given(st.sampled_from([Cycle("rolling", 7), Cycle("rolling", 3), Cycle("monthly"), Cycle("endless")]), st.data())
def test_no_order_of_signing_and_making_up_pays_a_milestone_more_often_than_it_was_earned(cycle, data):
    order = data.draw(st.lists(st.integers(FIRST, FIRST + 40), unique=True, max_size=30))
    milestones = (2, 3) if cycle.length == 3 else (3, 7)
    signed: set[int] = set()
    paid: list[tuple[int, int]] = []
    for day in order:
        signed.add(day)
        new = newly_reached(cycle, signed, day, milestones, paid)
        paid += [(each, day) for each in new]
        # Asked again, nothing is due.
        assert newly_reached(cycle, signed, day, milestones, paid) == []
    # What was paid is backed by that many days of their own: m days for each milestone m.
    for milestone in milestones:
        assert milestone * sum(1 for each, _ in paid if each == milestone) <= len(signed)
    # And everybody who has reached a milestone has had it at least once.
    for day in signed:
        scope = cycle.scope(signed, day)
        for milestone in milestones:
            if cycle.times(signed, day, milestone):
                assert any(each == milestone and scope.holds(on) for each, on in paid)


@given(DAYS, st.integers(FIRST, FIRST + 60))
def test_the_streak_equals_what_walking_back_day_by_day_finds(days, today):
    at = today if today in days else today - 1
    walked = 0
    while at - walked in days:
        walked += 1
    assert streak(days, today) == walked


@pytest.mark.parametrize(
    ("day", "made", "reason"),
    [
        (10, 0, "future"),
        (11, 0, "future"),
        (9, 0, "signed"),
        (3, 0, None),
        (2, 0, "before_start"),
        (1, 0, "before_joining"),
        (8, 2, None),
        (8, 3, "monthly_limit"),
    ],
)
def test_making_up_says_what_forbids_it(day, made, reason):
    limits = MakeUp(per_month=3, days_back=7)
    asked = limits.refusal(
        FIRST + day, today=FIRST + 10, signed={FIRST + 9}, joined=FIRST + 2, starts=FIRST + 3, made_this_month=made
    )
    assert asked == reason


def test_only_the_last_seven_days_are_open_for_making_up():
    limits = MakeUp()
    asked = {"signed": {FIRST + 18}, "joined": FIRST, "starts": FIRST}
    assert limits.refusal(FIRST + 12, today=FIRST + 20, made_this_month=0, **asked) == "too_old"
    assert limits.refusal(FIRST + 13, today=FIRST + 20, made_this_month=0, **asked) is None
    open_days = limits.open_days(today=FIRST + 20, made_this_month=2, **asked)
    assert open_days == [FIRST + each for each in (13, 14, 15, 16, 17, 19)]
    assert limits.open_days(today=FIRST + 20, made_this_month=3, **asked) == []
    assert Run(1, 3).days == 3
