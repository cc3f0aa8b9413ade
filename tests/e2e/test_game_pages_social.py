"""Bargain, group-buy, join gift and invitations in a real browser at a phone's size, two people at a time."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import zxingcpp
from phones import shoot
from PIL import Image
from served import make, points, serving
from test_game_pages_draw import Arcade

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn
from scrm_interaction_games.games import purchases

FILE = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.points]
[plugins.interaction-games]
"""
CODE = "offline_code"
BIKE = {
    "sku": "BIKE", "goods": "儿童平衡车 (12 寸)", "list_minor": 29_900, "floor_minor": 9_900, "helpers": 2,
    "shop_url": "https://shop.example/pay?ticket={ticket}",
}  # fmt: skip
WIPES = {"sku": "WIPES", "goods": "婴儿湿巾 12 包", "price_minor": 3_990, "single_minor": 5_990, "size": 2}
LADDER = {
    "gates": ["member", "first_order"], "poster": "新朋友首单有礼",
    "rungs": [{"invites": 1, "prize": "towel"}, {"invites": 2, "prize": "robe"}],
}  # fmt: skip


class Fair(Arcade):
    """Campaigns that are opened from a code in a store, and people with names."""

    def pay(self, ticket: str, amount: int, number: str) -> dict[str, Any]:
        """The shop tells that an order paid for a ticket."""
        with self.brand as brand:
            games = brand.plugins["interaction-games"].games
            return purchases.pay(games, ticket, source="shop", number=number, amount_minor=amount)


@pytest.fixture(scope="module")
def fair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fair]:
    root = tmp_path_factory.mktemp("fair") / "shop"
    house = Fair(*make(root, {"acme": FILE}))
    house.campaign("bargain", [], BIKE, title="一起砍价", surface=CODE, code="bargain")
    house.campaign("groupbuy", [], WIPES, title="两人拼单", surface=CODE, code="team")
    gift = [points("gift", "50 积分入会礼", 50)]
    house.campaign("joingift", gift, {"prize": "gift", "automatic": False}, title="入会有礼", surface=CODE, code="gift")
    prizes = [points("towel", "棉柔巾 (30 积分)", 30), points("robe", "浴巾 (99 积分)", 99)]
    house.campaign("invite", prizes, LADDER, title="邀请朋友一起来", surface=CODE, code="friends")
    with serving(root, house.base):
        yield house
    house.installation.close()


@pytest.fixture
def phone(phones: Any, fair: Fair) -> Any:
    """A function that gives a person's phone: ``phone(cookie)``."""
    return partial(phones, fair.base)


def scanned(page: Any, place: str) -> str:
    """What the code in a part of the page says to a scanner that sees the screen."""
    picture = Image.open(io.BytesIO(page.locator(place).screenshot())).convert("L")
    (found,) = zxingcpp.read_barcodes(picture)
    return found.text


def test_a_friend_scans_the_owners_bargain_and_cuts_its_price_once(fair, phone):
    owner, cookie = fair.person("李雷")
    helper, helper_cookie = fair.person("韩梅梅")
    mine = phone(cookie)
    page = mine.open(f"{fair.root}/g/bargain")
    shoot(page, "game-bargain-start")
    page.locator("[data-open] button").evaluate("b => { b.click(); b.click(); }")
    page.locator("[data-bargain]").wait_for()
    with fair.brand:
        ((uid, cut),) = execute("SELECT uid, cut_minor FROM interaction_games_bargain").fetchall()
    assert page.locator("[data-price]").inner_text() == f"¥{(29_900 - cut) / 100:.2f}"
    shoot(page, "game-bargain-owner")
    address = scanned(page, "[data-qr]")
    assert address == page.locator("#address").input_value()
    page.locator("button[data-copy=address]").click()
    page.wait_for_function("document.getElementById('result').textContent.length > 0")
    marked = "(f => f.value.slice(f.selectionStart, f.selectionEnd))(document.getElementById('address'))"
    assert page.evaluate(marked) == address

    friend = phone(helper_cookie)
    theirs = friend.open(address)
    assert "李*" in theirs.locator(".social-top").inner_text()
    shoot(theirs, "game-bargain-helper")
    # A double tap and a second tab cut once.
    second = friend.open(address)
    theirs.locator("[data-help] button").evaluate("b => { b.click(); b.form.requestSubmit(b); }")
    theirs.locator("#result.good").wait_for()  # said by the page that came anew: none is on its way any more
    second.locator("[data-help] button").tap()
    second.locator("#result.bad").wait_for()
    assert second.locator("#result").inner_text() == "您已经帮忙砍过一刀"
    with fair.brand:
        cuts = execute("SELECT contact_id, minor FROM interaction_games_bargain_cut").fetchall()
        (cut,) = execute("SELECT cut_minor FROM interaction_games_bargain").fetchone()
    assert [row[0] for row in cuts] == [helper]
    now = f"¥{(29_900 - cut) / 100:.2f}"
    theirs.reload()
    assert theirs.locator("[data-price]").inner_text() == now
    page.reload()
    assert page.locator("[data-price]").inner_text() == now
    assert page.locator("[data-helpers] li").count() == 2
    page.locator("[data-buy] button").tap()
    order = page.locator("[data-order]")
    order.wait_for()
    assert now in order.inner_text() and uid in order.inner_text()
    assert order.locator("a").get_attribute("href") == f"https://shop.example/pay?ticket={uid}"
    shoot(page, "game-bargain-order")
    # The address hands nobody the owner's order, nor the owner's session.
    stranger = phone().open(page.url)
    assert stranger.locator("[data-order], [data-buy], [data-help]").count() == 0
    assert "/-/join?next=" in stranger.locator("main a.button").first.get_attribute("href")
    theirs.reload()
    assert theirs.locator("[data-order]").count() == 0
    assert owner != helper


