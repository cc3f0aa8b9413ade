"""A recipient's way in a real browser: short link, landing page, button, and the state arrives at the target."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from phones import PHONE
from served import Premises, make, serving

from scrm_core.clock import MS_PER_DAY
from scrm_core.db.bulk import execute
from scrm_sms.plans.service import Plans
from scrm_sms.results import landing

BRAND = '[brand]\nid = "acme"\nname = "Acme 母婴"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n[plugins.sms]\n'
WECHAT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"
)
TEXT = "添加专属顾问，领取 30 元新客券\n前 1000 名再送纸尿裤试用装一包\n每位顾客限领一次"
WELCOME = "您好，我是 Acme 的育儿顾问小雅，宝宝几个月大了？有任何用品问题都可以问我。"


class _Target(http.server.BaseHTTPRequestHandler):
    """Stands in for the page of a WeCom acquisition link and keeps what it was asked for."""

    asked: list[str] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        body = "<h1>已到达</h1>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def target() -> Iterator[str]:
    """The base address of the place where the button leads."""
    _Target.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Target)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Premises]:
    """A served project whose brand has the SMS plugin."""
    folder = tmp_path / "shop"
    made = Premises(*make(folder, {"acme": BRAND}))
    with serving(folder, made.base):
        yield made
    made.installation.close()


def plan(brand, target):
    Plans(brand, brand.plugins["sms"].settings).create("MAY", actor="ann")
    day = brand.now() // MS_PER_DAY * MS_PER_DAY - 8 * 3_600_000
    landing.set_landing(
        brand, "MAY", actor="ann", title="新客见面礼，领了再下单", activity="五月新客券 满 99 减 30", text=TEXT,
        starts_at=day, ends_at=day + 8 * MS_PER_DAY, welcome=WELCOME, button="添加顾问，立即领取",
        target=f"{target}/ca/cawcde42?customer_channel={{state}}",
    )  # fmt: skip
    brand.channels.ensure("sms-may", "SMS May")
    (link,) = brand.links.create_many("sms-may", landing.url_of(brand, "MAY"), 1, owner="sms", campaign="MAY")
    return link


def test_a_recipient_taps_through_from_the_sms_to_the_brand(shop, phones, target):
    with shop.brand as brand:
        link = plan(brand, target)
    mine = phones(shop.base, user_agent=WECHAT, java_script_enabled=False)
    phone = mine.open(link.path)
    assert phone.inner_text("h1") == "新客见面礼，领了再下单"
    assert WELCOME in phone.inner_text("main")
    assert all(url.startswith(shop.base) for url in mine.asked)
    assert mine.complaints == []
    button = phone.locator("a.button")
    box = button.bounding_box()
    assert box["height"] >= 44 and box["y"] + box["height"] <= PHONE["height"]
    assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
    widths = phone.locator("html").bounding_box()
    assert widths["width"] == PHONE["width"]
    # The policy of the page lets its style in: the button is round and filled.
    look = button.evaluate("e => [getComputedStyle(e).borderRadius, getComputedStyle(e).backgroundColor]")
    assert look == ["999px", "rgb(11, 110, 79)"]
    button.tap()
    phone.wait_for_url(f"{target}/**")
    mine.away = True  # on purpose: this button leads to the brand's own place
    assert phone.inner_text("h1") == "已到达"
    asked = [path for path in _Target.asked if path.startswith("/ca/")]
    assert [parse_qs(urlsplit(path).query) for path in asked] == [{"customer_channel": [link.code]}]
    with shop.brand:
        assert execute("SELECT link_id FROM sms_press").fetchall() == [(link.id,)]
        assert execute("SELECT link_id, bot FROM visit").fetchall() == [(link.id, 0)]
