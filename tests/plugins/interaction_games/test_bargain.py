"""Bargains: each helper once, an exact sum, a floor, a price that can be bought at any time."""

from __future__ import annotations

import json

import pytest
from social_scene import BARGAIN, HOUR, MINUTE, bargain, due, order, pay, told

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound
from scrm_core.db.bulk import execute


def refused(scene, code, action, person, **data):
    with pytest.raises((Conflict, Forbidden, NotFound)) as refusal:
        scene.act(code, action, person, **data)
    return refusal.value.code


def cuts_of(uid):
    (text,) = execute("SELECT cuts FROM interaction_games_bargain WHERE uid = ?", (uid,)).fetchone()
    return json.loads(text)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_helpers_get_the_cuts_in_their_order_until_the_price_is_at_its_floor(scene):
    code = bargain(scene)
    owner, *helpers = scene.people(6)
    opened = scene.act(code, "open", owner)
    cuts = cuts_of(opened["bargain"])
    assert sum(cuts) == 29_900 - 9_900
    assert opened["cut_minor"] == cuts[0]
    assert 6_000 <= cuts[0] <= 10_000
    price = 29_900 - cuts[0]
    for k, helper in enumerate(helpers[:4], start=1):
        answer = scene.act(code, "help", helper, bargain=opened["bargain"])
        price -= cuts[k]
        assert (answer["cut_minor"], answer["price_minor"], answer["helpers_left"]) == (cuts[k], price, 4 - k)
    assert price == 9_900
    assert refused(scene, code, "help", helpers[4], bargain=opened["bargain"]) == "at_floor"
    shown = scene.games.view(code, owner, data={"bargain": opened["bargain"]})["view"]["bargain"]
    assert (shown["price_minor"], shown["mine"], len(shown["helpers"])) == (9_900, True, 4)
    assert "cuts" not in shown


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nobody_helps_twice_or_themselves_or_more_often_than_a_day_allows(scene):
    code = bargain(scene, helps_per_day=2)
    owners = scene.people(4)
    uids = [scene.act(code, "open", owner)["bargain"] for owner in owners]
    helper = scene.person()
    assert refused(scene, code, "help", owners[0], bargain=uids[0]) == "own_bargain"
    scene.act(code, "help", helper, bargain=uids[0])
    assert refused(scene, code, "help", helper, bargain=uids[0]) == "helped_already"
    scene.act(code, "help", helper, bargain=uids[1])
    assert refused(scene, code, "help", helper, bargain=uids[2]) == "helps_used_up"
    # A refused help leaves nothing behind: the cut still waits for the next helper.
    assert scene.act(code, "help", scene.person(), bargain=uids[2])["cut_minor"] == cuts_of(uids[2])[1]
    scene.clock.set(scene.brand.now() + 20 * HOUR)
    assert scene.act(code, "help", helper, bargain=uids[3])["cut_minor"] == cuts_of(uids[3])[1]
    assert refused(scene, code, "open", owners[0]) == "bargain_running"
    assert refused(scene, code, "help", helper, bargain="nobody") == "not_found"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_price_is_held_for_the_order_and_lapses_without_one(scene):
    code = bargain(scene, stock=1, shop_url="https://shop.example/pay?t={ticket}")
    owner, helper, late, second = scene.people(4)
    uid = scene.act(code, "open", owner)["bargain"]
    other = scene.act(code, "open", second)["bargain"]
    scene.act(code, "help", helper, bargain=uid)
    price = 29_900 - sum(cuts_of(uid)[:2])
    ordered = scene.act(code, "buy", owner)
    assert (ordered["price_minor"], ordered["shop_url"]) == (price, f"https://shop.example/pay?t={uid}")
    assert ordered["held_until"] == scene.brand.now() + 15 * MINUTE
    assert scene.act(code, "buy", owner) == ordered
    assert refused(scene, code, "help", late, bargain=uid) == "ordered"
    assert refused(scene, code, "buy", second) == "goods_gone"
    scene.clock.set(ordered["held_until"])
    scene.games.settle()
    # The piece is free again and the cuts are still there.
    assert scene.act(code, "buy", second, bargain=other)["ticket"] == other
    assert scene.act(code, "help", late, bargain=uid)["cut_minor"] == cuts_of(uid)[2]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_bargain_nobody_ordered_from_is_closed_at_its_end(scene):
    code = bargain(scene, per_person=2)
    owner, helper = scene.people(2)
    uid = scene.act(code, "open", owner)["bargain"]
    scene.clock.set(scene.brand.now() + 24 * HOUR)
    assert refused(scene, code, "help", helper, bargain=uid) == "bargain_over"
    assert refused(scene, code, "buy", owner) == "bargain_over"
    scene.games.settle()
    again = scene.act(code, "open", owner)["bargain"]
    assert again != uid
    scene.clock.set(scene.brand.now() + 24 * HOUR)
    scene.games.settle()
    assert refused(scene, code, "open", owner) == "bargain_limit"


