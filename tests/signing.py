"""Signed-in customers for tests of pages, and the fields that their forms carry.

::

    client = create_app(installation).test_client()
    person = sign_in(client, brand, contact_id)
    page = client.get("/p/acme/coupon-threshold/mine")
    client.post("/p/acme/coupon-threshold/claim/x", data=fields(page))
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scrm_core.brands import Brand
from scrm_core.consumers import Consumer

_FIELD = re.compile(r'<input type="hidden" name="(?P<name>\w+)" value="(?P<value>[^"]*)">')
PAGE = {"Accept": "text/html"}
SCRIPT = {"Accept": "application/json"}


def sign_in(client: FlaskClient, brand: Brand, contact_id: int, *, via: str = "phone-code") -> Consumer:
    """Sign a test client in for a contact, as if it had joined by a code; returns the session."""
    with brand:
        person = brand.consumers.sign_in(contact_id, via, strong=via != "link")
        signed = brand.consumers.seals.sign("session", person.session)
    client.set_cookie("scrm_session", signed, domain="localhost", path=f"/p/{brand.id}/")
    return person


def fields(page: TestResponse, form: str = "", **more: Any) -> dict[str, Any]:
    """The hidden fields of a page's form (the first one, or the one whose action contains ``form``) and more."""
    text = page.get_data(as_text=True)
    forms = [part for part in re.findall(r"<form.*?</form>", text, re.DOTALL) if form in part.partition(">")[0]]
    assert forms, f"no form {form!r} on the page: {text[:2_000]}"
    return {m["name"]: unescape(m["value"]) for m in _FIELD.finditer(forms[0])} | more
