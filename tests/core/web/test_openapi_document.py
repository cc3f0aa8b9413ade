"""The OpenAPI document says what the routes do, and its viewer needs nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from openapi_spec_validator import validate

import scrm_core.web
from scrm_core.services.keys import CORE_SCOPES
from scrm_core.web.routes import ROUTES

WEB = Path(scrm_core.web.__file__).parent


@pytest.fixture(params=["sqlite"])
def engine(request):
    return request.param


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").get_json()


def test_the_document_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    validate(document)


def test_every_route_is_described_with_its_permission(document):
    described = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    expected = {(route.method, "/api/v1/{brand}" + re.sub(r"<(\w+)>", r"{\1}", route.path)) for route in ROUTES}
    assert set(described) == expected
    for operation in described.values():
        assert operation["summary"]
        assert operation["security"] == [{"key": []}]
        assert re.search(r"scope `[a-z-]+:[a-z]+`", operation["description"])


def test_every_writing_route_takes_an_idempotency_key_and_every_list_its_page(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            names = {parameter["name"] for parameter in operation["parameters"]}
            assert ("Idempotency-Key" in names) == (method != "get"), path
            assert ("limit" in names) == ("cursor" in names), path


def test_every_core_scope_is_some_routes_permission():
    assert {route.permission for route in ROUTES} == set(CORE_SCOPES)


def test_paths_and_operations_are_unique():
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    assert len({route.operation for route in ROUTES}) == len(ROUTES)


def test_beside_the_table_there_are_only_the_few_public_addresses(client):
    rules = {rule.rule for rule in client.application.url_map.iter_rules()}
    public = {
        "/",
        "/healthz",
        "/readyz",
        "/metrics",
        "/l/<code>",
        "/partner-messages/<brand>/<key>",
        "/api/openapi.json",
        "/api/docs",
        "/static/<path:filename>",
    }
    assert rules == public | {
        "/api/v1/<brand>/plugins/<plugin>/<path:rest>",
        "/p/<brand>/<plugin>/<path:rest>",
        # Addresses that lead nowhere, said in the customer's language.
        *("/p/<brand>", "/p/<brand>/", "/p/<brand>/<plugin>", "/p/<brand>/<plugin>/"),
    }


@pytest.mark.parametrize("path", ["/", "/api/docs"])
def test_pages_load_nothing_from_elsewhere_and_run_no_inline_script(client, path):
    response = client.get(path)
    page = response.get_data(as_text=True)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"""(?:src|href|action)=["'](?!/)""", page) == []
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"\bon\w+=|style=", page)
    for asset in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert client.get(asset).status_code == 200


def test_static_files_name_no_other_host():
    for path in [*WEB.glob("static/*"), *WEB.rglob("templates/**/*.html")]:
        text = path.read_text("utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "").replace("// ", "")
        assert not re.search(r"https?://|//[a-z]", text), path.name


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd"]
)
def test_static_files_stay_in_their_folder(client, path):
    assert client.get(path).status_code == 404
