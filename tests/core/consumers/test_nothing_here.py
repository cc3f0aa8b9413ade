"""An address that leads nowhere: a person gets the brand's own page in their language, a script gets JSON."""

from __future__ import annotations

import pytest
from signing import PAGE, SCRIPT

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def test_a_person_is_told_in_the_brand_s_frame_and_led_to_their_page(acme, browser):
    addresses = ("", "/", "/shop", "/shop/", "/shop/nowhere", "/shop/lost/x", "/nothing/at-all", "/-/nowhere", "/-/i/abc",
                 "/shop/aborted")  # fmt: skip
    for address in addresses:
        shown = browser.get(f"/p/acme{address}", headers=PAGE)
        assert shown.status_code == 404 and shown.mimetype == "text/html", address
        assert '<html lang="zh-CN">' in shown.text and "<h1>页面不存在</h1>" in shown.text, address
        assert '<a class="button" href="/p/acme/-/me">前往我的页面</a>' in shown.text, address
        assert "no raffle" not in shown.text, address
        assert "script-src 'self'" in shown.headers["Content-Security-Policy"]
        english = browser.get(f"/p/acme{address}?lang=en", headers=PAGE)
        assert "<h1>There is nothing here</h1>" in english.text and "What you asked for was not found" in english.text
        browser.get("/p/acme/shop/room?lang=zh")
        asked = browser.get(f"/p/acme{address}", headers=SCRIPT)
        assert (asked.status_code, asked.mimetype) == (404, "application/problem+json"), address
    unknown = browser.get("/p/nobody/shop/room", headers=PAGE)
    assert unknown.status_code == 404 and "页面不存在" in unknown.text
    assert browser.post("/p/acme/shop/nowhere", headers=PAGE).status_code == 404
