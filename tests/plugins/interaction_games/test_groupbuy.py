"""Group-buy: seats are taken by paying, a last seat has one winner, teams out of time are paid back once."""

from __future__ import annotations

import json

import pytest
from games_scene import Scene
from social_scene import DAY, GROUP, HOUR, MINUTE, due, group, order, pay, told

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound
from scrm_core.db.bulk import execute
from scrm_core.services.orders import RefundIn
from scrm_interaction_games.games import purchases

PRICE = GROUP["price_minor"]


def seat(scene, code, person, team=""):
    return scene.act(code, "join" if team else "lead", person, **({"team": team} if team else {}))["ticket"]


def led(scene, code, leader, number="L1"):
    """A team whose leader has paid; returns its uid."""
    return pay(scene, seat(scene, code, leader), PRICE, number)["team"]


def view(scene, code, person, team):
    return scene.games.view(code, person, data={"team": team})["view"]["team"]


def refused(scene, code, action, person, **data):
    with pytest.raises((Conflict, Forbidden, NotFound)) as refusal:
        scene.act(code, action, person, **data)
    return refusal.value.code


def test_a_team_fills_by_payments_and_settles(scene):
    code = group(scene)
    one, two, three, four = scene.people(4)
    team = led(scene, code, one)
    ticket = seat(scene, code, two, team)
    # A click takes nothing: four people may wait for two seats.
    assert view(scene, code, two, team)["taken"] == 1
    answer = pay(scene, ticket, PRICE, "A2")
    assert (answer["state"], answer["team"], answer["team_state"]) == ("paid", team, "open")
    answer = pay(scene, seat(scene, code, three, team), PRICE, "A3")
    assert (answer["team"], answer["team_state"]) == (team, "full")
    assert refused(scene, code, "join", four, team=team) == "team_full"
    assert refused(scene, code, "join", two, team=team) == "member_already"
    scene.games.settle()
    scene.games.settle()
    assert view(scene, code, one, team)["state"] == "settled"
    assert [each["members"] for each in told("team-settled")] == [3, 3, 3]
    assert due(scene) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("otherwise", "state"), [("new_team", "paid"), ("refund", "refund")]
)
def test_who_pays_for_a_seat_that_is_gone_leads_a_team_or_is_paid_back(scene, otherwise, state):
    code = group(scene, size=2, otherwise=otherwise)
    one, two, three = scene.people(3)
    team = led(scene, code, one)
    first, second = seat(scene, code, two, team), seat(scene, code, three, team)
    assert pay(scene, second, PRICE, "A3")["team_state"] == "full"
    answer = pay(scene, first, PRICE, "A2")
    assert (answer["state"], answer["reason"]) == (state, "team_full")
    if otherwise == "new_team":
        assert answer["team"] not in ("", team)
        assert (answer["leader"], answer["team_state"]) == (True, "open")
        assert due(scene) == []
    else:
        assert due(scene) == [("A2", PRICE, "team_full")]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_unpaid_seat_expires_and_a_late_payment_is_paid_back(scene):
    code = group(scene)
    one, two = scene.people(2)
    team = led(scene, code, one)
    ticket = seat(scene, code, two, team)
    began = scene.brand.now()
    scene.clock.set(began + 15 * MINUTE)
    scene.games.settle()
    assert scene.view(code, two)["seat"] is None
    # The shop tells late of what was paid in time: that counts. What was paid late does not.
    assert pay(scene, ticket, PRICE, "A2", paid_at=began + 14 * MINUTE)["state"] == "paid"
    three = scene.person()
    ticket = seat(scene, code, three, team)
    scene.clock.set(scene.brand.now() + 16 * MINUTE)
    assert pay(scene, ticket, PRICE, "A3")["reason"] == "paid_late"
    assert due(scene) == [("A3", PRICE, "paid_late")]
    assert view(scene, code, one, team)["taken"] == 2


