"""Rules and refusals in words, Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .arithmetic import FULL_BP
from .basket import Unmet
from .kinds import Cash, Ladder, Percent, Points, Repeat, Rule, Shipping, Threshold
from .units import CheapestFree, Exchange, GiftRule, Pieces, SecondHalf

Money = Callable[[int], str]
"""Writes an amount of minor units, with its currency."""


def describe(rule: Rule, money: Money, language: str = "en") -> str:
    """What a rule gives, in one line: ``满¥300.00减¥30.00`` or ``¥30.00 off from ¥300.00``."""
    return _CHINESE[type(rule)](rule, money) if language == "zh" else _ENGLISH[type(rule)](rule, money)


def _zhe(rate_bp: int) -> str:
    """What is paid, as 折: 1200 is 8.8折."""
    whole, part = divmod((FULL_BP - rate_bp), 1_000)
    return f"{whole}.{part:03d}".rstrip("0").rstrip(".") + "折"


def _percent(rate_bp: int) -> str:
    return f"{rate_bp // 100}.{rate_bp % 100:02d}".rstrip("0").rstrip(".") + " %"


def _from(least: int, money: Money) -> str:
    return f" from {money(least)}" if least else ""


def _reaching(least: int, money: Money) -> str:
    return f"满{money(least)}" if least else ""


_CHINESE: dict[type[Rule], Callable[[Any, Money], str]] = {
    Cash: lambda r, m: f"立减{m(r.off_minor)}",
    Threshold: lambda r, m: f"满{m(r.min_minor)}减{m(r.off_minor)}",
    Ladder: lambda r, m: "，".join(f"满{m(least)}减{m(off)}" for least, off in r.steps),
    Repeat: lambda r, m: f"每满{m(r.min_minor)}减{m(r.off_minor)}" + (f"，最多{r.max_times}次" if r.max_times else ""),
    Percent: lambda r, m: (
        _reaching(r.min_minor, m) + _zhe(r.rate_bp) + (f"，最多减{m(r.cap_minor)}" if r.cap_minor else "")
    ),
    Pieces: lambda r, m: f"{r.n}件{_zhe(r.rate_bp)}",
    SecondHalf: lambda r, m: "第二件半价",
    CheapestFree: lambda r, m: f"买{r.n}免最低",
    GiftRule: lambda r, m: f"{_reaching(r.min_minor, m) or '买'}赠{r.gift_sku}×{r.qty}",
    Exchange: lambda r, m: f"兑换{r.sku or '指定商品'}×{r.qty}",
    Shipping: lambda r, m: f"{_reaching(r.min_minor, m)}包邮" + (f"，最多{m(r.cap_minor)}" if r.cap_minor else ""),
    Points: lambda r, m: f"{r.step_points}积分抵{m(r.step_minor)}，最多{r.cap_bp // 100}%",
}
_ENGLISH: dict[type[Rule], Callable[[Any, Money], str]] = {
    Cash: lambda r, m: f"{m(r.off_minor)} off",
    Threshold: lambda r, m: f"{m(r.off_minor)} off from {m(r.min_minor)}",
    Ladder: lambda r, m: ", ".join(f"{m(off)} off from {m(least)}" for least, off in r.steps),
    Repeat: lambda r, m: (
        f"{m(r.off_minor)} off for each {m(r.min_minor)}" + (f", at most {r.max_times} times" if r.max_times else "")
    ),
    Percent: lambda r, m: (
        f"{_percent(r.rate_bp)} off{_from(r.min_minor, m)}" + (f", at most {m(r.cap_minor)}" if r.cap_minor else "")
    ),
    Pieces: lambda r, m: f"{_percent(r.rate_bp)} off from {r.n} pieces",
    SecondHalf: lambda r, m: "second piece at half price",
    CheapestFree: lambda r, m: f"buy {r.n}, the cheapest is free",
    GiftRule: lambda r, m: f"{r.qty} × {r.gift_sku} as a gift{_from(r.min_minor, m)}",
    Exchange: lambda r, m: f"{r.qty} × {r.sku or 'the named article'} free",
    Shipping: lambda r, m: (
        f"free shipping{_from(r.min_minor, m)}" + (f", at most {m(r.cap_minor)}" if r.cap_minor else "")
    ),
    Points: lambda r, m: f"{r.step_points} points are worth {m(r.step_minor)}, at most {r.cap_bp // 100} %",
}


def explain(unmet: Unmet, money: Money, language: str = "en") -> str:
    """Why an offer does not apply, for the customer."""
    chinese, english = _REASONS.get(unmet.reason, _REASONS["nothing"])
    facts: Mapping[str, Any] = {
        key: money(value) if key.endswith("_minor") else value for key, value in unmet.facts.items()
    }
    return (chinese if language == "zh" else english).format_map(facts)


_REASONS = {
    "threshold": ("还差{missing_minor}可用（满{min_minor}）", "{missing_minor} short of {min_minor}"),
    "scope": ("购物车中没有适用商品", "nothing in the cart is eligible"),
    "pieces": ("还差{missing}件可用", "{missing} more pieces are needed"),
    "missing_sku": ("请先将{sku}加入购物车", "{sku} is not in the cart"),
    "shipping": ("没有可减的运费", "there is no shipping to take off"),
    "nothing": ("没有可减的金额", "there is nothing left to take off"),
    "floor": ("商品已达最低售价", "the goods are at their lowest price"),
    "channel": ("此渠道不可用，限{channels}", "not for this channel; it is for {channels}"),
    "store": ("此门店不可用，限{stores}", "not for this store; it is for {stores}"),
    "group": ("不能与“{by}”同时使用", "does not go together with {by}"),
    "exclusive": ("不能与“{by}”同时使用", "does not go together with {by}"),
    "step": ("不能与“{by}”同时使用", "does not go together with {by}"),
    "worse": ("不使用更优惠", "the cart is cheaper without it"),
}
