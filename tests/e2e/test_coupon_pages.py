"""A customer and a clerk in real browsers: link, claim, QR code, scan, redeem; and joining by a code of the console."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from phones import shoot
from served import Premises, make, serving

from scrm_core.db.bulk import execute
from scrm_core.services.contacts import IdentityIn
from scrm_coupon_threshold.service import coupons_of

BRAND = """[brand]
id = "acme"
name = "Acme 母婴"
timezone = "Asia/Shanghai"
currency = "CNY"
[consumer]
code_sender = "console"
colour = "#b4451f"
membership = true
[plugins.sms]
[plugins.coupon-threshold]
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Premises]:
    folder = tmp_path_factory.mktemp("coupons") / "shop"
    made = Premises(*make(folder, {"acme": BRAND}))
    with serving(folder, made.base):
        yield made
    made.installation.close()


@pytest.fixture
def new_phone(phones, shop):
    """A function that opens a tab on a new phone."""
    return lambda **options: phones(shop.base, **options).context.new_page()


def keep(page: Any, name: str) -> None:
    shoot(page, f"coupon-pages-{name}", full=False)


def read(picture: bytes) -> str:
    """What a scanner sees in a screenshot."""
    import zxingcpp
    from PIL import Image

    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("RGB"))
    return str(found.text)


def owner_of(shop: Premises, phone: str, name: str) -> int:
    with shop.brand as brand:
        identity = IdentityIn.of("phone", phone)
        return int(brand.contacts.resolve([identity], at=brand.now(), origin="test", name=name).contact_id)


