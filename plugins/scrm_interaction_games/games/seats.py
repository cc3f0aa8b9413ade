"""What becomes of a payment for a seat, and of a team at its end (拼单): decisions without a database.

A team is open until its last seat is paid (full) or its time is over
(failed); a full team is settled once everything about it has been told. A
seat is taken by a payment, never by a click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Otherwise = Literal["new_team", "refund"]


@dataclass(frozen=True, slots=True)
class TeamNow:
    """A team at one moment; ``taken`` counts paid seats, ``expires_at`` is an instant."""

    state: str
    size: int
    taken: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class TeamRules:
    """What was published: who may join whose team, what happens to a payer who cannot, how a short team ends.

    ``simulate_from`` is the number of real members from which a team that ran
    out of time is completed with virtual ones (模拟成团); None never does.
    """

    new_only: bool = False
    otherwise: Otherwise = "new_team"
    simulate_from: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """``take`` the seat, open a ``new_team`` led by the payer, or ``refund``; ``reason`` says why not the seat."""

    act: Literal["take", "new_team", "refund"]
    reason: str = ""


def obstacle(team: TeamNow, *, paid_at: int, new_customer: bool, member: bool, rules: TeamRules) -> str:
    """Why this person's payment cannot take a seat of the team, or an empty text."""
    if member:
        return "member_already"
    if rules.new_only and not new_customer:
        return "not_new"
    if team.state == "failed" or (team.state == "open" and paid_at >= team.expires_at):
        return "team_ended"
    if team.state != "open" or team.taken >= team.size:
        return "team_full"
    return ""


def settle_payment(why_not: str, *, late: bool, rules: TeamRules) -> Decision:
    """What a payment leads to. ``late``: the seat's time to pay was over, so its price is no longer promised."""
    if late:
        return Decision("refund", "paid_late")
    if not why_not:
        return Decision("take")
    if why_not == "member_already":
        # One person in two teams of a campaign by accident is a mistake, not a wish.
        return Decision("refund", why_not)
    return Decision(rules.otherwise, why_not)


def ending(team: TeamNow, now: int, rules: TeamRules) -> Literal["", "failed", "simulated"]:
    """How an open team ends at ``now``: empty while its time is not over."""
    if team.state != "open" or now < team.expires_at:
        return ""
    if rules.simulate_from is not None and team.taken >= rules.simulate_from:
        return "simulated"
    return "failed"
