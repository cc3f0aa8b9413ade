"""Codes that were handed out: the first who enters one has its coupon, and strangers learn nothing by guessing."""

from __future__ import annotations

from typing import Any

import pytest
from coupon_scene import CouponScene, definition
from pages_scene import ROOT, customer
from signing import PAGE, fields

from scrm_core.errors import Conflict, Forbidden, Invalid, NotFound
from scrm_core.web import create_app
from scrm_coupon_threshold.claims.typed import Entered
from scrm_coupon_threshold.rules import shown_code

GOOD = "ABCDEFGHJKMNP"
"""Imported: 13 letters whose last one is no check character of ours."""


def handed_out(scene: CouponScene, code: str, *, brand: Any = None, codes: tuple[str, ...] = (), **changes: Any) -> list[str]:
    """Open a batch with codes, by default two drawn ones; returns them as printed."""
    with brand or scene.acme:
        here = scene.coupons(brand)
        here.batches.create(definition(code, codes="handed-out", **changes))
        here.pools.add(code, codes) if codes else here.pools.draw(code, 2)
        here.batches.open(code)
        return list(here.pools.printed(code))


def enter(scene: CouponScene, text: str, contact_id: int, **more: Any) -> Entered:
    with scene.acme:
        return scene.coupons().typed.claim(text, contact_id, **more)


def test_a_code_gives_its_coupon_once_with_every_limit_of_its_batch(scene: CouponScene) -> None:
    first, second = handed_out(scene, "card", limits={"per_person": 1})
    assert first.count("-") == 3
    ann, bob = scene.person(), scene.person()
    coupon = enter(scene, f" {first.lower().replace('-', ' ')} ", ann).coupon
    assert coupon is not None and shown_code(coupon.code) == first
    assert (coupon.state, coupon.batch, coupon.contact_id, coupon.source) == ("claimed", "card", ann, "page")
    # Entered again it is still hers, and nobody else's.
    assert enter(scene, first, ann).coupon == coupon
    assert enter(scene, first, bob) == Entered(None, "unknown")
    with pytest.raises(Conflict) as limit:
        enter(scene, second, ann)
    assert limit.value.code == "limit"
    assert scene.rows("SELECT taken FROM coupon_threshold_code ORDER BY id") == [(1,), (0,)]
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(1, 1)]
    # Whoever knows no code gets none of it.
    for source in ("page", "staff", "reward"):
        with pytest.raises(Conflict) as refusal:
            scene.claim("card", bob, source=source)
        assert refusal.value.code == "by_code"
    with scene.acme as brand, pytest.raises(Invalid):
        brand.rewards.check("coupon", "card")
    assert enter(scene, second, bob).coupon is not None
    with scene.acme:
        assert list(scene.coupons().pools.printed("card")) == []