def open_batch(shop: Premises, code: str, **changes: Any) -> None:
    with shop.brand as brand:
        batches = coupons_of(brand).batches
        batches.create(
            {
                "code": code,
                "title": "新客满减券",
                "terms": "每单限用一张，不与其他优惠同享。\n生鲜商品除外。",
                "rule": {"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000},
                "validity": {"kind": "natural", "days": 7},
                **changes,
            }
        )
        batches.open(code)


def test_a_coupon_goes_from_a_personal_link_to_the_counter(shop, new_phone):
    contact = owner_of(shop, "13800138000", "王小明")
    open_batch(shop, "SPRING")
    with shop.brand as brand:
        stores = coupons_of(brand).carts.stores
        stores.add_store("sh01", "上海一店")
        stores.add_clerk("li", "271828", name="小李", store="sh01", role="manager")
        link = brand.consumers.link(contact, "coupon-threshold/b/SPRING")
    phone = new_phone()
    phone.goto(link)
    keep(phone, "link")
    phone.fill("[name=digits]", "8000")
    phone.locator("form button").tap()
    phone.wait_for_url("**/b/SPRING")
    keep(phone, "claim")
    phone.locator("button.big").dblclick()
    phone.wait_for_url("**/c/*")
    coupon_address = phone.url
    phone.go_back(wait_until="networkidle")
    phone.reload()
    assert phone.locator("button.big").count() == 0 and phone.locator("text=查看我的券").count() == 1
    phone.goto(coupon_address)
    keep(phone, "coupon")
    scanned = read(phone.screenshot())
    assert scanned.startswith(f"{shop.base}/p/acme/coupon-threshold/clerk?t=ct.")
    with shop.brand:
        # The other tests of this server have coupons of other people.
        mine = execute("SELECT count(*) FROM coupon_threshold_coupon WHERE contact_id = ?", (contact,))
        assert mine.fetchone() == (1,)
    phone.goto(f"{shop.base}/p/acme/coupon-threshold/mine")
    keep(phone, "mine")

    clerk = new_phone()
    clerk.goto(scanned)  # a telephone's camera opens what it reads
    keep(clerk, "clerk-sign-in")
    for name, value in (("store", "sh01"), ("clerk", "li"), ("pin", "271828")):
        clerk.fill(f"[name={name}]", value)
    clerk.locator("main button[type=submit]").tap()
    clerk.wait_for_selector("[data-reason=usable]")  # what was scanned before signing in is looked up at once
    assert "王**" in clerk.inner_text("main") and "小明" not in clerk.inner_text("main")
    keep(clerk, "clerk-scan")
    clerk.fill("[name=amount]", "350.00")
    clerk.fill("[name=ticket]", "T-0001")
    clerk.locator("button.big").dblclick()
    clerk.wait_for_url("**/clerk/r/*")
    assert "核销成功" in clerk.inner_text("main") and "320.00" in clerk.inner_text("main")
    keep(clerk, "clerk-redeemed")
    clerk.goto(scanned)
    clerk.wait_for_selector("[data-reason=used]")
    assert "上海一店" in clerk.inner_text("[role=alert]") and "小李" in clerk.inner_text("[role=alert]")
    keep(clerk, "clerk-second-scan")
    with shop.brand:
        rows = execute("SELECT discount_minor, ticket FROM coupon_threshold_redemption").fetchall()
        assert [tuple(row) for row in rows] == [(3_000, "T-0001")]
    phone.goto(coupon_address)
    assert "上海一店" in phone.inner_text("main") and phone.locator("svg").count() == 0
    keep(phone, "coupon-used")

    friend = new_phone()
    friend.goto(link)
    assert "此链接已经使用过" in friend.inner_text("h1")
    keep(friend, "link-forwarded")
    friend.locator("text=先看看").tap()
    friend.wait_for_url("**/b/SPRING")
    assert "登录后领取" in friend.inner_text("main")


def test_a_visitor_joins_by_a_code_without_script_and_comes_back_to_the_task(shop, new_phone):
    open_batch(shop, "TASK", gate={"tasks": [{"task": "joined"}, {"task": "checked-in", "times": 3}]})
    phone = new_phone(java_script_enabled=False, color_scheme="dark")
    phone.goto(f"{shop.base}/p/acme/coupon-threshold/b/TASK?lang=en")
    keep(phone, "task-visitor-dark")
    phone.locator("text=Sign in to claim it").tap()
    phone.wait_for_url("**/-/join?*")
    phone.fill("[name=phone]", "13900139000")
    phone.check("[name=privacy]")
    assert not phone.is_checked("[name=marketing]")
    keep(phone, "join-dark")
    phone.locator("main button").first.tap()
    phone.wait_for_url("**/-/code")
    with shop.brand:
        (body,) = execute("SELECT body FROM message ORDER BY id DESC LIMIT 1").fetchone()
    phone.fill("[name=code]", re.search(r"\d{6}", body).group())
    keep(phone, "code-dark")
    phone.locator("main form button").tap()
    phone.wait_for_url("**/b/TASK")
    assert "Days to check in: 3" in phone.inner_text("main") and "0/3" in phone.inner_text("main")
    keep(phone, "task-progress-dark")
    assert phone.locator("button.big").is_disabled()


def test_a_code_from_a_parcel_is_entered_on_a_phone(shop, new_phone):
    contact = owner_of(shop, "13800138077", "李雷")
    with shop.brand as brand:
        here = coupons_of(brand)
        here.batches.create(
            {
                "code": "PARCEL",
                "title": "包裹卡兑换券",
                "rule": {"kind": "cash", "off_minor": 1_000},
                "validity": {"kind": "natural", "days": 30},
                "codes": "handed-out",
            }
        )
        here.pools.draw("PARCEL", 1)
        here.batches.open("PARCEL")
        (printed,) = here.pools.printed("PARCEL")
        link = brand.consumers.link(contact, "coupon-threshold/b/PARCEL")
    phone = new_phone()
    phone.goto(link)
    phone.fill("[name=digits]", "8077")
    phone.locator("form button").tap()
    phone.wait_for_url("**/b/PARCEL")
    keep(phone, "code-offer")
    phone.goto(f"{shop.base}/p/acme/coupon-threshold/mine")
    phone.fill("[name=code]", printed[:-1] + ("2" if printed[-1] != "2" else "3"))
    phone.locator("main form button").tap()
    phone.wait_for_selector("[role=alert]")
    assert "请逐位核对" in phone.inner_text("[role=alert]")
    keep(phone, "code-wrong")
    phone.fill("[name=code]", printed.lower())
    phone.locator("main form button").dblclick()
    phone.wait_for_url("**/c/*")
    assert printed in phone.inner_text("main")
    keep(phone, "code-coupon")
    phone.goto(f"{shop.base}/p/acme/coupon-threshold/mine")
    assert "包裹卡兑换券" in phone.inner_text("main")
    keep(phone, "code-mine")
    with shop.brand:
        assert execute("SELECT count(*) FROM coupon_threshold_coupon WHERE contact_id = ?", (contact,)).fetchone() == (1,)
