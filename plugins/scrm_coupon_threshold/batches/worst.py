"""What a batch may cost at worst, told before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import show_minor

from ..rules import describe, read_rule
from .codes import MADE
from .ruling import most_discount

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .definition import Definition

NOTES = {
    "over": ("the claims are over already", "领取时间已经结束"),
    "past": ("the coupons' validity is over already", "有效期已经结束"),
    "unlimited": (
        "nothing limits what the batch costs: give it a stock with an amount, or a budget",
        "成本没有上限：请设置库存与优惠上限，或设置预算",
    ),
    "unpromised": (
        "claims do not promise: coupons could cost {could}, and what is above the budget of {budget} is refused at the "
        "checkout; the terms must say so",
        "领取不预留预算：优惠券最多可能花费 {could}，超出预算 {budget} 的部分在结账时无法使用，使用说明中须写明",
    ),
    "short": (
        "the budget is for {coupons} of {stock} coupons; claims end there",
        "预算只够 {coupons} 张（库存 {stock} 张），用完即停止领取",
    ),
    "goods": ("the cost of the goods given is not among the amounts", "金额中不含赠出商品的成本"),
    "codes": ("its stock is the number of codes, which are added later", "库存即券码数量，创建后再添加"),
    "endless": ("the claims have no end", "领取没有截止时间"),
}
"""What is told beside the figures, in English and Chinese."""


def worst(brand: Brand, definition: Definition) -> dict[str, Any]:
    """The figures of a definition: minor units and coupons, None where nothing limits them.

    ``each_most_minor``: what one coupon takes off at most, ``coupons_most``: how many can be claimed,
    ``worst_minor``: what all of them can take off, the budget included. ``notes`` are ``{"code", "en", "zh"}``.
    """
    columns, now = definition.columns, brand.now()
    rule = read_rule(columns["rule"])
    each, budget = most_discount(rule), columns["budget_minor"]
    stock = columns["stock_total"] if columns["codes"] == MADE else None
    coupons = stock
    if columns["promise"] and columns["promise_minor"]:
        paid = budget // columns["promise_minor"]
        coupons = paid if stock is None else min(stock, paid)
    could = None if each is None or coupons is None else each * coupons
    limits = [limit for limit in (could, budget) if limit is not None]
    found = min(limits) if limits else 0 if each == 0 else None
    notes = {
        "over": columns["claim_to"] is not None and columns["claim_to"] <= now,
        "past": columns["valid_to"] is not None and columns["valid_to"] <= now,
        "unlimited": found is None,
        "unpromised": budget is not None and not columns["promise"] and (could is None or could > budget),
        "short": bool(columns["promise"]) and stock is not None and coupons is not None and coupons < stock,
        "goods": rule.kind in ("gift", "exchange"),
        "codes": columns["codes"] != MADE,
        "endless": columns["claim_to"] is None and columns["valid_to"] is None,
    }
    told = {
        "could": "∞" if could is None else show_minor(could, brand.currency),
        "budget": "" if budget is None else show_minor(budget, brand.currency),
        "coupons": f"{coupons or 0:,}",
        "stock": f"{stock or 0:,}",
    }
    return {
        "rule": {
            language: describe(rule, lambda minor: show_minor(minor, brand.currency), language)
            for language in ("en", "zh")
        },
        "each_most_minor": each,
        "coupons_most": coupons,
        "budget_minor": budget,
        "worst_minor": found,
        "notes": [
            {"code": code, "en": NOTES[code][0].format(**told), "zh": NOTES[code][1].format(**told)}
            for code, holds in notes.items()
            if holds
        ],
    }
