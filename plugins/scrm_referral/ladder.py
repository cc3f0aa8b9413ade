"""The rungs of the ladder of rewards (阶梯奖励): which are owed for so many qualified people, and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

MODES = ("cumulative", "highest")


@dataclass(frozen=True, slots=True)
class Rung:
    """A reward for ``invites`` qualified people; ``value_minor`` is what all of ``quantity`` is worth.

    ``stock`` is how many of it a campaign grants in all (None: no limit).
    """

    invites: int
    kind: str
    item: str
    quantity: int
    value_minor: int
    title: str
    stock: int | None = None


def owed(rungs: Sequence[Rung], qualified: int, mode: str) -> list[Rung]:
    """The rungs that a count earns: every one up to it (``cumulative``), or the highest alone (``highest``)."""
    reached = [rung for rung in rungs if rung.invites <= qualified]
    return reached if mode == "cumulative" else reached[-1:]


def costs(rungs: Sequence[Rung], mode: str) -> list[dict[str, Any]]:
    """What a person costs who stops exactly at a rung, and each of their qualified invitees, in minor units.

    30 yuan at 5 and 99 at 10: ten people cost 12.90 each when rungs add up, 9.90
    when only the highest is paid.
    """
    table = []
    for rung in rungs:
        total = sum(each.value_minor for each in owed(rungs, rung.invites, mode))
        table.append(
            {
                "invites": rung.invites,
                "item": rung.item,
                "value_minor": rung.value_minor,
                "stock": rung.stock,
                "total_minor": total,
                "per_qualified_minor": float(round(Fraction(total, rung.invites), 2)),
            }
        )
    return table
