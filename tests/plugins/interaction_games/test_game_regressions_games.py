"""Defects of the games that were found and must not come back: who counts, what is paid, what a page says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from games_scene import Scene
from signing import PAGE, sign_in
from social_scene import DAY, HOUR, MINUTE, bargain, due, group, join, order, pay, told

from scrm_core.api import Conflict, Forbidden, NotFound
from scrm_core.db.bulk import execute
from scrm_core.services.orders import RefundIn
from scrm_core.web.app import create_app

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def refused(scene: Scene, code: str, action: str, person: int, **data: Any) -> str:
    with pytest.raises((Conflict, Forbidden, NotFound)) as refusal:
        scene.act(code, action, person, **data)
    return refusal.value.code


def merge(scene: Scene, winner: int, loser: int) -> int:
    return int(scene.brand.contacts.merge(winner, loser, actor="ann", reason="one person"))


def items(scene: Scene, person: int) -> list[tuple[str, int]]:
    """(item, quantity) of what a person was granted (1) and what was taken back (-1), first to last."""
    found = scene.brand.rewards.page(contact_id=person, limit=50)
    return [(reward.item, reward.quantity) for reward in found]


# Invitations -------------------------------------------------------------------


def invite(scene: Scene, *rungs: int, gates: tuple[str, ...] = ("member", "first_order"), **settings: Any) -> str:
    ladder = [{"invites": invites, "prize": "tea"} for invites in rungs or (1,)]
    return scene.campaign(
        "invite", [scene.prize("tea", item="tea")], settings={"gates": list(gates), "rungs": ladder, **settings},
        surface="offline_code",
    )  # fmt: skip


def code_of(scene: Scene, code: str, person: int) -> str:
    return str(scene.act(code, "start", person)["code"])


def relations() -> list[tuple[str, str]]:
    """(state, reason) of every relation, first to last."""
    return [tuple(row) for row in execute("SELECT state, reason FROM interaction_games_relation ORDER BY id").fetchall()]


@on_sqlite
def test_nobody_accepts_the_code_of_a_contact_that_was_merged_into_them_over_several_steps(scene):
    code = invite(scene)
    first, second, last = scene.people(3)
    codes = [code_of(scene, code, person) for person in (first, second, last)]
    merge(scene, second, first)
    merge(scene, last, second)
    scene.deliver()
    for own in codes:
        assert refused(scene, code, "accept", last, by=own) == "own_code"
    # Whoever that person invited cannot invite them either, whichever of the codes it was.
    friend = scene.person()
    scene.act(code, "accept", friend, by=codes[0])
    assert refused(scene, code, "accept", last, by=code_of(scene, code, friend)) == "invite_circle"


@on_sqlite
def test_an_order_from_before_the_invitation_counts_for_nobody_whenever_it_becomes_known(scene):
    old = scene.person()
    order(scene, "OLD", old, 500)
    scene.deliver()
    scene.clock.advance(days=400)
    code = invite(scene)
    inviter, invitee, late = scene.people(3)
    invitation = code_of(scene, code, inviter)
    scene.act(code, "accept", invitee, by=invitation)
    join(scene, invitee, "M1")
    scene.deliver()
    merge(scene, invitee, old)
    # Even before the merge is heard of, the old order proves nothing.
    scene.games.settle()
    scene.deliver()
    assert relations() == [("void", "not_new")]
    order(scene, "NEW", invitee, 500)
    scene.deliver()
    assert items(scene, inviter) == [] and scene.view(code, inviter)["qualified"] == 0
    # An old order that the shop told of late is the same.
    scene.act(code, "accept", late, by=invitation)
    join(scene, late, "M2")
    now = scene.brand.now()
    scene.clock.set(now - 3 * DAY)
    order(scene, "LATE", late, 500)
    scene.clock.set(now)
    scene.deliver()
    assert items(scene, inviter) == []


def test_a_merge_that_shows_an_old_customer_or_the_inviter_takes_back_within_the_refund_window(scene):
    old = scene.person()
    order(scene, "OLD", old, 500)
    scene.clock.advance(days=30)
    code = invite(scene)
    one, self_invited, other, renewed = scene.people(4)
    for inviter, invitee, number in ((one, self_invited, "A1"), (other, renewed, "A2")):
        scene.act(code, "accept", invitee, by=code_of(scene, code, inviter))
        join(scene, invitee)
        order(scene, number, invitee, 500)
    scene.deliver()
    assert items(scene, one) == items(scene, other) == [("tea", 1)]
    merged = merge(scene, one, self_invited)
    merge(scene, renewed, old)
    scene.deliver()
    assert relations() == [("void", "self"), ("void", "not_new")]
    assert [scene.view(code, person)["qualified"] for person in (one, other)] == [0, 0]
    assert items(scene, one) == items(scene, other) == [("tea", 1), ("tea", -1)]
    assert [each["friend"] for each in told("invite-revoked")] == [one, renewed]
    # The merge was a mistake: two people again, and the invitation counts as it did.
    scene.brand.contacts.undo_merge(merged, actor="ann")
    scene.deliver()
    assert relations()[0][0] == "qualified"
    assert items(scene, one) == [("tea", 1), ("tea", -1), ("tea", 1)]
    # Past the window a merge changes nothing that was paid.
    scene.clock.advance(days=16)
    merge(scene, one, self_invited)
    scene.deliver()
    assert relations()[0][0] == "qualified" and len(items(scene, one)) == 3


def test_two_invitees_who_turn_out_to_be_one_person_count_once(scene):
    code = invite(scene, 1, 2)
    inviter, one, twin = scene.people(3)
    invitation = code_of(scene, code, inviter)
    scene.act(code, "accept", one, by=invitation)
    scene.clock.advance(hours=1)
    scene.act(code, "accept", twin, by=invitation)
    join(scene, one)
    order(scene, "A1", one, 500)
    scene.deliver()
    merge(scene, twin, one)
    scene.deliver()
    assert relations() == [("qualified", ""), ("void", "twice")]
    order(scene, "A2", twin, 500)
    scene.deliver()
    scene.games.settle()
    assert scene.view(code, inviter)["qualified"] == 1 and items(scene, inviter) == [("tea", 1)]
    # The earlier invitation is the person's own now, also where its row could not move with the merge.
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", 500, scene.brand.now()))
    scene.deliver()
    assert scene.view(code, inviter)["qualified"] == 0
    scene.games.settle()
    assert scene.view(code, inviter)["qualified"] == 1


@on_sqlite
def test_a_merge_that_closes_a_circle_breaks_it(scene):
    code = invite(scene)
    top, middle, low = scene.people(3)
    scene.act(code, "accept", middle, by=code_of(scene, code, top))
    scene.act(code, "accept", low, by=code_of(scene, code, middle))
    merge(scene, top, low)
    scene.deliver()
    assert relations() == [("locked", ""), ("void", "circle")]


def test_the_periodic_look_reads_only_invitees_of_whom_something_new_is_known(scene, monkeypatch):
    from scrm_interaction_games.games import invitations
    from scrm_interaction_games.games.invite import Invite

    monkeypatch.setattr(invitations, "PAGE", 2)
    code = invite(scene, 3, gates=("joined", "first_order"))
    inviter, *invitees = scene.people(6)
    invitation = code_of(scene, code, inviter)
    for person in invitees:
        scene.act(code, "accept", person, by=invitation)
    looked: list[int] = []
    look = Invite._look

    def noted(self, desk, relation):
        looked.append(relation.contact_id)
        return look(self, desk, relation)

    monkeypatch.setattr(Invite, "_look", noted)
    scene.games.settle()
    assert looked == []
    # Orders of which no event has come yet.
    for number, person in enumerate(invitees[:3]):
        order(scene, f"A{number}", person, 500)
    scene.games.settle()
    assert sorted(looked) == sorted(invitees[:3])
    assert scene.view(code, inviter)["qualified"] == 3
    scene.games.settle()
    assert len(looked) == 3


@on_sqlite
def test_a_refund_finds_its_invitation_through_an_index(scene):
    from scrm_interaction_games.games import invitations

    rows = execute("EXPLAIN QUERY PLAN " + invitations.OF_ORDER, ("order shop A1", 1)).fetchall()
    assert "interaction_games_relation_step_order" in str([tuple(row) for row in rows])


# Bargains and teams ------------------------------------------------------------


def bargains() -> list[str]:
    """The state of every bargain, first to last."""
    return [row[0] for row in execute("SELECT state FROM interaction_games_bargain ORDER BY id").fetchall()]


def pieces(scene: Scene, code: str) -> int:
    """What is left of the goods of a campaign."""
    (left,) = execute(
        "SELECT stock_left FROM interaction_games_goods WHERE campaign_id = ?", (scene.games.campaigns.get(code).id,)
    ).fetchone()
    return int(left)


def order_at(scene: Scene, number: str, person: int, paid: int, at: int, sku: str = "BIKE") -> None:
    """The shop tells now of an order that was paid at an instant before."""
    now = scene.brand.now()
    scene.clock.set(at)
    order(scene, number, person, paid, sku=sku)
    scene.clock.set(now)


def test_a_payment_in_time_at_the_held_price_buys_whenever_it_is_heard_of(scene):
    code = bargain(scene, stock=2)
    owner, helper, second, third = scene.people(4)
    uid = scene.act(code, "open", owner)["bargain"]
    held = scene.act(code, "buy", owner)
    in_time, late = held["held_until"] - 1, held["held_until"]
    scene.clock.set(late)
    scene.games.settle()
    # The hold is over and the price has fallen since.
    assert scene.act(code, "help", helper, bargain=uid)["price_minor"] < held["price_minor"]
    assert pay(scene, uid, held["price_minor"], "A1", paid_at=late) == {
        "ticket": uid, "state": "refund_due", "reason": "hold_lapsed",
    }  # fmt: skip
    assert pay(scene, uid, held["price_minor"], "A2", paid_at=in_time)["state"] == "bought"
    assert due(scene) == [("A1", held["price_minor"], "hold_lapsed")]
    assert pieces(scene, code) == 1
    # The same through an order of the shop, after the bargain was closed.
    scene.act(code, "open", second)
    held = scene.act(code, "buy", second)
    paid_at = scene.brand.now() + MINUTE
    scene.clock.advance(hours=25)
    scene.games.settle()
    assert bargains() == ["bought", "closed"]
    order_at(scene, "A3", second, held["price_minor"], paid_at)
    scene.deliver()
    assert bargains() == ["bought", "bought"] and pieces(scene, code) == 0
    # Goods that are gone meanwhile are paid back, however well it was in time.
    extra = bargain(scene, stock=1)
    mine = scene.act(extra, "open", third)["bargain"]
    held = scene.act(extra, "buy", third)
    scene.clock.set(held["held_until"])
    scene.games.settle()
    scene.act(extra, "open", owner)
    scene.act(extra, "buy", owner)
    assert pay(scene, mine, held["price_minor"], "A4", paid_at=held["held_until"] - 1)["reason"] == "goods_gone"


@on_sqlite
def test_a_payment_while_the_bargain_ran_counts_after_it_was_closed_and_one_after_it_is_paid_back(scene):
    code = bargain(scene)
    owner, second, third = scene.people(3)
    tickets = [scene.act(code, "open", person)["bargain"] for person in (owner, second, third)]
    prices = [scene.games.view(code, None, data={"bargain": uid})["view"]["bargain"]["price_minor"] for uid in tickets]
    ends = scene.brand.now() + 24 * HOUR
    scene.clock.set(ends - 10 * MINUTE)
    until = scene.act(code, "buy", third)["held_until"]
    assert until > ends
    scene.clock.set(until)
    assert pay(scene, tickets[2], prices[2], "B3", paid_at=until)["state"] == "refund_due"
    scene.games.settle()
    assert bargains() == ["closed", "closed", "closed"]
    assert pay(scene, tickets[0], prices[0], "B1", paid_at=ends - 1)["state"] == "bought"
    assert pay(scene, tickets[1], prices[1], "B2", paid_at=ends)["reason"] == "bargain_over"
    assert pay(scene, tickets[2], prices[2], "B4", paid_at=until - 1)["state"] == "bought"


def test_a_bargain_that_was_paid_back_gives_its_piece_to_the_next(scene):
    code = bargain(scene, stock=1)
    owner, second = scene.people(2)
    scene.act(code, "open", owner)
    held = scene.act(code, "buy", owner)
    order(scene, "A1", owner, held["price_minor"], sku="BIKE")
    scene.deliver()
    assert pieces(scene, code) == 0
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", held["price_minor"], scene.brand.now()))
    scene.deliver()
    assert bargains() == ["closed"] and pieces(scene, code) == 1
    scene.act(code, "open", second)
    assert scene.act(code, "buy", second)["price_minor"] > 0
    # Told again, the same refund gives nothing more; one of money that bought nothing gives nothing at all.
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", held["price_minor"], scene.brand.now()))
    scene.deliver()
    assert pieces(scene, code) == 0


@on_sqlite
def test_a_bargain_of_a_merged_contact_is_its_owners_still(scene):
    code = bargain(scene)
    one, twin = scene.people(2)
    scene.act(code, "open", one)
    uid = scene.act(code, "open", twin)["bargain"]
    held = scene.act(code, "buy", twin)
    merge(scene, one, twin)
    scene.deliver()
    # Both have one, so the second could not move with its owner.
    assert refused(scene, code, "help", one, bargain=uid) == "own_bargain"
    assert scene.act(code, "buy", one, bargain=uid)["ticket"] == uid
    order(scene, "A1", one, held["price_minor"], sku="BIKE")
    scene.deliver()
    assert bargains() == ["open", "bought"]


@on_sqlite
def test_orders_of_merged_contacts_pay_and_those_of_erased_ones_stop_nobody(scene):
    teams, price = group(scene), 3_990
    plants = scene.campaign(
        "nurture", [scene.prize("tea")], settings={
            "stages": [10, 20], "pour": 20, "prize": "tea", "keep_days": 20, "sources": [
                {"code": "o", "kind": "order", "title": "o", "amount": 5, "per_day": 5},
                {"code": "d", "kind": "daily", "title": "d", "amount": 15},
            ],
        },
    )  # fmt: skip
    bikes = bargain(scene)
    leader, stays, gone = scene.people(3)
    scene.act(teams, "lead", leader)
    scene.act(bikes, "open", leader)
    held = scene.act(bikes, "buy", leader)["price_minor"]
    scene.act(plants, "collect", leader, source="d")
    order(scene, "G1", leader, price, sku="WIPES")
    order(scene, "B1", leader, held, sku="BIKE")
    order(scene, "X1", gone, price, sku="WIPES")
    merge(scene, stays, leader)
    scene.brand.privacy.erase(gone, actor="ann")
    scene.deliver()
    assert [row[0] for row in execute("SELECT state FROM interaction_games_seat").fetchall()] == ["paid"]
    assert bargains() == ["bought"]
    assert scene.view(plants, stays)["water"] == 15 + 2 * 5


@on_sqlite
def test_a_seat_that_could_not_move_with_a_merge_is_paid_by_its_person(scene):
    teams = group(scene)
    one, twin = scene.people(2)
    scene.act(teams, "lead", one)
    scene.clock.advance(seconds=60)
    scene.act(teams, "lead", twin)
    merge(scene, one, twin)
    for number in ("G1", "G2"):
        order(scene, number, one, 3_990, sku="WIPES")
        scene.deliver()
    assert [row[0] for row in execute("SELECT state FROM interaction_games_seat").fetchall()] == ["paid", "paid"]


def test_a_prize_that_was_taken_back_is_there_for_the_next(scene):
    code = scene.campaign(
        "invite", [scene.prize("tea", item="tea", stock=1, value_minor=500)],
        settings={"gates": ["first_order"], "rungs": [{"invites": 1, "prize": "tea"}]},
        surface="offline_code", budget_minor=500,
    )  # fmt: skip
    one, two, friend, other = scene.people(4)
    for inviter, invitee in ((one, friend), (two, other)):
        scene.act(code, "accept", invitee, by=code_of(scene, code, inviter))
    order(scene, "A1", friend, 500)
    scene.deliver()
    assert (scene.stock(code, "tea"), scene.spent(code)) == (0, 500)
    scene.brand.orders.refund(RefundIn("shop", "A1", "R1", 500, scene.brand.now()))
    scene.deliver()
    assert (scene.stock(code, "tea"), scene.spent(code)) == (1, 0)
    order(scene, "A2", other, 500)
    scene.deliver()
    assert items(scene, one) == [("tea", 1), ("tea", -1)] and items(scene, two) == [("tea", 1)]
    assert (scene.stock(code, "tea"), scene.spent(code)) == (0, 500)


# Draws and awards as their pages tell them -------------------------------------

BASE = "/p/acme/interaction-games"


def egg(scene: Scene, *prizes: dict[str, Any], **more: Any) -> str:
    return scene.campaign("egg", prizes, settings={"eggs": 3}, chances={"daily": 3}, **more)


def refill(code: str, stock: int) -> None:
    execute(
        "UPDATE interaction_games_prize SET stock_left = ? WHERE code = 'tea' AND campaign_id = (SELECT id "
        "FROM interaction_games_campaign WHERE code = ?)",
        (stock, code),
    )


def test_an_egg_whose_prize_was_gone_stays_whole_and_is_broken_by_the_next_draw(scene):
    anna = scene.person()
    tea = scene.prize("tea", weight=999_999_999, stock=1)
    code = egg(scene, tea, scene.prize("cup", weight=1, stock=5))
    refill(code, 0)
    gone = [scene.act(code, "play", anna, egg="2") for _ in range(2)]
    assert [answer["word"] for answer in gone] == ["sold_out", "sold_out"]
    assert gone[0]["draw"] != gone[1]["draw"]
    shown = scene.view(code, anna)
    assert ([each["broken"] for each in shown["eggs"]], shown["eggs_left"], shown["chances"]) == ([None] * 3, 3, 3)
    refill(code, 1)
    won = scene.act(code, "play", anna, egg="2")
    assert (won["prize"], scene.rewards(anna)) == ("tea", [("points", "", 1)])
    # Broken now: whoever strikes it again sees the same draw.
    assert scene.act(code, "play", anna, egg="2") == won
    shown = scene.view(code, anna)
    assert [each["broken"] for each in shown["eggs"]] == [None, {"title": "TEA", "won": True}, None]
    assert (shown["eggs_left"], shown["chances"]) == (2, 2)


@on_sqlite
def test_an_egg_whose_prize_was_rejected_shows_no_win_and_merged_players_see_all_they_broke(scene):
    anna, twin = scene.people(2)
    code = egg(scene, scene.prize("tea", weight=1, review=True))
    draw = scene.act(code, "play", anna, egg="1")
    assert (draw["state"], scene.view(code, anna)["eggs"][0]["broken"]["won"]) == ("held", True)
    scene.games.reviews.reject(draw["draw"], actor="mia", reason="a robot")
    assert scene.view(code, anna)["eggs"][0]["broken"] == {"title": "", "won": False}
    for number in ("1", "3"):
        scene.act(code, "play", twin, egg=number)
    merge(scene, anna, twin)
    scene.deliver()
    assert [each["broken"] is not None for each in scene.view(code, anna)["eggs"]] == [True, False, True]


def held_games(scene: Scene, review: bool) -> dict[str, tuple[str, str, dict[str, str]]]:
    """A campaign of each game with certain prizes, by its kind: its code, the act that wins, and the act's data."""
    tea = [scene.prize("tea", review=review)]
    daily = {"code": "d", "kind": "daily", "title": "d", "amount": 15, "per_day": 5}
    return {
        "grab": (
            scene.campaign("grab", tea, settings={"drops": [{"at": "00:00", "prize": "tea", "stock": 9, "minutes": 1_440}]}),
            "grab", {},
        ),
        "checkin": (scene.campaign("checkin", tea, settings={"daily": ["tea"], "milestones": [{"days": 1, "prize": "tea"}]}),
                    "sign", {}),
        "nurture": (
            scene.campaign("nurture", tea, settings={"stages": [10, 15], "pour": 15, "prize": "tea", "sources": [daily]}),
            "pour", {},
        ),
        "joingift": (scene.campaign("joingift", tea, settings={"prize": "tea", "automatic": False}), "claim", {}),
    }  # fmt: skip