def test_an_order_pays_once_and_what_cannot_be_sold_is_paid_back_once(scene):
    code = bargain(scene, stock=1)
    owner, second = scene.people(2)
    uid = scene.act(code, "open", owner)["bargain"]
    other = scene.act(code, "open", second)["bargain"]
    price, price_two = (29_900 - cuts_of(each)[0] for each in (uid, other))
    scene.act(code, "buy", owner)
    with pytest.raises(Invalid) as wrong:
        pay(scene, uid, price - 1, "A1")
    assert wrong.value.field == "amount_minor"
    assert pay(scene, uid, price, "A1")["state"] == "bought"
    assert pay(scene, uid, price, "A1")["state"] == "bought"
    assert due(scene) == []
    # A second order for the same bargain, and one for goods that are gone.
    assert pay(scene, uid, price, "A2")["state"] == "refund_due"
    assert pay(scene, other, price_two, "A3")["reason"] == "goods_gone"
    assert due(scene) == [("A2", price, "bought_already"), ("A3", price_two, "goods_gone")]
    with pytest.raises(Conflict) as used:
        pay(scene, other, price_two, "A1")
    assert used.value.code == "order_used"
    assert [each["reason"] for each in told("refund-due")] == ["bought_already", "goods_gone"]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_an_order_of_the_shop_at_the_bargains_price_buys_it(scene):
    code = bargain(scene)
    owner = scene.person()
    uid = scene.act(code, "open", owner)["bargain"]
    price = 29_900 - cuts_of(uid)[0]
    order(scene, "A1", owner, price - 1, sku="BIKE")
    scene.deliver()
    assert scene.view(code, owner)["bargain"]["state"] == "open"
    order(scene, "A2", owner, price, sku="BIKE")
    scene.deliver()
    assert scene.view(code, owner)["bargain"]["state"] == "bought"
    assert told("bought")[0]["ticket"] == uid


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_settings_that_cannot_be_are_refused_with_the_field(scene):
    for wrong, field in (
        ({"floor_minor": 29_896}, "settings.floor_minor"),
        ({"floor_minor": 0}, "settings.floor_minor"),
        ({"helpers": 0}, "settings.helpers"),
        ({"colour": "red"}, "settings.colour"),
    ):
        with pytest.raises(Invalid) as refusal:
            bargain(scene, **wrong)
        assert refusal.value.field == field
    with pytest.raises(Invalid, match="2019-10-28") as refusal:
        scene.campaign("bargain", settings=BARGAIN, surface="h5")
    assert refusal.value.field == "surface"
    with pytest.raises(Invalid, match="shop_url"):
        bargain(scene, shop_url="javascript:alert(1)")


def test_an_erased_owner_takes_the_bargain_along_and_an_erased_helper_leaves_the_price(scene):
    code = bargain(scene)
    owner, helper, third = scene.people(3)
    uid = scene.act(code, "open", owner)["bargain"]
    price = scene.act(code, "help", helper, bargain=uid)["price_minor"]
    scene.brand.privacy.erase(helper, actor="ann")
    assert scene.act(code, "help", third, bargain=uid)["price_minor"] == price - cuts_of(uid)[2]
    scene.brand.privacy.erase(owner, actor="ann")
    assert refused(scene, code, "help", scene.person(), bargain=uid) == "not_found"


HELPERS = """
def run(brand, worker):
    games = brand.plugins["interaction-games"].games
    said = []
    for contact, uid in json.loads(Path(TASKS).read_text())[str(worker)]:
        try:
            said.append(games.act("b", "help", contact, key=f"h{contact}", data={"bargain": uid})["cut_minor"])
        except Exception as refusal:
            said.append(getattr(refusal, "code", repr(refusal)))
    return said
"""


def test_helpers_of_several_processes_never_share_a_cut_and_the_floor_holds(open_house, together, tmp_path):
    installation = open_house()
    with installation.brand("acme") as brand:
        from games_scene import Scene

        scene = Scene(brand)
        scene.campaign("bargain", settings={**BARGAIN, "helpers": 6}, surface="app", code="b")
        owner = scene.person()
        uid = scene.act("b", "open", owner)["bargain"]
        people = scene.people(12)
    tasks = tmp_path / "tasks.json"
    # Two processes try for each person: one help each, and only six cuts for twelve people.
    shares = {str(worker): [[person, uid] for person in people[worker % 2 :: 2]] for worker in range(4)}
    tasks.write_text(json.dumps(shares))
    said = together(installation, f"TASKS = {str(tasks)!r}\n" + HELPERS, 4)
    cuts = [each for answer in said for each in answer if isinstance(each, int)]
    with brand:
        stored = execute("SELECT minor FROM interaction_games_bargain_cut ORDER BY k").fetchall()
        fixed = cuts_of(uid)
        applied, cut = execute(
            "SELECT applied, cut_minor FROM interaction_games_bargain WHERE uid = ?", (uid,)
        ).fetchone()
    assert [row[0] for row in stored] == fixed[1:]
    # The same act told by two processes is answered alike by both, so every cut is heard once or twice.
    assert set(cuts) <= set(fixed[1:])
    assert (applied, cut) == (7, 20_000)
    others = {each for answer in said for each in answer if not isinstance(each, int)}
    assert others <= {"at_floor"}
