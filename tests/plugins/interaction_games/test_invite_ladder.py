"""Ladders: which rungs a count of qualified people owes, in both modes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrm_interaction_games.games.ladder import Rung, lost, next_rung, owed, problems

TISSUE, TOWEL = Rung(5, "tissue"), Rung(10, "towel")
LADDER = (TISSUE, TOWEL)


def test_the_worked_case_pays_qualified_people_and_not_added_ones():
    # 12 added, 9 members, 7 first orders: 7 count, so only the rung at 5.
    assert owed(LADDER, 7, "cumulative") == [TISSUE]
    assert owed(LADDER, 4, "cumulative") == []
    assert owed(LADDER, 10, "cumulative") == [TISSUE, TOWEL]
    assert owed(LADDER, 10, "highest") == [TOWEL]
    assert owed(LADDER, 9, "highest") == [TISSUE]


def test_a_refund_takes_away_only_what_is_no_longer_reached():
    assert lost(LADDER, 6, {5}) == []
    assert lost(LADDER, 4, {5}) == [TISSUE]
    assert lost(LADDER, 3, {5, 10}) == [TOWEL, TISSUE]


def test_the_next_rung_is_what_the_page_counts_towards():
    assert next_rung(LADDER, 0) == TISSUE
    assert next_rung(LADDER, 5) == TOWEL
    assert next_rung(LADDER, 10) is None


def test_a_rung_that_is_no_higher_than_the_one_below_is_a_problem():
    assert problems(LADDER) == []
    assert "10" in problems((TOWEL, TISSUE))[0]
    assert len(problems((TISSUE, TISSUE))) == 1


ladders = st.lists(st.integers(1, 50), unique=True, max_size=6).map(
    lambda steps: [Rung(step, f"p{step}") for step in sorted(steps)]
)


@given(ladders, st.integers(0, 60), st.integers(0, 60))
def test_more_people_never_owe_less_and_nothing_is_owed_and_lost_at_once(rungs, fewer, more):
    fewer, more = sorted((fewer, more))
    assert set(owed(rungs, fewer, "cumulative")) <= set(owed(rungs, more, "cumulative"))
    assert len(owed(rungs, more, "highest")) <= 1
    paid = {rung.invites for rung in owed(rungs, more, "cumulative")}
    gone = set(lost(rungs, fewer, paid))
    kept = set(owed(rungs, fewer, "cumulative"))
    assert gone | kept == set(owed(rungs, more, "cumulative"))
    assert not gone & kept