def main_of(client: FlaskClient, code: str) -> str:
    """What a person reads on the page of a game, in English."""
    page = client.get(f"{BASE}/g/{code}?lang=en", headers=PAGE).get_data(as_text=True)
    return re.sub(r"<[^>]+>", " ", page[page.index("<main") : page.index("</main>")])


@on_sqlite
def test_a_prize_under_review_is_never_told_as_given(scene):
    client = create_app(scene.brand.installation).test_client()
    anna = scene.person()
    join(scene, anna)
    sign_in(client, scene.brand, anna)
    given = {
        "grab": "Yours today", "checkin": "Yours", "nurture": "was sent to your account", "joingift": "Yours: see My prizes",
    }  # fmt: skip
    for review in (False, True):
        for kind, (code, action, data) in held_games(scene, review).items():
            execute("DELETE FROM interaction_games_member_gift")
            execute("DELETE FROM interaction_games_gift_key")
            if kind == "nurture":
                scene.act(code, "collect", anna, source="d")
            answer = scene.act(code, action, anna, **data)
            state = (answer.get("reward") or answer)["state"]
            assert state == ("held" if review else "granted"), kind
            page = main_of(client, code)
            assert (given[kind] in page) is not review, (kind, page)
            assert ("being checked" in page.lower()) is review, (kind, page)
            if review:
                (uid,) = execute("SELECT uid FROM interaction_games_draw ORDER BY id DESC LIMIT 1").fetchone()
                scene.games.reviews.reject(uid, actor="mia", reason="a robot")
                page = main_of(client, code)
                assert "withdrawn" in page.lower() and given[kind] not in page, (kind, page)


