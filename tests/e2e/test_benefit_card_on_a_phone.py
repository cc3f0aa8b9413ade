"""A benefit card in a real browser at a phone's size: claimed from an SMS, masked, shown, copied; in both languages."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import pytest
from phones import shoot
from served import Premises, make, serving

from scrm_core.services.contacts import IdentityIn

BRAND = f"""[brand]
id = "acme"
name = "Acme"
timezone = "Asia/Shanghai"
currency = "CNY"

[plugins.sms]
signature = "Acme"

[plugins.benefit-card]
seal_keys = ["{base64.urlsafe_b64encode(bytes(32)).decode()}"]
"""
CODE, PIN = "VIP-7F3K-0001-2233-4455", "471108"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("cards") / "shop"
    house = Premises(*make(root, {"acme": BRAND}))
    with serving(root, house.base):
        yield house
    house.installation.close()


@pytest.fixture
def phone(phones: Any, shop: Premises) -> Any:
    return partial(phones, shop.base)


def recipient(shop: Premises, number: str, plan: str) -> tuple[int, str]:
    """Somebody to whom a plan's message went: the contact, and the cookie of their session."""
    with shop.brand as brand:
        contact = brand.contacts.resolve([IdentityIn.of("phone", number)], at=brand.now(), origin="test").contact_id
        run = brand.outreach.open_run(plan, owner="sms", channel="sms", kind="notice", sender="console")
        brand.outreach.queue_body(run.id, number, "【Acme】Your gift: https://example.com/l/abc", contact_id=contact)
        brand.outreach.release(run.id, 10_000)
        brand.outreach.start(run.id)
        brand.outreach.drain()
        session = brand.consumers.sign_in(contact, "phone-code", strong=True).session
        return int(contact), str(brand.consumers.seals.sign("session", session))


def prepare(shop: Premises, pool: str, plan: str, *codes: str) -> Any:
    """A pool with these codes, and a gift of it for a plan; the plugin's service."""
    with shop.brand as brand:
        cards = brand.plugins["benefit-card"].cards
        cards.pools.create(
            pool, title="Video for a month", face_minor=2_500, cost_minor=1_800, terms="Redeem it in the app.\nOnce.",
            link=f"{shop.base}/healthz", actor="lin",
        )  # fmt: skip
        cards.pools.add(pool, [{"code": code, "pin": PIN, "expires": "2099-12-31"} for code in codes], actor="lin")
        cards.gifts.create(plan, pool=pool, title="A gift for May", plan=plan, until=date(2099, 5, 31), actor="lin")
        return cards


def test_a_recipient_claims_a_card_looks_at_it_and_copies_code_and_pin(shop, phone):
    cards = prepare(shop, "video", "MAY", CODE)
    contact, cookie = recipient(shop, "+8613800138001", "MAY")
    visitor = phone().open("/p/acme/benefit-card/g/MAY")
    shoot(visitor, "benefit-gift-visitor", language="zh")
    mine = phone(cookie)
    mine.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=shop.base)
    page = mine.open("/p/acme/benefit-card/g/MAY")
    shoot(page, "benefit-gift", language="zh")
    page.locator("form[action$='/claim'] button").dblclick()
    page.wait_for_url("**/benefit-card/c/*")
    assert CODE not in page.content() and page.locator("[role=img]").is_visible()
    shoot(page, "benefit-card-masked", language="zh")
    page.locator("form[action$='/show'] button").dblclick()
    page.locator("#code").wait_for()
    assert (page.inner_text("#code"), page.inner_text("#pin")) == (CODE, PIN)
    assert page.locator("[data-copy]").all_inner_texts() == ["复制", "复制"]
    shoot(page, "benefit-card-shown", language="zh")
    for name, value in (("code", CODE), ("pin", PIN)):
        page.locator(f"[data-copy={name}]").tap()
        page.locator("#result.good").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == value
    # A browser without the clipboard copies by selecting, and where that fails says what to do.
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.evaluate("document.execCommand = () => false")
    page.locator("[data-copy=code]").tap()
    page.locator("#result:has-text('已选中')").wait_for()
    assert page.evaluate("getSelection().toString()") == CODE
    page.locator("a[href$='/benefit-card/mine']").tap()
    page.locator(".list .item").wait_for()
    assert CODE not in page.content()
    shoot(page, "benefit-mine", language="zh")
    with shop.brand:
        (issue,) = cards.cards.of_person(contact)
        assert (issue.state, issue.gift) == ("revealed", "MAY")
        assert cards.differences() == []
    # The link of the SMS, forwarded: a friend sees that all cards are gone, and no card.
    _, other = recipient(shop, "+8613800138002", "OTHER")
    friend = phone(other).open("/p/acme/benefit-card/g/MAY")
    shoot(friend, "benefit-gift-gone", language="zh")
    assert "已领完" in friend.inner_text("main")


def test_the_pages_are_whole_in_english_and_without_a_script(shop, phone):
    prepare(shop, "music", "JUNE", "MUSIC-1")
    _, cookie = recipient(shop, "+8613800138003", "JUNE")
    page = phone(cookie, java_script_enabled=False, locale="en-US").open("/p/acme/benefit-card/g/JUNE?lang=en")
    page.locator("form[action$='/claim'] button").tap()
    page.wait_for_url("**/benefit-card/c/*")
    page.locator("form[action$='/show'] button").tap()
    page.locator("#code").wait_for()
    assert page.inner_text("#code") == "MUSIC-1" and not page.locator("[data-copy=code]").is_visible()
    reading = phone(cookie)
    for name in ("g/JUNE", "mine", page.url.partition("benefit-card/")[2]):
        tab = reading.open(f"/p/acme/benefit-card/{name}?lang=en")
        shoot(tab, f"benefit-en-{name.partition('/')[0]}", language="en", latin=True)
