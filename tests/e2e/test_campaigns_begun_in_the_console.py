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


def test_a_referral_campaign_is_begun_in_the_browser_and_signed_up_for(shop, desks, phone):
    desk = desks()
    page = desk.sign_in("otto", "b/acme/x/referral/campaigns")
    page.click("text=New campaign")
    fill(page, code="spring", title="老带新", ends_at="2099-05-01T00:00", quota="100", surface="offline_code")
    fill(page, **{"rung-0-kind": "points", "rung-0-item": "", "rung-0-quantity": "300", "rung-0-value": "30", "rung-0-title": "300 积分"})
    fill(page, **dict.fromkeys(("rung-1-invites", "rung-1-item", "rung-1-value", "rung-1-title"), ""))
    fill(page, **{"rung-0-invites": ""})
    press(page, "preview")
    assert page.locator("[data-wrong='rung-0-invites']").count() == 1 and page.input_value("[name='rung-0-value']") == "30"
    desk.shoot("console-referral-refused")
    fill(page, **{"rung-0-invites": "3"})
    press(page, "preview")
    assert page.inner_text("[data-worst]").replace(",", "") == "¥3000.00"
    desk.shoot("console-referral-preview")
    act(page, "create")
    page.click("main >> text=Change")
    fill(page, title="老带新·春")
    act(page, "change")
    act(page, "publish")
    desk.shoot("console-referral-published")
    on_a_phone(desks, "b/acme/x/referral/new", "console-referral-phone")
    _, cookie = shop.person("李小红")
    assert "老带新·春" in phone(cookie).open("/p/acme/referral/c/spring").inner_text("main")


def test_a_wheel_is_begun_in_the_browser_and_played(shop, desks, phone):
    desk = desks()
    page = desk.sign_in("otto", "b/acme/x/interaction-games/campaigns")
    page.click("text=New campaign")
    page.click("[data-game=wheel]")
    fill(page, code="may", title="五月转盘", surface="offline_code", ends_at="2099-05-01T00:00", rules="每人每天一次。")
    fill(page, organiser="Acme", organiser_contact="400-000-0000", **{"chances-daily": "1", "expected_draws": "100"})
    fill(page, **{"prizes-0-code": "points", "prizes-0-title": "10 积分", "prizes-0-kind": "points", "prizes-0-value_minor": "1"})
    fill(page, **{"prizes-0-weight": "3", "prizes-0-stock": "50", "prizes-1-weight": "1", "total_weight": "5"})
    press(page, "preview")
    assert "add up to 4" in page.inner_text("[data-wrong=total_weight]") and page.input_value("[name='prizes-0-weight']") == "3"
    desk.shoot("console-game-refused")
    fill(page, total_weight="")
    press(page, "preview")
    assert page.inner_text("[data-worst]") == "¥50.00" and "75 %" in page.inner_text("[data-prize=points]")
    desk.shoot("console-game-preview")
    act(page, "create")
    page.click("main >> text=Change")
    fill(page, title="五月幸运转盘")
    act(page, "change")
    act(page, "publish")
    on_a_phone(desks, "b/acme/x/interaction-games/new?game=nurture", "console-game-phone")
    _, cookie = shop.person("周小兰")
    assert "五月幸运转盘" in phone(cookie).open("/p/acme/interaction-games/g/may").inner_text("main")


def test_a_koc_and_a_task_are_begun_in_the_browser_and_the_task_found_on_the_kocs_phone(shop, desks, phone):
    who, cookie = shop.person("李小红")
    with shop.brand:
        uid = shop.brand.contacts.get_by_id(who).uid
    desk = desks()
    page = desk.sign_in("otto", "b/acme/x/koc/people")
    page.click("text=New KOC")
    fill(page, contact=uid, target="https://shop.example/cream", code="RED", rate="101")
    press(page, "preview")
    assert "0 to 100 per cent" in page.inner_text("[data-wrong=rate]") and page.input_value("[name=code]") == "RED"
    fill(page, rate="8")
    # The Enter key tells what it pays, and enrols nobody.
    with page.expect_navigation():
        page.locator("main [name=rate]").press("Enter")
    assert "8.00 %" in page.inner_text("[data-rate=all]")
    desk.shoot("console-koc-enrol-preview")
    act(page, "enrol")
    page.goto(page.url.split("/person")[0] + "/tasks")
    page.click("text=New task")
    fill(page, code="cream", kind="seeding", title="面霜试用", brief="请写五星好评", due_on="2099-12-31", fee="1500")
    press(page, "preview")
    assert "demand for praise" in page.inner_text("[data-wrong=brief]") and page.input_value("[name=fee]") == "1500"
    desk.shoot("console-koc-task-refused")
    fill(page, brief="写下真实感受，优点缺点都可以写")
    press(page, "preview")
    assert page.inner_text("[data-worst]") == "¥1,500.00"
    desk.shoot("console-koc-task-preview")
    act(page, "create")
    page.click("main >> text=Change")
    fill(page, fee="1200")
    act(page, "change")
    fill(page, members="RED")
    press(page, "preview")
    assert page.inner_text("[data-worst]") == "¥1,200.00"
    act(page, "invite")
    desk.shoot("console-koc-task-given")
    on_a_phone(desks, "b/acme/x/koc/new-task", "console-koc-phone")
    on_a_phone(desks, "b/acme/x/koc/task?code=cream", "console-koc-task-phone")
    on_a_phone(desks, "b/acme/x/koc/enrol", "console-koc-enrol-phone")
    mine = phone(cookie)
    assert "面霜试用" in mine.open("/p/acme/koc/mine").inner_text("main")
