"""From JSON to a rule."""

from __future__ import annotations

from typing import Any

from scrm_core.api import Invalid

from .fields import Fields
from .kinds import Cash, Ladder, Percent, Points, Repeat, Rule, Shipping, Threshold
from .units import CheapestFree, Exchange, GiftRule, Pieces, SecondHalf

KINDS: dict[str, type[Rule]] = {
    kind.kind: kind
    for kind in (
        Cash, Threshold, Ladder, Repeat, Percent, Pieces, SecondHalf, CheapestFree, GiftRule, Exchange, Shipping,
        Points,
    )
}  # fmt: skip
"""Every rule by the ``kind`` that names it in JSON."""


def read_rule(value: Any, path: str = "") -> Rule:
    """The rule that a JSON object such as ``{"kind": "threshold", "min_minor": 30000, "off_minor": 3000}`` describes.

    Raises Invalid naming the field: an unknown kind or key, a wrong type, a
    negative amount, a percentage over 100 %, a step of a ladder below another.
    ``path`` is what the object is called where it stands, for these names.
    """
    given = Fields(value, path)
    kind = given.text("kind")
    if kind not in KINDS:
        name = given.name("kind")
        raise Invalid(f"{name} is one of {', '.join(KINDS)}, not {kind!r}", field=name)
    rule = KINDS[kind].read(given)
    given.done()
    return rule
