"""A customer and a clerk in real browsers: link, claim, QR code, scan, redeem; and joining by a code of the console.

Screenshots go to the folder that SCRM_TEST_ARTEFACTS names, else beside the test's own files.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scrm_core.db.bulk import execute
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn
from scrm_coupon_threshold.service import coupons_of

SCRM = [sys.executable, "-m", "scrm_core.cli"]
PHONE = {"width": 390, "height": 844}
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


@dataclass
class Shop:
    """A served project, and an installation beside the server."""

    base: str
    beside: Installation

    @property
    def brand(self) -> Any:
        return self.beside.brand("acme")


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("coupon-shop")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    (folder / "brands").mkdir()
    (folder / "scrm.toml").write_text(f'database_url = "sqlite:data"\nbase_url = "{base}"\n')
    (folder / "brands" / "acme.toml").write_text(BRAND, encoding="utf-8")
    beside = Installation.open(folder)
    beside.migrate()
    log = folder / "log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SCRM_")}
    with log.open("w") as errors:
        server = subprocess.Popen(
            [*SCRM, "run", "--port", str(port), "--workers", "1"],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True,
        )  # fmt: skip
    try:
        assert server.stdout is not None
        line = next((line for line in server.stdout if line.startswith("Serving ")), "")
        assert base in line, log.read_text("utf-8")
        yield Shop(base, beside)
    finally:
        beside.close()
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def chromium():
    """A real browser; skips without one."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        words = "a browser is missing: on Debian, sudo apt install chromium"
        if os.environ.get("SCRM_TEST_REQUIRE") == "all":
            pytest.fail(words)
        pytest.skip(words)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def new_phone(chromium, shop):
    """A function that opens a phone-sized browser; at the end none has complained or asked elsewhere."""
    phones = []

    def make(**options: Any) -> Any:
        context = chromium.new_context(
            viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN", **options
        )
        page = context.new_page()
        page.complaints, page.asked = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        phones.append(page)
        return page

    yield make
    for page in phones:
        assert page.complaints == []
        assert [url for url in page.asked if not url.startswith((shop.base, "data:"))] == []
        page.context.close()


@pytest.fixture
def keep(tmp_path):
    """A function that keeps a screenshot, after looking whether the page fits a phone."""
    folder = Path(os.environ.get("SCRM_TEST_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page: Any, name: str) -> bytes:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
        small = page.evaluate(
            "[...document.querySelectorAll('a.button, button, input:not([type=hidden]):not([type=checkbox])')]"
            ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
        )
        assert small == [], name
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), button')]"
            ".filter(e => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute('aria-label'))"
            ".map(e => e.outerHTML)"
        )
        assert unnamed == [], name
        return page.screenshot(path=str(folder / f"coupon-pages-{name}.png"))

    return shoot


def read(picture: bytes) -> str:
    """What a scanner sees in a screenshot."""
    import zxingcpp
    from PIL import Image

    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("RGB"))
    return str(found.text)


def owner_of(shop: Shop, phone: str, name: str) -> int:
    with shop.brand as brand:
        identity = IdentityIn.of("phone", phone)
        return int(brand.contacts.resolve([identity], at=brand.now(), origin="test", name=name).contact_id)


def open_batch(shop: Shop, code: str, **changes: Any) -> None:
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


def test_a_coupon_goes_from_a_personal_link_to_the_counter(shop, new_phone, keep):
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
    scanned = read(keep(phone, "coupon"))
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


def test_a_visitor_joins_by_a_code_without_script_and_comes_back_to_the_task(shop, new_phone, keep):
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
    assert "Check in on 3 days" in phone.inner_text("main") and "0/3" in phone.inner_text("main")
    keep(phone, "task-progress-dark")
    assert phone.locator("button.big").is_disabled()


def test_a_code_from_a_parcel_is_entered_on_a_phone(shop, new_phone, keep):
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
