"""Pages of long lists: ids behind one, at most so many, and where the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from ..errors import Invalid

T = TypeVar("T")


def page_size(limit: int, most: int) -> int:
    """The size of a page; raises Invalid (``limit``) for anything but a whole number from 1 to ``most``."""
    if type(limit) is not int or not 1 <= limit <= most:
        raise Invalid(f"limit must lie between 1 and {most}", field="limit")
    return limit


def cut_page(
    found: Sequence[T], size: int, key: Callable[[T], int] = attrgetter("id")
) -> tuple[Sequence[T], int | None]:
    """Of ``size`` rows and one more that were asked for: the page, and the id behind which the next begins, or None.

    Unlike :func:`next_after` it knows that there is a next page; for pages that people turn.
    """
    shown = found[:size]
    return shown, key(shown[-1]) if len(found) > size else None


def next_after(found: Sequence[Any], limit: int) -> int | None:
    """The ``id`` of the last of what was found, behind which the next page begins; None when this one was not full."""
    return found[-1].id if len(found) == limit else None
