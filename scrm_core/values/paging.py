"""Pages of long lists: ids behind one, at most so many, and where the next page begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Invalid


def page_size(limit: int, most: int) -> int:
    """The size of a page; raises Invalid (``limit``) for anything but a whole number from 1 to ``most``."""
    if type(limit) is not int or not 1 <= limit <= most:
        raise Invalid(f"limit must lie between 1 and {most}", field="limit")
    return limit


def next_after(found: Sequence[Any], limit: int) -> int | None:
    """The ``id`` of the last of what was found, behind which the next page begins; None when this one was not full."""
    return found[-1].id if len(found) == limit else None
