"""Campaigns begun by forms of the console in a real browser, at a desk and on a phone, and then used by a customer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from phones import PHONE
from served import Premises, make, serving
from test_console_campaigns_in_a_browser import act, fill
from test_console_in_a_browser import WORD, desks_at

from scrm_core.db.bulk import execute

pytestmark = pytest.mark.wide
BRAND = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.console]
[plugins.points]
[plugins.coupon-threshold]
[plugins.referral]
[plugins.interaction-games]
[plugins.koc]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("begun") / "shop"
    house = Premises(*make(root, {"acme": BRAND}))
    house.installation.users.create("otto", WORD)
    house.installation.users.set_role("otto", "acme", "operator")
    with serving(root, house.base):
        yield house
    house.installation.close()


@pytest.fixture
def desks(browser: Any, shop: Premises) -> Iterator[Any]:
    yield from desks_at(browser, shop.base)


@pytest.fixture
def phone(phones: Any, shop: Premises) -> Any:
    """A function that gives a person's phone: ``phone(cookie)``."""
    return partial(phones, shop.base)


def press(page: Any, name: str) -> None:
    """Press a button that may be refused, and wait for the page."""
    with page.expect_navigation():
        page.locator(f"main button[name=act][value='{name}']:visible").first.click()


def on_a_phone(desks: Any, path: str, name: str) -> None:
    """The form on a phone, in Chinese and dark, with all that is folded opened."""
    hand = desks(viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN", color_scheme="dark")
    page = hand.sign_in("otto", path)
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true; })")
    hand.shoot(name)


def test_a_coupon_batch_is_begun_in_the_browser_and_its_coupon_claimed(shop, desks, phone):
    desk = desks()
    page = desk.sign_in("otto", "b/acme/x/coupon-threshold/batches")
    page.click("text=New batch")
    fill(page, code="MAY", title="五月券", min="300", off="400", stock="1000", per_person="1")
    press(page, "preview")
    assert "not above the threshold" in page.inner_text("[data-wrong=off]") and page.input_value("[name=min]") == "300"
    desk.shoot("console-coupon-refused")
    fill(page, off="30")
    press(page, "preview")
    assert page.inner_text("[data-worst]") == "¥30,000.00"
    desk.shoot("console-coupon-preview")
    act(page, "create")
    desk.shoot("console-coupon-made")
    page.click("main >> text=Change")
    fill(page, title="五月老客券")
    act(page, "change")
    act(page, "open")
    on_a_phone(desks, "b/acme/x/coupon-threshold/new", "console-coupon-phone")
    who, cookie = shop.person("王小明")
    mine = phone(cookie)
    offer = mine.open("/p/acme/coupon-threshold/b/MAY")
    assert "五月老客券" in offer.inner_text("main")
    offer.locator("button.big").tap()
    offer.wait_for_url("**/c/*")
    with shop.brand:
        (state,) = execute("SELECT state FROM coupon_threshold_coupon WHERE contact_id = ?", (who,)).fetchone()
    assert state == "claimed"
