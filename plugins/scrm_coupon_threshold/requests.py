"""What routes share: the brand's services, numbers and pages of a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import flask

from scrm_core.api import Invalid, current_brand

from .service import Coupons, coupons_of

READ = "coupon-threshold:read"
WRITE = "coupon-threshold:write"
CLAIM = "coupon-threshold:claim"
MANAGE = "coupon-threshold:manage"
PAGE = 200


def coupons_here() -> Coupons:
    """The services of the brand that is asked."""
    return coupons_of(current_brand())


def number_asked(name: str, default: int) -> int:
    """A whole number of the query; raises Invalid for anything else."""
    text = flask.request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Invalid(f"{name}: {text[:40]!r} is no whole number", field=name)
    return int(text)


def page(name: str, rows_of: Callable[[int, int], Sequence[Any]], view: Callable[[Any], dict[str, Any]]) -> Any:
    """A page of a list (``after``, ``limit``), and behind which id the next one begins."""
    limit = number_asked("limit", PAGE)
    if not 1 <= limit <= PAGE:
        raise Invalid(f"limit: 1 to {PAGE}", field="limit")
    rows = rows_of(number_asked("after", 0), limit)
    return flask.jsonify({name: [view(row) for row in rows], "next": rows[-1].id if len(rows) == limit else None})
