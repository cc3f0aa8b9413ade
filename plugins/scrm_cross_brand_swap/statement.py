"""The settlement of a deal (对账): what each direction brought, who owes what, and what makes it good.

Pure: both sides recompute it from the same lines. ``a_to_b`` is
what side a showed its people and side b received.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIRECTIONS = ("a_to_b", "b_to_a")
COLUMNS = ("shown", "click", "add", "retained_add", "first_order")
"""``shown`` is counted by who shows, the others by who receives."""

Lines = Mapping[str, Mapping[str, int]]


def balance(lines: Lines, unit: str) -> dict[str, Any]:
    """Who owes in a unit, how much, and the exposures that make it good at the debtor's own rate.

    ``owes`` is ``a``, ``b`` or empty. ``exposures`` is ceil(owed x shown / brought) of
    the debtor's direction; None where it has no rate.
    """
    brought = {side: lines[direction][unit] for side, direction in zip("ab", DIRECTIONS, strict=True)}
    net = brought["a"] - brought["b"]
    if not net:
        return {"unit": unit, "owes": "", "owed": 0, "exposures": 0}
    debtor = "b" if net > 0 else "a"
    owed, shown = abs(net), lines[DIRECTIONS["ab".index(debtor)]]["shown"]
    rate = brought[debtor]
    exposures = -(-owed * shown // rate) if rate and shown else None
    return {"unit": unit, "owes": debtor, "owed": owed, "exposures": exposures}


def statement(deal: str, terms_hash: str, unit: str, lines: Lines) -> dict[str, Any]:
    """The statement of a deal: its lines, the balance in its unit, and the same in every other unit.

    The choice of the unit may turn creditor into debtor: all are shown, the deal's counts.
    """
    return {
        "deal": deal,
        "terms": terms_hash,
        "lines": {direction: {column: lines[direction][column] for column in COLUMNS} for direction in DIRECTIONS},
        "balance": balance(lines, unit),
        "others": [balance(lines, each) for each in COLUMNS if each != unit],
    }


def unsound(lines: Lines) -> str:
    """What of lines cannot be, as ``a_to_b.first_order: 5 of 3 adds``; empty when they can be.

    Whoever stayed, and whoever ordered, had been added.
    """
    for direction in DIRECTIONS:
        for column in ("retained_add", "first_order"):
            if lines[direction][column] > lines[direction]["add"]:
                return f"{direction}.{column}: {lines[direction][column]} of {lines[direction]['add']} adds"
    return ""


def smaller(ours: Lines, theirs: Any) -> dict[str, dict[str, int]] | None:
    """Lines at the smaller of two counters each, if none differs by more than 5% of the larger; else None.

    Whatever is no whole number of people is None too.
    """
    lines: dict[str, dict[str, int]] = {}
    for direction in DIRECTIONS:
        lines[direction] = {}
        for column in COLUMNS:
            own = ours[direction][column]
            try:
                other = theirs[direction][column]
            except (KeyError, TypeError, IndexError):
                return None
            if type(other) is not int or other < 0 or abs(own - other) * 20 > max(own, other):
                return None
            lines[direction][column] = min(own, other)
    return lines


def difference(ours: Any, theirs: Any, path: str = "") -> str | None:
    """The first place where two statements differ, as ``lines.a_to_b.add: ours 900, theirs 905``; None if nowhere."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in [*ours, *(key for key in sorted(map(str, theirs)) if key not in ours)]:
            found = difference(ours.get(key), theirs.get(key), f"{path}.{key}".lstrip("."))
            if found is not None:
                return found
        return None
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            found = difference(one, other, f"{path}.{place}")
            if found is not None:
                return found
        return None
    if type(ours) is type(theirs) and ours == theirs:
        return None
    return printable(f"{path[:200]}: ours {str(ours)[:60]}, theirs {str(theirs)[:60]}")


def printable(text: str) -> str:
    """A text of the partner's without what no database or terminal takes: escapes in place of control characters."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
