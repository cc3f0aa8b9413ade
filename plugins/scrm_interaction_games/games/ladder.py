"""The rungs of a ladder of rewards (阶梯奖励): which are owed for so many qualified people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

Mode = Literal["cumulative", "highest"]


@dataclass(frozen=True, slots=True)
class Rung:
    """A reward, the prize with code ``prize``, for ``invites`` qualified people."""

    invites: int
    prize: str


def owed(rungs: Sequence[Rung], qualified: int, mode: Mode) -> list[Rung]:
    """The rungs that a count of qualified people earns, the lowest first.

    ``cumulative``: every rung up to the count (5 and 10 at ten people).
    ``highest``: only the highest reached (10 alone at ten people).
    """
    reached = sorted((rung for rung in rungs if rung.invites <= qualified), key=lambda rung: rung.invites)
    return reached if mode == "cumulative" else reached[-1:]


def lost(rungs: Sequence[Rung], qualified: int, paid: Collection[int]) -> list[Rung]:
    """The paid rungs (by their ``invites``) that the count no longer reaches, the highest first."""
    gone = (rung for rung in rungs if rung.invites in paid and rung.invites > qualified)
    return sorted(gone, key=lambda rung: rung.invites, reverse=True)


def problems(rungs: Sequence[Rung]) -> list[str]:
    """What is wrong with a ladder, a sentence each: rungs ascend and each is higher than the one below it."""
    found = []
    for below, above in pairwise(rungs):
        if above.invites <= below.invites:
            found.append(
                f"rungs: the rung for {above.invites} comes after the one for {below.invites}; "
                "each needs more people than the one before it"
            )
    return found


def next_rung(rungs: Sequence[Rung], qualified: int) -> Rung | None:
    """The lowest rung not reached yet, or None at the top."""
    above = [rung for rung in rungs if rung.invites > qualified]
    return min(above, key=lambda rung: rung.invites, default=None)
