"""Eligibility (适用范围): which lines of a cart an offer counts and discounts, and where it may be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scrm_core.api import CartLine

from .fields import Fields


@dataclass(frozen=True, slots=True)
class Scope:
    """Lines, places and persons an offer is good for; empty lists mean everywhere and everything.

    Categories are paths such as ``baby/diapers`` and include what lies below
    them. Excluding wins over including. ``exclude_special`` leaves goods at a
    special price (特价商品) out. ``automatic`` offers (满减活动) need no coupon.
    ``first_order``: only a buyer without a valid order in any channel.
    ``tags`` (会员等级): only a customer who carries one of these (group, tag) now.
    """

    skus: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    exclude_skus: tuple[str, ...] = ()
    exclude_categories: tuple[str, ...] = ()
    exclude_special: bool = False
    automatic: bool = False
    first_order: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    channels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()

    def covers(self, line: CartLine) -> bool:
        """Whether a line counts to the threshold and gets a share; gift lines never do."""
        if line.gift or (self.exclude_special and line.special):
            return False
        if line.sku in self.exclude_skus or _inside(line.category, self.exclude_categories):
            return False
        if not self.skus and not self.categories:
            return True
        return line.sku in self.skus or _inside(line.category, self.categories)

    def eligible(self, lines: Sequence[CartLine]) -> tuple[int, ...]:
        """The places of the lines it covers."""
        return tuple(place for place, line in enumerate(lines) if self.covers(line))

    def as_dict(self) -> dict[str, Any]:
        """The JSON that :func:`read_scope` reads; channels and stores are kept apart from it."""
        lists = {key: list(getattr(self, key)) for key in _LISTS if getattr(self, key)}
        tags = {"tags": [{"group": group, "tag": tag} for group, tag in self.tags]} if self.tags else {}
        return lists | {key: True for key in _FLAGS if getattr(self, key)} | tags


_LISTS = ("skus", "categories", "exclude_skus", "exclude_categories")
_FLAGS = ("exclude_special", "automatic", "first_order")
MOST_TAGS = 20


def read_scope(value: Any) -> Scope:
    """The scope that a JSON object describes; None and {} are everything.

    Raises Invalid naming the field, below ``scope``.
    """
    given = Fields({} if value is None else value, "scope")
    scope = Scope(
        skus=given.texts("skus"),
        categories=_paths(given.texts("categories")),
        exclude_skus=given.texts("exclude_skus"),
        exclude_categories=_paths(given.texts("exclude_categories")),
        exclude_special=given.flag("exclude_special"),
        automatic=given.flag("automatic"),
        first_order=given.flag("first_order"),
        tags=_tags(given),
    )
    given.done()
    return scope


def _tags(given: Fields) -> tuple[tuple[str, str], ...]:
    named = []
    for item in given.objects("tags", MOST_TAGS, 0):
        named.append((item.text("group"), item.text("tag")))
        item.done()
    return tuple(sorted(set(named)))


def _paths(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("/".join(step for step in (part.strip() for part in text.split("/")) if step) for text in texts)


def _inside(category: str, paths: tuple[str, ...]) -> bool:
    return any(category == path or category.startswith(path + "/") for path in paths)