def test_a_team_that_is_not_full_in_time_is_paid_back_once_and_confirmed_once(scene):
    code = group(scene, stock=2)
    one, two = scene.people(2)
    team = led(scene, code, one)
    pay(scene, seat(scene, code, two, team), PRICE, "A2")
    assert refused(scene, code, "lead", scene.person()) == "goods_gone"
    scene.clock.set(scene.brand.now() + 24 * HOUR)
    scene.games.settle()
    scene.games.settle()
    assert view(scene, code, one, team)["state"] == "failed"
    assert due(scene) == [("L1", PRICE, "team_failed"), ("A2", PRICE, "team_failed")]
    assert [each["reason"] for each in told("refund-due")] == ["team_failed", "team_failed"]
    first = purchases.refunds_due(scene.games, code)[0]
    done = purchases.confirm_refund(scene.games, first.uid, actor="ann")
    assert (done.state, done.actor) == ("refunded", "ann")
    assert purchases.confirm_refund(scene.games, first.uid, actor="bob").actor == "ann"
    # The other one is confirmed by the shop's own refund.
    order(scene, "A2", two, PRICE)
    scene.brand.orders.refund(RefundIn("shop", "A2", "R1", PRICE, scene.brand.now()))
    scene.deliver()
    assert due(scene) == []
    with pytest.raises(NotFound):
        purchases.confirm_refund(scene.games, "nothing", actor="ann")
    # The two pieces can be sold again.
    assert seat(scene, code, scene.person())


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_published_rule_completes_a_team_with_virtual_members(scene):
    code = group(scene, size=3, simulate_from=2)
    one, two, three = scene.people(3)
    team = led(scene, code, one)
    alone = led(scene, code, three, "L2")
    pay(scene, seat(scene, code, two, team), PRICE, "A2")
    scene.clock.set(scene.brand.now() + 24 * HOUR)
    scene.games.settle()
    shown = view(scene, code, one, team)
    assert (shown["state"], shown["taken"], shown["virtual"], shown["left"]) == ("settled", 2, 1, 0)
    assert view(scene, code, three, alone)["state"] == "failed"
    assert due(scene) == [("L2", PRICE, "team_failed")]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_only_new_customers_join_others_and_newness_is_looked_at_when_they_pay(scene):
    code = group(scene, new_only=True)
    one, two, old = scene.people(3)
    order(scene, "OLD", old, 500)
    team = led(scene, code, one)
    assert refused(scene, code, "join", old, team=team) == "not_new"
    ticket = seat(scene, code, two, team)
    order(scene, "OTHER", two, 500)
    answer = pay(scene, ticket, PRICE, "A2")
    assert (answer["reason"], answer["leader"]) == ("not_new", True)
    assert answer["team"] != team
    # The order that pays is no earlier order.
    fresh = scene.person()
    ticket = seat(scene, code, fresh, team)
    order(scene, "A4", fresh, PRICE, sku="WIPES")
    scene.deliver()
    assert view(scene, code, fresh, team)["mine"]
    assert scene.view(code, fresh)["seat"] is None
    assert pay(scene, ticket, PRICE, "A4")["state"] == "paid"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_refund_frees_the_seat_of_an_open_team_and_breaks_no_full_one(scene):
    code = group(scene, size=2)
    one, two, three = scene.people(3)
    team = led(scene, code, one)
    ticket = seat(scene, code, two, team)
    order(scene, "A2", two, PRICE, sku="WIPES")
    scene.deliver()
    assert view(scene, code, two, team)["state"] == "full"
    scene.brand.orders.refund(RefundIn("shop", "A2", "R1", PRICE, scene.brand.now()))
    scene.deliver()
    assert view(scene, code, one, team)["state"] == "full"
    other = led(scene, code, three, "L2")
    order(scene, "L2", three, PRICE)
    scene.brand.orders.refund(RefundIn("shop", "L2", "R1", PRICE, scene.brand.now()))
    scene.deliver()
    assert view(scene, code, one, other)["taken"] == 0
    assert due(scene) == []
    assert ticket


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_leader_is_rewarded_after_the_refund_window_unless_the_order_went_back(scene):
    code = group(scene, [scene.prize("tea")], size=2, leader_prize="tea", refund_days=15)
    one, two, three, four = scene.people(4)
    for number, (leader, member) in enumerate(((one, two), (three, four))):
        team = led(scene, code, leader, f"L{number}")
        pay(scene, seat(scene, code, member, team), PRICE, f"M{number}")
    scene.games.settle()
    order(scene, "L1", three, PRICE)
    scene.brand.orders.refund(RefundIn("shop", "L1", "R1", PRICE, scene.brand.now()))
    scene.deliver()
    scene.clock.set(scene.brand.now() + 15 * DAY - 1)
    scene.games.settle()
    assert scene.rewards(one) == []
    scene.clock.set(scene.brand.now() + 1)
    scene.games.settle()
    scene.games.settle()
    assert scene.rewards(one) == [("points", "", 1)]
    assert [scene.rewards(person) for person in (two, three, four)] == [[], [], []]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_terms_that_are_unclear_or_forbidden_are_refused_with_the_reason(scene):
    with pytest.raises(Invalid, match="rules"):
        scene.campaign("groupbuy", settings=GROUP, surface="h5", rules=" ")
    with pytest.raises(Invalid, match="2019-10-28"):
        scene.campaign(
            "groupbuy", [scene.prize("tea")], settings={**GROUP, "leader_prize": "tea"}, surface="h5"
        )
    assert scene.campaign("groupbuy", settings=GROUP, surface="h5")
    for wrong, field in (
        ({"single_minor": PRICE}, "settings.single_minor"),
        ({"simulate_from": 3}, "settings.simulate_from"),
        ({"size": 1}, "settings.size"),
        ({"otherwise": "keep"}, "settings.otherwise"),
    ):
        with pytest.raises(Invalid) as refusal:
            group(scene, **wrong)
        assert refusal.value.field == field