def test_two_people_come_together_by_paying(fair, phone):
    _, cookie = fair.person("王芳")
    _, friend_cookie = fair.person("Zoe")
    mine = phone(cookie)
    page = mine.open(f"{fair.root}/g/team")
    page.locator("[data-lead] button").tap()
    seat = page.locator("[data-ticket]")
    seat.wait_for()
    assert page.locator("[data-team]").count() == 0
    shoot(page, "game-groupbuy-seat")
    assert fair.pay(seat.get_attribute("data-ticket"), 3_990, "G1")["state"] == "paid"
    page.reload()
    page.locator("[data-team][data-taken='1']").wait_for()
    shoot(page, "game-groupbuy-team")

    friend = phone(friend_cookie)
    theirs = friend.open(scanned(page, "[data-qr]") + "&lang=en")
    assert "王*'s team" in theirs.inner_text("main")
    shoot(theirs, "game-groupbuy-join-en")
    theirs.locator("[data-take-seat] button").tap()
    seat = theirs.locator("[data-ticket]")
    seat.wait_for()
    assert fair.pay(seat.get_attribute("data-ticket"), 3_990, "G2")["team_state"] == "full"
    theirs.reload()
    assert "Complete" in theirs.locator("[data-team]").inner_text()
    page.reload()
    assert "已成团" in page.locator("[data-team]").inner_text()
    shoot(page, "game-groupbuy-full")


def test_a_member_takes_the_join_gift_once(fair, phone):
    who, cookie = fair.person("陈晨")
    mine = phone(cookie)
    page = mine.open(f"{fair.root}/g/gift")
    assert page.locator(".social-top").get_attribute("data-state") == "not_member"
    with fair.brand as brand:
        brand.membership.join(who, "M-1001", at=brand.now(), source="test")
    page.reload()
    shoot(page, "game-joingift")
    second = mine.open(f"{fair.root}/g/gift")
    page.locator("[data-claim] button").evaluate("b => { b.click(); b.click(); }")
    page.locator(".social-top[data-state=received]").wait_for()
    second.locator("[data-claim] button").tap()
    second.locator("#result.bad").wait_for()
    assert fair.rewards(who) == 1
    shoot(page, "game-joingift-had")


def test_the_poster_of_the_inviter_leads_a_new_friend_to_the_reward(fair, phone):
    inviter, cookie = fair.person("赵敏")
    invitee, invitee_cookie = fair.person("钱多")
    mine = phone(cookie)
    page = mine.open(f"{fair.root}/g/friends")
    page.locator("[data-start] button").tap()
    page.locator("[data-make-poster]").tap()
    poster = page.locator("[data-poster]")
    poster.wait_for()
    png = base64.b64decode(poster.get_attribute("src").partition(",")[2])
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    assert found.text == page.locator("#address").input_value()
    # The screen shows it large enough to be scanned by another phone.
    assert scanned(page, "[data-poster]") == found.text
    shoot(page, "game-invite-poster")

    friend = phone(invitee_cookie, java_script_enabled=False)
    theirs = friend.open(found.text)
    assert "赵*" in theirs.locator("[data-invitation=open]").inner_text()
    shoot(theirs, "game-invite-accept")
    theirs.locator("[data-accept] button").tap()
    theirs.locator("[data-invitation=accepted]").wait_for()
    with fair.brand as brand:
        brand.membership.join(invitee, "M-2002", at=brand.now(), source="test")
        name = brand.contacts.identities(invitee)[0].value
        brand.orders.upsert(
            OrderIn(
                source="shop", number="F1", status="paid", paid_at=brand.now(), paid_minor=5_000,
                buyer=(IdentityIn.of("unionid", name),),
            )
        )  # fmt: skip
    # The worker beside the server hears of the order.
    patience = time.monotonic() + 20
    while not fair.rewards(inviter) and time.monotonic() < patience:
        threading.Event().wait(0.02)
    page.goto(f"{fair.root}/g/friends")
    assert page.locator("[data-qualified]").inner_text() == "1"
    assert page.locator("[data-rung='1']").get_attribute("data-state") == "granted"
    assert page.locator("[data-rung='2']").get_attribute("data-state") == "open"
    assert fair.rewards(inviter) == 1
    shoot(page, "game-invite-counted")
