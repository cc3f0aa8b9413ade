"""Products: told as often as their source likes, stored once, their attributes findable as rows."""

from __future__ import annotations

import pytest

from scrm_core.db.bulk import execute
from scrm_core.errors import Invalid, NotFound
from scrm_core.services.products import MAX_ATTRIBUTES, ProductIn

PANTS = ProductIn("P-1", "Pants", "baby/diaper/pants", 12_900, 6_000, {"size": "L", "颜色": "白"})


def put(brand, *products):
    return [result.outcome for result in brand.products.upsert_many(products)]


def attributes():
    rows = execute(
        "SELECT p.sku, a.name, a.value FROM product_attribute a JOIN product p ON p.id = a.product_id"
    ).fetchall()
    return {tuple(row) for row in rows}


def test_a_product_is_kept_as_given_and_its_attributes_are_rows(brand, other, clock):
    with brand:
        assert put(brand, PANTS) == ["created"]
        kept = brand.products.get("P-1")
        assert (kept.title, kept.category, kept.price_minor, kept.cost_minor) == (
            "Pants", "baby/diaper/pants", 12_900, 6_000,
        )  # fmt: skip
        assert (kept.attributes, kept.updated_at) == ({"size": "L", "颜色": "白"}, clock.now())
        assert attributes() == {("P-1", "size", "L"), ("P-1", "颜色", "白")}
    with other:
        with pytest.raises(NotFound):
            other.products.get("P-1")
        assert attributes() == set() and other.products.page() == []
        assert put(other, ProductIn("P-1", "theirs")) == ["created"]
    with brand:
        assert brand.products.get("P-1") == kept


def test_the_same_product_again_changes_nothing(brand, clock):
    with brand:
        put(brand, PANTS)
        before = brand.products.page()
        clock.advance(days=1)
        assert put(brand, PANTS, ProductIn("P-1"), ProductIn(" P-1 ", category="/baby//diaper/ pants/")) == [
            "unchanged", "unchanged", "unchanged",
        ]  # fmt: skip
        assert brand.products.page() == before
        assert len(attributes()) == 2


def test_what_is_not_given_stays_and_what_is_given_replaces(brand, clock):
    with brand:
        put(brand, PANTS)
        first = brand.products.get("P-1")
        clock.advance(days=1)
        assert put(brand, ProductIn("P-1", price_minor=0)) == ["updated"]
        kept = brand.products.get("P-1")
        assert (kept.id, kept.title, kept.price_minor, kept.cost_minor) == (first.id, "Pants", 0, 6_000)
        assert (kept.attributes, kept.updated_at) == (first.attributes, clock.now())
        assert attributes() == {("P-1", "size", "L"), ("P-1", "颜色", "白")}
        assert put(brand, ProductIn("P-1", title="", attributes={"size": "M", "pack": "2"})) == ["updated"]
        assert brand.products.get("P-1").title == ""
        assert attributes() == {("P-1", "size", "M"), ("P-1", "pack", "2")}
        assert put(brand, ProductIn("P-1", attributes={})) == ["updated"]
        assert brand.products.get("P-1").attributes == {}
        assert attributes() == set()


def test_a_product_twice_in_a_batch_is_one_and_the_later_row_counts(brand):
    with brand:
        batch = [
            ProductIn("A", "first", price_minor=1, attributes={"size": "S"}),
            ProductIn("B", "other"),
            ProductIn("A", "second", attributes={"size": "XL"}),
            ProductIn("B", "other"),
        ]
        assert put(brand, *batch) == ["created", "created", "updated", "unchanged"]
        kept = brand.products.get("A")
        assert (kept.title, kept.price_minor) == ("second", 1)
        assert attributes() == {("A", "size", "XL")}
        assert [product.sku for product in brand.products.page()] == ["A", "B"]


@pytest.mark.cases_on_sqlite
@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (ProductIn(""), "sku"),
        (ProductIn("x" * 201), "sku"),
        (ProductIn("A\x00"), "sku"),
        (ProductIn("A", title="\x07"), "title"),
        (ProductIn("A", price_minor=-1), "price_minor"),
        (ProductIn("A", price_minor=9.99), "price_minor"),
        (ProductIn("A", cost_minor=True), "cost_minor"),
        (ProductIn("A", cost_minor=2**53 + 1), "cost_minor"),
        (ProductIn("A", attributes={"": "x"}), "attributes"),
        (ProductIn("A", attributes={"size": 5}), "attributes"),
        (ProductIn("A", attributes={f"a{n}": "x" for n in range(MAX_ATTRIBUTES + 1)}), "attributes"),
    ],
)
def test_a_bad_product_is_answered_with_its_field_and_the_others_are_kept(brand, bad, field):
    with brand:
        good, refused, last = brand.products.upsert_many([ProductIn("G-1"), bad, ProductIn("G-2")])
        assert (good.outcome, last.outcome) == ("created", "created")
        assert isinstance(refused, Invalid) and refused.field == field
        assert [product.sku for product in brand.products.page()] == ["G-1", "G-2"]


def test_a_batch_of_nothing_is_nothing(brand):
    with brand:
        assert brand.products.upsert_many([]) == []
        assert brand.products.page() == []


def test_pages_of_products_follow_one_another(brand):
    with brand:
        put(brand, *(ProductIn(f"S{n}") for n in range(5)))
        first = brand.products.page(limit=2)
        rest = brand.products.page(after=first[-1].id, limit=200)
        assert [product.sku for product in first + rest] == ["S0", "S1", "S2", "S3", "S4"]
        for limit in (0, 201):
            with pytest.raises(Invalid):
                brand.products.page(limit=limit)


UPSERT = """
from scrm_core.services.products import ProductIn

def run(brand, worker):
    numbers = range(30) if worker % 2 else reversed(range(30))
    rows = [ProductIn(f"S{n}", f"by {worker}", attributes={"worker": str(worker), "n": str(n)}) for n in numbers]
    return [result.outcome for result in brand.products.upsert_many(rows)]
"""


def test_processes_that_tell_the_same_products_at_once_make_each_once(installation, brand, other, together):
    answers = together(installation, UPSERT, 4)
    assert sum(answer.count("created") for answer in answers) == 30
    assert sum(answer.count("updated") for answer in answers) == 90
    with brand:
        products = brand.products.page(limit=200)
        assert sorted(product.sku for product in products) == sorted(f"S{n}" for n in range(30))
        # Title and attributes come from one and the same process, in columns and in rows.
        assert all(product.title == f"by {product.attributes['worker']}" for product in products)
        assert attributes() == {(p.sku, name, value) for p in products for name, value in p.attributes.items()}
    with other:
        assert other.products.page() == []
