"""Browsers on the coupon pages: a customer's, and a clerk's in a shop."""

from __future__ import annotations

import io
import re
from typing import Any

import zxingcpp
from flask.testing import FlaskClient
from PIL import Image
from signing import PAGE, fields, sign_in
from werkzeug.test import TestResponse

ROOT = "/p/acme/coupon-threshold/"
PIN = "271828"


def customer(scene: Any, app: Any, contact: int) -> FlaskClient:
    """A browser in which a contact is signed in."""
    browser: FlaskClient = app.test_client()
    sign_in(browser, scene.acme, contact)
    return browser


def staff(scene: Any, *, role: str = "clerk", code: str = "li", store: str = "sh01", contact: str | None = None) -> None:
    """A shop with a clerk."""
    with scene.acme:
        stores = scene.coupons().carts.stores
        stores.add_store(store, f"Shop {store}")
        stores.add_clerk(code, PIN, name=f"Clerk {code}", store=store, role=role, contact=contact)


def on_duty(app: Any, *, code: str = "li", store: str = "sh01", pin: str = PIN) -> FlaskClient:
    """A browser in which a clerk has signed in."""
    browser: FlaskClient = app.test_client()
    assert enter(browser, code=code, store=store, pin=pin).status_code == 303
    return browser


def enter(browser: FlaskClient, *, code: str = "li", store: str = "sh01", pin: str = PIN) -> TestResponse:
    page = browser.get(f"{ROOT}clerk")
    return browser.post(f"{ROOT}clerk/sign-in", data=fields(page, "sign-in", store=store, clerk=code, pin=pin))


def look_up(browser: FlaskClient, text: str) -> TestResponse:
    """Scan or type a code."""
    page = browser.get(f"{ROOT}clerk")
    return browser.post(f"{ROOT}clerk/scan", data=fields(page, "/scan", text=text), headers=PAGE)


def redeem(browser: FlaskClient, scanned: TestResponse, amount: str, ticket: str) -> TestResponse:
    """Confirm what was scanned."""
    form = fields(scanned, "/redeem", amount=amount, ticket=ticket)
    return browser.post(f"{ROOT}clerk/redeem", data=form, headers=PAGE)


def claim(browser: FlaskClient, code: str) -> TestResponse:
    """Press the button of a claim page."""
    page = browser.get(f"{ROOT}b/{code}")
    return browser.post(f"{ROOT}b/{code}/claim", data=fields(page, "/claim"), headers=PAGE)


def printed_code(page: TestResponse) -> str:
    """The code on a coupon's page."""
    return re.search(r'<p class="code">([^<]+)</p>', page.text).group(1)


def qr_text(page: TestResponse) -> str:
    """What a scanner reads from the QR code on a page: its modules, drawn as a scanner sees them."""
    svg = re.search(r"<svg.*?</svg>", page.text, re.DOTALL).group()
    return decode(svg)


def decode(svg: str) -> str:
    """Draw the path that segno writes (M x y, h, m) and read it with an independent reader."""
    width = int(float(re.search(r'viewBox="0 0 (\d+)', svg).group(1)))
    image = Image.new("L", (width, width), 255)
    path = re.search(r'<path[^>]* d="([^"]+)"', svg).group(1)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmhv])([^Mmhv]*)", path):
        values = [float(each) for each in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "M":
            x, y = values
        elif command == "m":
            x, y = x + values[0], y + values[1]
        else:
            for step in range(int(values[0])):
                image.putpixel((int(x) + step, int(y - 0.5)), 0)
            x += values[0]
    return zxingcpp.read_barcodes(image.resize((width * 8, width * 8), Image.Resampling.NEAREST))[0].text


def picture(data: bytes) -> str:
    """What a scanner reads from a screenshot."""
    return zxingcpp.read_barcodes(Image.open(io.BytesIO(data)).convert("RGB"))[0].text
