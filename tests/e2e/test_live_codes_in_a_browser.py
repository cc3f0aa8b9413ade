"""A live code made in the console with a browser: staff, rota, activity; what the QR codes on page and poster say."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import zxingcpp
from phones import PHONE
from PIL import Image
from served import Premises, make, serving
from test_console_campaigns_in_a_browser import act, fill
from test_console_in_a_browser import WORD, Desk

BRAND = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[plugins.console]
[plugins.live-code]
"""
AT = "b/acme/x/live-code/"


@pytest.fixture
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    root = tmp_path_factory.mktemp("live") / "shop"
    house = Premises(*make(root, {"acme": BRAND}))
    house.installation.users.create("otto", WORD)
    house.installation.users.set_role("otto", "acme", "operator")
    with serving(root, house.base):
        yield house
    house.installation.close()


def scanned(picture: bytes) -> str:
    """What a scanner reads of what the browser shows."""
    return zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("RGB"))[0].text


def test_a_code_is_made_in_the_console_and_its_page_and_poster_say_the_printed_address(browser: Any, shop: Premises):
    desk = Desk(browser, shop.base)
    hand = Desk(browser, shop.base, viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN")
    try:
        page = desk.sign_in("otto", f"{AT}codes")
        for userid in ("ann", "ben"):
            fill(page, userid=userid, name=userid.title(), address=f"https://work.weixin.qq.com/ca/{userid}")
            act(page, "staff")
        fill(page, channel="door", title="门店海报")
        act(page, "create")
        form = page.locator("form[data-add]")
        form.locator("[name=staff]").fill("ann")
        form.locator("[name=hours]").fill("1-5 09:00-18:00")
        act(page, "seat")
        form.locator("[name=staff]").fill("ben")
        form.locator("[name=role]").select_option("backup")
        with page.expect_navigation():
            form.locator("button").click()
        assert page.locator("form[data-seat]").count() == 2
        form = page.locator("form:has(button[value=activity])")
        form.locator("[name=title]").fill("新客礼")
        form.locator("[name=first]").fill("2020-01-01")
        form.locator("[name=last]").fill("2090-12-31")
        act(page, "activity")
        act(page, "publish")
        printed = page.inner_text("main dd.code >> nth=0")
        assert printed.startswith(f"{shop.base}/l/")
        desk.shoot("console-live-code")
        assert scanned(page.locator("[data-qr]").screenshot()) == printed
        poster = page.get_attribute("a:has-text('Poster')", "href")
        page.goto(f"{shop.base}/staff/console/{AT}code{poster}")
        assert scanned(page.screenshot()) == printed
        for name in ("codes", "reception", "personas"):
            desk.open(AT + name)
            desk.shoot(f"console-live-{name}")
        hand.sign_in("otto", f"{AT}codes")
        for name in ("codes", "code?channel=door", "reception", "personas"):
            hand.open(AT + name)
            hand.shoot(f"console-live-phone-{name.partition('?')[0]}")
    finally:
        desk.close()
        hand.close()
