"""What a task or a KOC may cost at worst, told before it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scrm_core.api import execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .tracking import Programme

NOTES = {
    "nobody": ("no KOC is at work yet", "还没有合作中的 KOC"),
    "reward": ("what the reward is worth is not known: it is not among the amounts", "奖励价值未知，未计入金额"),
    "sample": ("the sample's cost is 0: it is not among the amounts", "寄样成本为 0，未计入金额"),
    "free": ("nothing is paid for it", "该任务不支付任何费用"),
    "commission": (
        "commission of the orders that they lead comes on top, and so do KOCs who are enrolled later",
        "不含带单佣金；之后加入的 KOC 另计",
    ),
    "unlimited": (
        "nothing limits the sum: it is a share of each order that is led, kept and not refunded",
        "佣金总额没有上限：按每笔归属且未退款的订单计提",
    ),
    "tier": ("the rate follows the tier, which changes with the score", "比例随层级变化，层级随评分变化"),
    "free_rate": ("nothing is paid for orders", "不支付佣金"),
}
"""What is told beside the figures, in English and Chinese."""


def task_worst(brand: Brand, given: Mapping[str, Any], *, kocs: int | None = None) -> dict[str, Any]:
    """What a task pays: ``each_most_minor`` for one KOC, ``worst_minor`` for ``kocs`` of them, in minor units.

    Without ``kocs`` it is for every KOC who could be invited now. ``reward_minor`` is None, and left out of the sums,
    where its issuer cannot say what it is worth. ``notes`` are ``{"code", "en", "zh"}``.
    """
    reward, everybody = given["reward"], kocs is None
    worth: int | None = 0
    if reward is not None:
        worth = brand.rewards.worth(reward["kind"], reward["item"], reward["quantity"])
    sample = given["sample_cost_minor"] if given["sample"] else 0
    each = given["fee_minor"] + sample + (worth or 0)
    if kocs is None:
        (kocs,) = execute(
            "SELECT count(*) FROM koc_member m JOIN koc_person p ON p.member_id = m.id "
            "WHERE m.state = 'active' AND m.merged_into_id IS NULL"
        ).fetchone()
    notes = {
        "nobody": not kocs and everybody,
        "reward": worth is None,
        "sample": bool(given["sample"]) and not sample,
        "free": not each and reward is None,
        "commission": True,
    }
    return {
        "fee_minor": given["fee_minor"], "sample_minor": sample, "reward_minor": worth, "each_most_minor": each,
        "kocs": kocs, "worst_minor": each * kocs, "notes": _told(notes),
    }  # fmt: skip


def member_worst(
    settings: Mapping[str, Any], programmes: Sequence[Programme], rate_bp: int | None, tier: str
) -> dict[str, Any]:
    """What a KOC is paid for orders, by programme: the rate in basis points now, and the highest of any tier."""
    tiers = {each: int(settings[f"rate_{each.lower()}_bp"]) for each in "SABC"}
    rates: list[dict[str, Any]] = []
    for programme in programmes:
        fixed = rate_bp if rate_bp is not None else programme.rate_bp
        rates.append(
            {
                "programme": programme.code, "window_days": programme.window_days, "first_only": programme.first_only,
                "rate_bp": tiers[tier] if fixed is None else fixed,
                "most_bp": max(tiers.values()) if fixed is None else fixed,
            }
        )  # fmt: skip
    most = max(each["most_bp"] for each in rates)
    notes = {
        "free_rate": not most,
        "unlimited": bool(most),
        "tier": rate_bp is None and any(each.rate_bp is None for each in programmes),
    }
    return {"rates": rates, "most_bp": most, "notes": _told(notes)}


def _told(notes: Mapping[str, bool]) -> list[dict[str, str]]:
    return [{"code": code, "en": NOTES[code][0], "zh": NOTES[code][1]} for code, holds in notes.items() if holds]
