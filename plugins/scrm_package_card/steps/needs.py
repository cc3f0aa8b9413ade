"""What a campaign has and what it still needs, step by step, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .catalogue import (
    ACKNOWLEDGED,
    APPROVAL,
    ARRIVAL,
    DESIGN,
    GOALS,
    LAUNCHED,
    MATERIALS,
    ORDERED,
    PRODUCTION,
    PROOF,
    TEXTS,
    WINNER,
)
from .policy import hook_of
from .records import Signoff, State


@dataclass(slots=True)
class Needs:
    """What is ``present`` and what is ``missing``, one line each."""

    present: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def want(self, there: bool, title: str, found: str = "") -> None:
        """Note one thing that is needed; ``found`` says more about it when it is there."""
        if there:
            self.present.append(f"{title}: {found}" if found else title)
        else:
            self.missing.append(title)

    def want_signed(self, signoff: Signoff | None, title: str, found: str = "") -> None:
        """Note a sign-off that is needed."""
        self.want(signoff is not None, title, f"{found}signed by {signoff.who}" if signoff is not None else "")


def needs(step: str, state: State, settings: Mapping[str, Any]) -> Needs:
    """What a step of a campaign has and still needs."""
    if step == "goal":
        return _goal(state)
    if step == "policy":
        return _policy(state)
    if step == "test":
        return _test(state)
    if step == "design":
        return _design(state)
    if step == "print":
        return _print(state)
    if step == "launch":
        found = launch_needs(state, settings)
        found.want_signed(state.signed(LAUNCHED), "launch 上线")
        return found
    return Needs()


def _goal(state: State) -> Needs:
    found = Needs()
    goal = state.items.get(("goal", ""))
    found.want(goal is not None, f"primary goal, {' or '.join(GOALS.values())}", "" if goal is None else GOALS[goal])
    return found


def _policy(state: State) -> Needs:
    found = Needs()
    hook = hook_of(state)
    found.want(hook is not None, "hook product 钩子 with its margin check", "" if hook is None else hook.words)
    found.want(bool(state.channels), "channels 渠道", ", ".join(state.channels))
    for channel in state.channels or ("each channel",):
        for item, title in MATERIALS.items():
            found.want((item, channel) in state.items, f"{title} for {channel}")
    return found


def _test(state: State) -> Needs:
    found = Needs()
    trial = state.trial
    found.want(
        trial is not None,
        "trial with two arms or more",
        "" if trial is None else f"arms {', '.join(trial.arms)}, at least {trial.minimum:,} cards each",
    )
    for arm in trial.arms if trial is not None else ("each arm",):
        for channel in state.channels or ("each channel",):
            link = trial.links.get((arm, channel), "") if trial is not None else ""
            found.want(bool(link), f"tracked link of {arm} on {channel}", link)
    winner = state.signed(WINNER)
    found.want_signed(winner, "chosen arm", f"{winner.detail['arm']}, " if winner is not None else "")
    return found


def _design(state: State) -> Needs:
    found = Needs()
    for point, items in DESIGN.items():
        for item, title in items.items():
            found.want((item, "") in state.items, f"{point}: {title}")
    return found


def _print(state: State) -> Needs:
    found = Needs()
    proof, ordered = state.signed(PROOF, PRODUCTION), state.signed(ORDERED)
    found.want_signed(proof, "proof 打样", f"{proof.detail['file']}, " if proof is not None else "")
    found.want_signed(state.signed(APPROVAL, PRODUCTION), "approval of the proof 打样确认")
    found.want_signed(
        ordered,
        "print order 印刷下单",
        f"{ordered.detail['quantity']:,} at {ordered.detail['printer']}, " if ordered is not None else "",
    )
    return found


def launch_needs(state: State, settings: Mapping[str, Any]) -> Needs:
    """What must be there before a campaign can be launched."""
    found = Needs()
    arrival = state.signed(ARRIVAL)
    came = f"{arrival.detail['quantity']:,} cards, " if arrival is not None else ""
    found.want_signed(arrival, "arrival in the warehouse 到货", came)
    departments = tuple(state.items.get(("departments", ""), settings["departments"]))
    found.want(bool(departments), "departments 部门", ", ".join(departments))
    for department in departments:
        for item, title in TEXTS.items():
            found.want((item, department) in state.items, f"{title} for {department}")
        found.want_signed(state.signed(ACKNOWLEDGED, department), f"acknowledgement of {department} 部门确认")
    return found
