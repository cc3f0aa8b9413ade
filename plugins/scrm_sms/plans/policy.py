"""The policy check (政策敲定): the offer is whole, and a claimant costs no more than allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scrm_core.api import Invalid

from .steps import HOOKS, Goal, Policy


def check_policy(policy: Policy, goal: Goal, settings: Mapping[str, Any]) -> None:
    """Raise Invalid naming everything that is wrong with a policy, with the arithmetic."""
    problems: list[tuple[str, str]] = []
    if not policy.offer.strip():
        problems.append(("offer", "say what the recipient is offered or told"))
    if policy.hook not in HOOKS:
        problems.append(("hook", f"{policy.hook!r} is no hook; hooks are {', '.join(HOOKS)}"))
    for name in ("cost_minor", "margin_minor", "claimants", "budget_minor"):
        if getattr(policy, name) < 0:
            problems.append((name, f"{name} is zero or more"))
    if goal.kind != "notice" and not problems:
        problems += _offer_problems(policy, settings)
    if problems:
        raise Invalid("; ".join(text for _, text in problems), field=problems[0][0], problems=[t for _, t in problems])


def _offer_problems(policy: Policy, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    problems = []
    lacking = [name for name in settings["materials"] if name not in policy.materials]
    if lacking:
        problems.append(("materials", f"materials are missing: {', '.join(lacking)}"))
    if policy.hook == "none":
        return problems
    if not policy.product.strip():
        problems.append(("product", "name the product that the hook leads to"))
    share = settings["hook_share"]
    allowed = policy.margin_minor * share // 100
    if policy.cost_minor > allowed:
        problems.append(
            (
                "cost_minor",
                f"the hook costs {policy.cost_minor} a claimant; allowed are {share} % of the margin "
                f"{policy.margin_minor} = {allowed}, so it is {policy.cost_minor - allowed} too dear (minor units)",
            )
        )
    hooks = policy.cost_minor * policy.claimants
    if hooks > policy.budget_minor:
        problems.append(
            (
                "budget_minor",
                f"{policy.claimants} claimants at {policy.cost_minor} cost {hooks}, above the budget "
                f"{policy.budget_minor} (minor units)",
            )
        )
    return problems


def budget_problem(policy: Policy, most_milli: int) -> str:
    """Why hook and messages together exceed the budget, or an empty text; ``most_milli`` is what messages cost."""
    messages = -(-most_milli // 1_000)
    hooks = policy.cost_minor * policy.claimants
    if messages + hooks <= policy.budget_minor:
        return ""
    return (
        f"messages cost up to {messages} and the hook {hooks}, together {messages + hooks}: "
        f"above the budget {policy.budget_minor} (minor units)"
    )
