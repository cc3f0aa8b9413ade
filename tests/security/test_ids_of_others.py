"""An id of somebody else's row is answered as one that was made up, on every route and page that takes one."""

from __future__ import annotations

import json
import re
from typing import Any

from described_routes import NOBODY, Operation, operations, told
from real_ids import CHOICES, ids, named_by_id

from scrm_core.db.bulk import execute

# What chooses between a few words that every brand has, or is a day, beside the row's id.
WORDS = ("open", "verify", "accept", "2026-05-01")
# Asks for a person too, in the query.
OF_A_PERSON = "GET /plugins/coupon-threshold/batches/{code}/progress"


def test_every_variable_of_every_route_has_real_ids_in_the_shop(doors):
    installation = doors[1]
    with installation.brand("acme") as brand:
        without = [str(each) for each in named_by_id() if not ids(each, brand)]
    assert without == []
    chosen = [each for each in operations() if each.variables and each not in named_by_id()]
    assert {each.path.partition("{")[0] for each in chosen} == CHOICES


def test_the_ids_are_those_of_rows_that_the_brand_is_told_of(doors, shop):
    """Else every comparison below would compare nothing with nothing."""
    client, installation = doors
    with installation.brand("acme") as brand:
        known = {each: ids(each, brand) for each in named_by_id() if each.method == "GET"}
    silent = [
        str(operation)
        for operation, rows in known.items()
        if all(told(client, operation, "acme", shop.keys["acme"], row)[0] == 404 for row in rows)
    ]
    assert silent == [OF_A_PERSON]


def alike(client: Any, operation: Operation, key: str, values: Any, body: Any, ours: list[str]) -> None:
    """A call with ids of Acme's at Moon Co, against the same call with ids that nobody has."""

    def without(value: Any) -> Any:
        if isinstance(value, str):
            for each in ours:
                value = value.replace(each, NOBODY)
            return value
        if isinstance(value, dict):
            return {name: without(each) for name, each in value.items()}
        return [without(each) for each in value] if isinstance(value, list) else value

    status, headers, text = told(client, operation, "moonco", key, values, body)
    nobodys = told(client, operation, "moonco", key, without(values), without(body))
    assert (status, without(text)) == (nobodys[0], nobodys[2]), operation
    assert headers.get("Content-Type") == nobodys[1].get("Content-Type"), operation


def test_another_brands_id_in_a_path_is_answered_as_one_that_nobody_has(doors, shop):
    client, installation = doors
    with installation.brand("acme") as brand:
        known = {each: ids(each, brand) for each in named_by_id()}
    for operation, rows in known.items():
        for row in rows[:3]:
            ours = [value for value in row.values() if value not in WORDS]
            alike(client, operation, shop.keys["moonco"], row, None, ours)


def test_another_brands_ids_in_a_body_that_its_own_brand_took_are_answered_as_ids_that_nobody_has(doors, shop):
    client, installation = doors
    with installation.brand("acme"):
        people = [uid for (uid,) in execute("SELECT uid FROM contact").fetchall()]
        codes = [code for (code,) in execute("SELECT code FROM koc_member").fetchall()]
    uids, tried = [*people, *codes], 0
    for sent in shop.sent:
        found = [each for each in operations() if each.method == sent.method != "GET" and fits(each, sent.path)]
        if sent.path == "/leads" or not found or not any(uid in json.dumps([sent.path, sent.body]) for uid in uids):
            continue
        plain = Operation(sent.method, sent.path, found[0].permission)
        alike(client, plain, shop.keys["moonco"], {}, sent.body, uids)
        tried += 1
    assert tried >= 10
    with installation.brand("moonco"):
        assert not {uid for (uid,) in execute("SELECT uid FROM contact").fetchall()} & set(people)


def fits(operation: Operation, path: str) -> bool:
    """Whether a path is one of an operation's."""
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), path) is not None