def test_an_erased_member_leaves_the_team_and_what_is_owed(scene):
    code = group(scene)
    one, two = scene.people(2)
    team = led(scene, code, one)
    pay(scene, seat(scene, code, two, team), PRICE, "A2")
    scene.brand.privacy.erase(one, actor="ann")
    shown = view(scene, code, two, team)
    assert (shown["taken"], len(shown["members"])) == (2, 1)
    scene.clock.set(scene.brand.now() + 24 * HOUR)
    scene.games.settle()
    assert due(scene) == [("L1", PRICE, "team_failed"), ("A2", PRICE, "team_failed")]


PAYERS = """
from scrm_interaction_games.games import purchases

def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    said = []
    for ticket, number in json.loads(Path(TASKS).read_text())[worker]:
        answer = purchases.pay(games, ticket, source="shop", number=number, amount_minor=3990)
        said.append([answer["state"], answer["team"], answer["leader"]])
    return said
"""


@pytest.mark.parametrize("otherwise", ["new_team", "refund"])
def test_of_many_who_pay_for_a_last_seat_at_once_one_has_it(open_house, together, tmp_path, otherwise):
    installation = open_house()
    rounds, payers = 8, 4
    tasks: list[list[list[str]]] = [[] for _ in range(payers)]
    with installation.brand("acme") as brand:
        scene = Scene(brand)
        code = group(scene, size=2, otherwise=otherwise)
        teams = [led(scene, code, scene.person(), f"L{each}") for each in range(rounds)]
        for number, team in enumerate(teams):
            for worker in range(payers):
                tasks[worker].append([seat(scene, code, scene.person(), team), f"P{number}-{worker}"])
    # The first worker's payments are told by a fifth process too: a repeated notice pays nothing twice.
    (tmp_path / "tasks.json").write_text(json.dumps([*tasks, tasks[0]]))
    said = together(installation, f"TASKS = {str(tmp_path / 'tasks.json')!r}\n" + PAYERS, payers + 1)
    assert said[payers] == said[0]
    with brand:
        for number, team in enumerate(teams):
            winners = [answer[number] for answer in said[:payers] if answer[number][1] == team]
            assert winners == [["paid", team, False]]
            shown = view(scene, code, None, team)
            assert (shown["state"], shown["taken"]) == ("full", 2)
        owed = len(due(scene))
        (made,) = execute("SELECT count(*) FROM interaction_games_team").fetchone()
        (paid,) = execute("SELECT count(*) FROM interaction_games_payment").fetchone()
    assert paid == rounds * (payers + 1)
    losers = rounds * (payers - 1)
    assert (owed, made) == ((0, rounds + losers) if otherwise == "new_team" else (losers, rounds))
