"""Keyset pages: a page ends with an opaque cursor, and the next one begins after it.

A cursor is the last row's key in base64. It carries no authority: it only says
where to go on within what the key may read anyway.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import Invalid
from ..limits import LIMITS

T = TypeVar("T")

DEFAULT_ROWS = 50


def encode_cursor(position: int) -> str:
    """The opaque form of a position (a row's id)."""
    return base64.urlsafe_b64encode(b"k%d" % position).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """The position a cursor stands for; raises Invalid for a text that is not one of ours."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not (raw.startswith(b"k") and raw[1:].isdigit() and len(raw) <= 20):
        raise Invalid("not a cursor; use `next` of the page before as it is", field="cursor", code="cursor")
    position = int(raw[1:])
    if position >= 2**63:
        raise Invalid("not a cursor; use `next` of the page before as it is", field="cursor", code="cursor")
    return position


def page_of(
    rows: Sequence[T], limit: int, position: Callable[[T], int], shown: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """A page of the rows read: ``items``, and ``next`` when the page is full.

    The page after the last full one may be empty; it says so with ``next: null``.
    """
    return {
        "items": [shown(row) for row in rows],
        "next": encode_cursor(position(rows[-1])) if len(rows) == limit else None,
    }


def read_limit(text: str | None) -> int:
    """The page size asked for, 1 to ``LIMITS.page_rows``; raises Invalid."""
    if text is None:
        return DEFAULT_ROWS
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= LIMITS.page_rows:
        return int(text)
    raise Invalid(f"must be a whole number from 1 to {LIMITS.page_rows}", field="limit")
