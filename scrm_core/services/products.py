"""Products (商品): what order lines refer to by SKU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..db import current_handle, transactional
from ..db.bulk import allocate_ids, execute, fetch_in, insert_rows, update_rows
from ..errors import Invalid, NotFound, ScrmError
from ..limits import LIMITS
from ..models import Product, ProductAttribute
from ..values.text import clean_text
from .order_checks import whole
from .resolving import LostRace, settle
from .survivors import begin_writing

if TYPE_CHECKING:
    from ..brands import Brand

MAX_ATTRIBUTES = 100
_COLUMNS = ("id", "sku", "title", "category", "price_minor", "cost_minor", "attributes", "updated_at")
_VIEW = "SELECT id, sku, title, category, price_minor, cost_minor, attributes, updated_at FROM product "


@dataclass(frozen=True, slots=True)
class ProductIn:
    """A product as its source tells it, unique by ``sku``; None leaves what is known as it is.

    ``category`` is a path such as ``baby/diaper/pants``; ``attributes`` (size,
    colour ...) replace all earlier ones. Money is in minor units.
    """

    sku: str
    title: str | None = None
    category: str | None = None
    price_minor: int | None = None
    cost_minor: int | None = None
    attributes: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What became of a product: ``outcome`` is created, updated or unchanged."""

    sku: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ProductView:
    """A stored product."""

    id: int
    sku: str
    title: str
    category: str
    price_minor: int | None
    cost_minor: int | None
    attributes: dict[str, str]
    updated_at: int


class Products:
    """A brand's products; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def upsert_many(self, products: Sequence[ProductIn]) -> list[ProductResult | ScrmError]:
        """Create or update products by SKU; one answer per product, Invalid for bad content.

        Of a SKU that occurs twice the later row counts for what it gives.
        """
        begin_writing()
        answers: list[ProductResult | ScrmError | None] = [None] * len(products)
        checked: list[tuple[int, ProductIn]] = []
        for index, product in enumerate(products):
            try:
                checked.append((index, _checked(product)))
            except Invalid as error:
                answers[index] = error
        for index, answer in settle(lambda: self._write(checked)).items():
            answers[index] = answer
        return answers  # type: ignore[return-value]

    def _write(self, checked: Sequence[tuple[int, ProductIn]]) -> dict[int, ProductResult]:
        hold = "" if current_handle().engine == "sqlite" else " ORDER BY id FOR UPDATE"
        skus = sorted({product.sku for _, product in checked})
        before = {row[1]: _view(row) for row in fetch_in(_VIEW + "WHERE sku IN ({in})" + hold, skus)}
        after: dict[str, ProductView] = {}
        answers: dict[int, ProductResult] = {}
        now = self.brand.now()
        for index, product in checked:
            present = after.get(product.sku) or before.get(product.sku)
            merged = _merged(present, product, now)
            outcome = "created" if present is None else "unchanged" if merged == present else "updated"
            if merged != present:
                after[product.sku] = merged
            answers[index] = ProductResult(product.sku, outcome)
        fresh = [after[sku] for sku in skus if sku in after and sku not in before]
        changed = [after[sku] for sku in skus if sku in after and sku in before]
        ids = dict(zip([p.sku for p in fresh], allocate_ids(Product, len(fresh)) if fresh else (), strict=True))
        rows = [
            (ids[p.sku], p.sku, p.title, p.category, p.price_minor, p.cost_minor, p.attributes or None, now)
            for p in fresh
        ]
        if insert_rows(Product, _COLUMNS, rows, on_conflict="ON CONFLICT (sku) DO NOTHING") != len(rows):
            raise LostRace
        update_rows(
            "UPDATE product SET title = ?, category = ?, price_minor = ?, cost_minor = ?, attributes = ?, "
            "updated_at = ? WHERE id = ?",
            [
                (p.title, p.category, p.price_minor, p.cost_minor, Product.attributes.db_value(p.attributes or None),
                 now, p.id)
                for p in changed
            ],
        )  # fmt: skip
        update_rows("DELETE FROM product_attribute WHERE product_id = ?", [(p.id,) for p in changed])
        insert_rows(
            ProductAttribute,
            ("product_id", "name", "value"),
            [
                (ids.get(p.sku, p.id), name, value)
                for p in fresh + changed
                for name, value in sorted(p.attributes.items())
            ],
        )
        return answers

    def get(self, sku: str) -> ProductView:
        """The product with this SKU; raises NotFound."""
        row = execute(_VIEW + "WHERE sku = ?", (sku,)).fetchone()
        if row is None:
            raise NotFound(f"no product {sku!r}")
        return _view(row)

    def page(self, *, after: int | None = None, limit: int = 50) -> list[ProductView]:
        """Products with ids above ``after``, ascending, at most ``limit``."""
        if not 1 <= limit <= LIMITS.page_rows:
            raise Invalid(f"limit must lie between 1 and {LIMITS.page_rows}", field="limit")
        rows = execute(_VIEW + "WHERE id > ? ORDER BY id LIMIT ?", (after or 0, limit)).fetchall()
        return [_view(row) for row in rows]


def _checked(product: ProductIn) -> ProductIn:
    sku = clean_text(product.sku, field="sku", max_length=LIMITS.name)
    if not sku:
        raise Invalid("a product has a SKU", field="sku")
    title = None if product.title is None else clean_text(product.title, field="title")
    category = None if product.category is None else _category(product.category)
    for value, field in ((product.price_minor, "price_minor"), (product.cost_minor, "cost_minor")):
        if value is not None:
            whole(value, field)
    attributes = None
    if product.attributes is not None:
        if len(product.attributes) > MAX_ATTRIBUTES:
            raise Invalid(f"at most {MAX_ATTRIBUTES} attributes are allowed", field="attributes")
        attributes = {
            clean_text(name, field="attributes", max_length=LIMITS.name): clean_text(
                value, field="attributes", max_length=LIMITS.name
            )
            for name, value in product.attributes.items()
        }
        if "" in attributes:
            raise Invalid("an attribute has a name", field="attributes")
    return ProductIn(sku, title, category, product.price_minor, product.cost_minor, attributes)


def _category(value: object) -> str:
    """The path without empty steps: ``/baby//diaper/`` is ``baby/diaper``."""
    path = clean_text(value, field="category", max_length=LIMITS.name)
    return "/".join(step for step in (part.strip() for part in path.split("/")) if step)


def _merged(present: ProductView | None, product: ProductIn, now: int) -> ProductView:
    base = present or ProductView(0, product.sku, "", "", None, None, {}, now)
    return ProductView(
        base.id,
        base.sku,
        base.title if product.title is None else product.title,
        base.category if product.category is None else product.category,
        base.price_minor if product.price_minor is None else product.price_minor,
        base.cost_minor if product.cost_minor is None else product.cost_minor,
        base.attributes if product.attributes is None else dict(product.attributes),
        base.updated_at,
    )


def _view(row: tuple[Any, ...]) -> ProductView:
    return ProductView(*row[:6], Product.attributes.python_value(row[6]) or {}, row[7])
