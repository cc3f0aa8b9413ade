"""Callers of a brand from outside: a client of its API with a key, and a browser on its pages for customers."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from .shop import Shop

_HIDDEN = re.compile(r'<input type="hidden" name="(?P<name>\w+)" value="(?P<value>[^"]*)">')


class ApiClient:
    """Calls of one API key: ``shop.client("big-spender:read").get("plugins/big-spender/count")``.

    Paths are below ``/api/v1/BRAND/``. Every method returns the response.
    """

    def __init__(self, shop: Shop, key: str) -> None:
        self._shop = shop
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = shop.app.web.test_client(use_cookies=False)

    def of(self, shop: Shop) -> ApiClient:
        """The same key, tried on another brand's addresses."""
        self._shop = shop
        return self

    def open(self, method: str, path: str, body: Any = None, **query: Any) -> TestResponse:
        """Any method; ``body`` is sent as JSON, ``query`` in the address."""
        return self._client.open(
            f"/api/v1/{self._shop.id}/{path.lstrip('/')}", method=method, headers=self._headers, json=body,
            query_string=query,
        )  # fmt: skip

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.open("GET", path, **query)

    def post(self, path: str, body: Any = None, **query: Any) -> TestResponse:
        return self.open("POST", path, {} if body is None else body, **query)

    def put(self, path: str, body: Any = None, **query: Any) -> TestResponse:
        return self.open("PUT", path, {} if body is None else body, **query)

    def delete(self, path: str, **query: Any) -> TestResponse:
        return self.open("DELETE", path, **query)


class Visitor:
    """A browser on the brand's pages for customers; paths are below ``/p/BRAND/``."""

    def __init__(self, shop: Shop, session: str = "") -> None:
        self._shop = shop
        self._client: FlaskClient = shop.app.web.test_client()
        if session:
            self._client.set_cookie("scrm_session", session, domain="localhost", path=f"/p/{shop.id}/")

    def get(self, path: str, **query: Any) -> TestResponse:
        return self._client.get(self._path(path), query_string=query, headers={"Accept": "text/html"})

    def submit(self, page: TestResponse, action: str = "", **fields: Any) -> TestResponse:
        """Send a form of a page, with its hidden fields and what the visitor fills in.

        ``action`` is part of the form's address; the first form when left out.
        """
        text = page.get_data(as_text=True)
        for form in re.findall(r"<form.*?</form>", text, re.DOTALL):
            head = form.partition(">")[0]
            if action in head:
                hidden = {m["name"]: unescape(m["value"]) for m in _HIDDEN.finditer(form)}
                target = re.search(r'action="([^"]*)"', head)
                path = unescape(target[1]) if target and target[1] else page.request.path
                return self._client.post(path, data=hidden | fields, headers={"Accept": "text/html"})
        raise AssertionError(f"no form {action!r} on the page: {text[:2_000]}")

    def post(self, path: str, **fields: Any) -> TestResponse:
        return self._client.post(self._path(path), data=fields)

    def _path(self, path: str) -> str:
        return path if path.startswith("/p/") else f"/p/{self._shop.id}/{path.lstrip('/')}"
