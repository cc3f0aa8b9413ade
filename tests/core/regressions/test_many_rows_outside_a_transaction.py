"""Rows written in one go outside a transaction reach the brand that is entered."""

from __future__ import annotations

from scrm_core.db.bulk import execute, update_rows
from scrm_core.services.contacts import IdentityIn

NOON = 1_767_268_800_000


def test_a_connection_that_served_another_brand_writes_to_the_present_one(brand, other):
    for each in (brand, other):
        with each:
            each.contacts.resolve([IdentityIn("buyer", "b1", "shop")], at=NOON, origin="shop")
    with brand:
        execute("SELECT 1").fetchall()
    with other:
        update_rows("UPDATE contact SET name = ? WHERE name <> ?", [("first", "first"), ("moon", "moon")])
        assert execute("SELECT name FROM contact").fetchall() == [("moon",)]
    with brand:
        assert execute("SELECT name FROM contact").fetchall() == [("",)]