def test_wrong_used_foreign_and_ended_codes_are_answered_alike(scene: CouponScene) -> None:
    scene.go_to("2026-03-01T12:00:00")
    used, _ = handed_out(scene, "card")
    ended, _ = handed_out(scene, "over", claim_to="2026-03-02")
    closed, _ = handed_out(scene, "shut")
    foreign, _ = handed_out(scene, "card", brand=scene.moonco)
    handed_out(scene, "old", codes=(GOOD,))
    ann, bob = scene.person(), scene.person()
    assert enter(scene, used, ann).coupon is not None and enter(scene, GOOD, ann).coupon is not None
    scene.open("made")
    made = scene.claim("made", ann).code
    with scene.acme:
        scene.coupons().batches.close("shut")
    scene.go_to("2026-03-02T00:00:00")
    for text in (used, ended, closed, foreign, made, "23456789ABCDE"[:12], "", "ABCDEFGHJKMN兑", "x" * 400):
        assert enter(scene, text, bob) == Entered(None, "unknown"), text
        scene.clock.advance(seconds=3_601)  # the count of wrong codes is another test
    # What cannot be right is told by its letters alone: alike whether the code is there, used or nowhere.
    for text in (GOOD, "ABCDEFGHJKMNQ"):
        assert enter(scene, text, bob) == Entered(None, "mistyped")
    assert scene.rows("SELECT count(*) FROM coupon_threshold_coupon WHERE contact_id = ?", bob) == [(0,)]
    assert scene.rows("SELECT sum(issued), sum(stock_total - stock_left) FROM coupon_threshold_batch WHERE codes = 2") == [
        (2, 2)
    ]
    assert scene.rows("SELECT sum(taken) FROM coupon_threshold_code", brand=scene.moonco) == [(0,)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_the_tenth_wrong_code_locks_a_person_and_the_hundredth_a_network(scene: CouponScene) -> None:
    good, other = handed_out(scene, "card", limits={"per_person": None})
    ann = scene.person()
    for _ in range(9):
        assert enter(scene, "WRONGWRONG22", ann, network="cafe").reason == "unknown"
    # A right one in between forgives nothing: it could be entered again and again.
    assert enter(scene, good, ann, network="cafe").coupon is not None
    assert enter(scene, "WRONGWRONG22", ann, network="cafe").reason == "unknown"
    until = scene.clock.now() + 3_600_000
    assert enter(scene, other, ann, network="cafe") == Entered(None, "locked", until)
    # Others of the same network are served until it is the network that guesses.
    for _ in range(10):
        guest = scene.person()
        for _ in range(9):
            assert enter(scene, "WRONGWRONG22", guest, network="cafe").reason == "unknown"
    assert enter(scene, other, scene.person(), network="cafe").reason == "locked"
    last = enter(scene, other, scene.person(), network="home").coupon
    assert last is not None
    scene.clock.set(until)
    assert enter(scene, good, ann, network="cafe").coupon is not None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_gate_and_a_pause_hold_for_codes_too(scene: CouponScene) -> None:
    code, _ = handed_out(scene, "card", gate={"tasks": [{"task": "joined"}]})
    ann = scene.person()
    with pytest.raises(Forbidden):
        enter(scene, code, ann)
    with scene.acme:
        scene.acme.membership.join(ann, at=scene.acme.now())
    scene.deliver()
    with scene.acme:
        scene.coupons().batches.pause("card")
    with pytest.raises(Conflict) as paused:
        enter(scene, code, ann)
    assert paused.value.code == "not_open"
    with scene.acme:
        scene.coupons().batches.open("card")
    coupon = enter(scene, code, ann).coupon
    assert coupon is not None and coupon.gated == 1
    with pytest.raises(NotFound):
        enter(scene, code, 999_999)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_code_is_entered_on_the_page_of_ones_own_coupons(scene: CouponScene) -> None:
    app = create_app(scene.installation)
    ann = scene.person()
    browser = customer(scene, app, ann)
    assert "输入兑换码" not in browser.get(f"{ROOT}mine").text
    code, other = handed_out(scene, "card")
    page = browser.get(f"{ROOT}mine?code={code}")
    assert f'value="{code}"' in page.text
    wrong = fields(page, "/mine/code", code="WRONGWRONG22")
    for _ in range(2):  # a double tap is one wrong code
        told = browser.post(f"{ROOT}mine/code", data=wrong, headers=PAGE)
        assert told.status_code == 200 and "兑换码无效" in told.text and 'value="WRONGWRONG22"' in told.text
    assert scene.rows("SELECT failures FROM coupon_threshold_attempt") == [(1,), (1,)]
    right = fields(told, "/mine/code", code=code)
    places = {browser.post(f"{ROOT}mine/code", data=right, headers=PAGE).headers["Location"] for _ in range(2)}
    (place,) = places
    assert code in browser.get(place).text
    # The batch's own page takes codes as well, once there is something to claim; and never without one.
    bob = customer(scene, app, scene.person())
    assert "登录后领取" in app.test_client().get(f"{ROOT}b/card").text
    offer = bob.get(f"{ROOT}b/card")
    assert "输入兑换码" in offer.text and "b/card/claim" not in offer.text
    refused = bob.post(f"{ROOT}b/card/claim", data=fields(bob.get("/p/acme/-/me")), headers=PAGE)
    assert refused.status_code == 409 and "此券需输入兑换码领取" in refused.text
    assert bob.post(f"{ROOT}mine/code", data=fields(offer, "/mine/code", code=other)).status_code == 303
    script = '"><script>alert(1)</script>'
    assert "<script>alert" not in browser.get(f"{ROOT}mine", query_string={"code": script}).text


RUSH = """
from scrm_coupon_threshold.service import coupons_of

FIRST, CODES = {first}, {codes!r}


def run(brand, worker):
    with brand:
        typed = coupons_of(brand).typed
        return [typed.claim(code, FIRST + worker).coupon is not None for code in CODES]
"""


def test_one_of_four_who_enter_the_same_code_at_once_has_its_coupon(scene: CouponScene, together) -> None:
    with scene.acme:
        here = scene.coupons()
        here.batches.create(definition("card", codes="handed-out", limits={"per_person": None}))
        here.pools.draw("card", 8)
        here.batches.open("card")
        codes = list(here.pools.printed("card"))
    people = [scene.person() for _ in range(4)]
    assert people == list(range(people[0], people[0] + 4))
    answers = together(scene.installation, RUSH.format(first=people[0], codes=codes), 4)
    assert [sum(each) for each in zip(*answers, strict=True)] == [1] * 8
    assert scene.rows("SELECT count(*), count(DISTINCT code) FROM coupon_threshold_coupon") == [(8, 8)]
    assert scene.rows("SELECT stock_left, issued FROM coupon_threshold_batch") == [(0, 8)]
