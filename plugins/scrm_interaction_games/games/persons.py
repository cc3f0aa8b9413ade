"""Whether two ids are one person: rows of a game may still name contacts that were merged into another one since."""

from __future__ import annotations

from scrm_core.api import standing


def same_person(one: int, other: int | None) -> bool:
    """Whether two ids stand for one person now."""
    return one == other or (other is not None and standing(one) == standing(other))
