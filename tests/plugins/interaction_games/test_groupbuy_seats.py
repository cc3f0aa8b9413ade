"""Payments for seats and the end of teams, decided without a database."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scrm_interaction_games.games.seats import Decision, TeamNow, TeamRules, ending, obstacle, settle_payment

OPEN = TeamNow("open", size=3, taken=2, expires_at=1_000)
FULL = TeamNow("full", size=3, taken=3, expires_at=1_000)


def paying(team, rules, *, paid_at=500, new=True, member=False, late=False):
    why = obstacle(team, paid_at=paid_at, new_customer=new, member=member, rules=rules)
    return settle_payment(why, late=late, rules=rules)


def test_a_payer_without_a_seat_leads_a_new_team_or_gets_the_money_back():
    assert paying(OPEN, TeamRules()) == Decision("take")
    assert paying(FULL, TeamRules()) == Decision("new_team", "team_full")
    assert paying(FULL, TeamRules(otherwise="refund")) == Decision("refund", "team_full")
    assert paying(OPEN, TeamRules(), paid_at=1_000) == Decision("new_team", "team_ended")


def test_only_new_customers_join_others_where_the_rule_says_so():
    assert paying(OPEN, TeamRules(new_only=True), new=False) == Decision("new_team", "not_new")
    assert paying(OPEN, TeamRules(new_only=True), new=True) == Decision("take")
    assert paying(OPEN, TeamRules(new_only=False), new=False) == Decision("take")


def test_a_late_payment_and_a_second_seat_are_paid_back():
    assert paying(OPEN, TeamRules(), late=True) == Decision("refund", "paid_late")
    assert paying(OPEN, TeamRules(), member=True) == Decision("refund", "member_already")


def test_a_team_ends_at_its_time_and_is_completed_only_where_that_was_published():
    assert ending(OPEN, 999, TeamRules()) == ""
    assert ending(OPEN, 1_000, TeamRules()) == "failed"
    assert ending(OPEN, 1_000, TeamRules(simulate_from=2)) == "simulated"
    assert ending(OPEN, 1_000, TeamRules(simulate_from=3)) == "failed"
    assert ending(FULL, 9_999, TeamRules()) == ""


teams = st.builds(
    TeamNow,
    state=st.sampled_from(("open", "full", "settled", "failed")),
    size=st.integers(2, 10),
    taken=st.integers(0, 10),
    expires_at=st.integers(0, 2_000),
)
rules = st.builds(
    TeamRules,
    new_only=st.booleans(),
    otherwise=st.sampled_from(("new_team", "refund")),
    simulate_from=st.none() | st.integers(1, 10),
)


@given(teams, rules, st.integers(0, 2_000), st.booleans(), st.booleans(), st.booleans())
def test_a_seat_is_taken_only_of_an_open_team_with_room_and_time(team, rules, paid_at, new, member, late):
    decided = paying(team, rules, paid_at=paid_at, new=new, member=member, late=late)
    if decided.act == "take":
        assert team.state == "open"
        assert team.taken < team.size
        assert paid_at < team.expires_at
        assert not late
        assert not member
        assert new or not rules.new_only
    else:
        assert decided.reason