@on_sqlite
def test_a_rung_whose_prize_is_under_review_says_so(scene):
    code = scene.campaign(
        "invite", [scene.prize("tea", review=True)], surface="offline_code",
        settings={"gates": ["member"], "rungs": [{"invites": 1, "prize": "tea"}, {"invites": 2, "prize": "tea"}]},
    )  # fmt: skip
    inviter, friend = scene.people(2)
    scene.act(code, "accept", friend, by=code_of(scene, code, inviter))
    join(scene, friend)
    scene.deliver()
    client = create_app(scene.brand.installation).test_client()
    sign_in(client, scene.brand, inviter)
    assert [rung["state"] for rung in scene.view(code, inviter)["rungs"]] == ["held", "open"]
    assert "Being checked" in main_of(client, code) and "Yours" not in main_of(client, code)


@on_sqlite
def test_one_of_a_thing_is_said_in_the_singular(scene):
    client = create_app(scene.brand.installation).test_client()
    anna, friend = scene.people(2)
    tea = [scene.prize("tea", stock=1)]
    sources = [
        {"code": "d", "kind": "daily", "title": "d", "amount": 1, "per_day": 2},
        {"code": "r", "kind": "browse", "title": "r", "amount": 1, "seconds": 1, "text": "t"},
    ]
    pages = [
        bargain(scene, helpers=1, stock=1),
        group(scene, size=2, hours=1, seat_minutes=1, simulate_from=1),
        scene.campaign("checkin", tea, settings={
            "daily": ["tea"], "milestones": [{"days": 1, "prize": "tea"}],
            "make_up": {"per_month": 1, "days_back": 1, "cost": "ticket"},
        }),
        scene.campaign("nurture", tea, settings={
            "stages": [1, 2], "pour": 1, "prize": "tea", "sources": sources, "idle": {"per_hour": 1, "cap": 1},
        }),
        invite(scene, 1, refund_days=1),
        scene.campaign("wheel", [scene.prize("cup", weight=1)], chances={"daily": 1}),
        scene.campaign("grab", tea, settings={"drops": [{"at": "00:00", "prize": "tea", "stock": 1, "minutes": 1_440}]}),
    ]  # fmt: skip
    scene.act(pages[0], "open", anna)
    scene.act(pages[2], "sign", anna)
    scene.act(pages[4], "accept", friend, by=code_of(scene, pages[4], anna))
    sign_in(client, scene.brand, anna)
    for code in pages:
        words = " ".join(main_of(client, code).split())
        wrong = re.findall(r"(?<![\d.])1 (?:\w+ )?(?:days|friends|people|drops|minutes|hours|seconds|make-ups|chances)\b", words)
        assert wrong == [], words
        assert client.get(f"{BASE}/g/{code}?lang=zh", headers=PAGE).status_code == 200
    raw = client.get(f"{BASE}/g/{pages[3]}?lang=en", headers=PAGE).get_data(as_text=True)
    assert "1 drop gathered" in raw.replace("{}", "1")


@on_sqlite
def test_an_erased_person_gives_back_the_piece_that_was_held_for_their_bargain(scene):
    code = bargain(scene, stock=1)
    owner, second = scene.people(2)
    for person in (owner, second):
        scene.act(code, "open", person)
    scene.act(code, "buy", owner)
    assert refused(scene, code, "buy", second) == "goods_gone"
    scene.brand.privacy.erase(owner, actor="ann")
    scene.games.settle()
    assert pieces(scene, code) == 1
    assert scene.act(code, "buy", second)["ticket"]
