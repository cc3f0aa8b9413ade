"""Each route of the API, the plugins' too, is closed to everybody but a key of its brand that has its scope.

The routes are read from the OpenAPI document and the plugins' tables: a new one is tried without being named here.
"""

from __future__ import annotations

import json
from typing import Any

from described_routes import Operation, operations, told
from shop_scene import PLUGINS, bundled

from scrm_core.services.keys import CORE_SCOPES


def new_key(installation: Any, brand: str, *scopes: str) -> str:
    with installation.brand(brand) as entered:
        return str(entered.keys.create("test", scopes)[1])


def test_every_bundled_plugin_is_switched_on_and_every_operation_states_a_known_scope(doors):
    assert set(bundled()) == set(PLUGINS)
    known = dict(CORE_SCOPES)
    for cls in bundled().values():
        known.update(cls.permissions)
    for operation in operations():
        assert operation.permission in known, operation
    listed = {each.path for each in operations()}
    for name, cls in bundled().items():
        has = any(path.startswith(f"/plugins/{name}/") for path in listed)
        assert has == bool(cls.permissions), name


def test_the_reader_of_the_document_sees_an_operation_that_states_no_scope(monkeypatch):
    operations.cache_clear()
    open_one = {"paths": {"/api/v1/{brand}/open": {"get": {"description": "for everybody"}}}}
    with monkeypatch.context() as patched:
        patched.setattr("described_routes.document", lambda: open_one)
        assert operations() == (Operation("GET", "/open", ""),)
    operations.cache_clear()


def test_without_a_good_key_every_route_gives_the_one_answer(doors):
    client, installation = doors
    revoked = new_key(installation, "acme", "*")
    key_id = revoked.partition(".")[2].partition("_")[0]
    near = revoked[:-1] + ("0" if revoked[-1] != "0" else "1")
    with installation.brand("acme") as brand:
        brand.keys.revoke(key_id)
    answers = {
        repr(told(client, operation, brand, key))
        for operation in operations()
        for brand, key in (("acme", None), ("acme", revoked), ("acme", near), ("nosuch", None))
    }
    assert len(answers) == 1
    assert answers.pop().startswith("(401, ")


def test_a_key_of_another_brand_meets_nothing_on_every_route(doors, shop):
    client, _ = doors
    answers = {
        repr(told(client, operation, brand, shop.keys["moonco"]))
        for operation in operations()
        for brand in ("acme", "nosuch")
    }
    assert len(answers) == 1
    assert answers.pop().startswith("(404, ")


def test_every_route_refuses_a_key_that_has_every_scope_but_its_own_and_takes_one_that_has_only_its_own(doors):
    client, installation = doors
    with installation.brand("acme") as brand:
        every = sorted(brand.keys.permissions())
    for scope in sorted({operation.permission for operation in operations()}):
        lacking = new_key(installation, "acme", *(each for each in every if each != scope))
        having = new_key(installation, "acme", scope)
        for operation in (each for each in operations() if each.permission == scope):
            status, _, text = told(client, operation, "acme", lacking)
            assert (status, json.loads(text)["code"]) == (403, "forbidden"), operation
            assert scope in json.loads(text)["detail"], operation
            assert told(client, operation, "acme", having)[0] not in (401, 403), operation
