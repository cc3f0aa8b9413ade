"""What customers and clerks are told, in the brand's language, money and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import from_instant, show_minor

from ..rules import Rule, Unmet, describe, explain

if TYPE_CHECKING:
    from scrm_core.api import Brand

REFUSALS = {
    "mistyped": ("券码有误，请检查后重新输入", "the code has a typing error; check it and enter it again"),
    "unknown": ("没有这张券", "there is no such coupon"),
    "nobody": ("请先登录再使用优惠券", "the cart names no customer; a coupon belongs to one"),
    "foreign": ("这张券不属于当前顾客", "the coupon belongs to somebody else"),
    "used": ("这张券已使用", "the coupon is used"),
    "held": ("这张券已被另一笔订单占用至{held_until}", "another checkout holds the coupon until {held_until}"),
    "void": ("这张券已作废", "the coupon is void"),
    "expired": ("这张券已于{valid_to}过期", "the coupon expired at {valid_to}"),
    "early": ("这张券自{valid_from}起可用", "the coupon is good from {valid_from} on"),
    "first_order": ("仅限首单使用", "for a first order only"),
    "tags": ("仅限指定等级的会员使用", "for customers of certain levels only"),
    "budget": ("活动预算已用完", "the budget of this coupon is used up"),
    "gift_out_of_stock": ("赠品已领完", "gift out of stock"),
    "locked": ("输入错误次数过多，请于{until}后再试", "too many wrong codes; try again at {until}"),
    "token_expired": ("二维码已失效，请顾客刷新", "the code on the screen is too old; ask for a fresh one"),
    "ticket_used": ("这张小票已核销过另一张券", "this ticket has already redeemed another coupon"),
    "undone": (
        "这张小票的核销已于{at}撤销，请用新小票",
        "this ticket's redemption was undone at {at}; use a new ticket",
    ),
    "coupon_reserved": ("这张券刚被使用", "the coupon was used a moment ago"),
}
"""Reasons why a code does not apply, besides those of :mod:`..rules.wording`: Chinese and English."""


class Words:
    """Says things to the people of one brand."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.language = "zh" if str(brand.locale).lower().startswith("zh") else "en"

    def money(self, minor: int) -> str:
        """An amount as people read it, with the brand's currency."""
        return show_minor(minor, self.brand.currency)

    def time(self, instant: int | None) -> str:
        """An instant as the brand's clocks show it; empty for none."""
        return "" if instant is None else from_instant(instant, self.brand.zone).strftime("%Y-%m-%d %H:%M")

    def refusal(self, reason: str, facts: dict[str, Any] | None = None, language: str | None = None) -> str:
        """The sentence of a reason."""
        chinese, english = REFUSALS[reason]
        return (chinese if (language or self.language) == "zh" else english).format_map(facts or {})

    def unmet(self, unmet: Unmet, language: str | None = None) -> str:
        """Why an offer does not apply."""
        return explain(unmet, self.money, language or self.language)

    def rule(self, rule: Rule, language: str | None = None) -> str:
        """What a rule gives."""
        return describe(rule, self.money, language or self.language)
