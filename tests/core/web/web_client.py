"""Calls to the API in tests, and the one shape of its errors."""

from __future__ import annotations

import json
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from scrm_core.brands import Brand


def new_key(brand: Brand, *scopes: str) -> str:
    """A full API key of a brand, with every scope unless some are named."""
    with brand:
        return brand.keys.create("test", scopes or ("*",))[1]


class Api:
    """Calls of one key to the API of one brand."""

    def __init__(self, client: FlaskClient, brand_id: str, key: str) -> None:
        self.client = client
        self.brand_id = brand_id
        self.key = key

    def headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}", **(more or {})}

    def path(self, path: str) -> str:
        return f"/api/v1/{self.brand_id}{path}"

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.client.get(self.path(path), headers=self.headers(), query_string=query)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        """POST a JSON value; keyword arguments are headers with ``_`` for ``-``."""
        return self.raw(path, json.dumps(body).encode(), **headers)

    def raw(self, path: str, body: bytes, **headers: str) -> TestResponse:
        """POST bytes as JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            self.path(path), data=body, headers=self.headers({"Content-Type": "application/json", **given})
        )


def assert_problem(
    response: TestResponse, status: int, code: str | None = None, field: str | None = None
) -> dict[str, Any]:
    """Check the one shape of errors and return its members."""
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type == "application/problem+json"
    members = response.get_json()
    assert set(members) - {"field"} == {"type", "title", "status", "detail", "code", "request_id"}
    assert members["status"] == status
    assert members["detail"]
    assert members["type"] == f"urn:scrm:problem:{members['code']}"
    assert members["request_id"] == response.headers["X-Request-Id"]
    if code is not None:
        assert members["code"] == code
    if field is not None:
        assert members["field"] == field
    return members
