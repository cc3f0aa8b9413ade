"""Points as a step of a cart's price (积分抵扣): how many are used, and what each line gets of it.

The customer asks with the code ``points`` (as many as may be used) or
``points:500`` (at most so many). The points are worth ``redeem_minor`` each, at
most ``redeem_cap_bp`` of what is left to pay for the goods, in multiples of
``redeem_step``. They are a payment: shipping is not paid with them, and price
floors do not bind them. What they are worth is shared among the lines by
largest remainder (最大余额法).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrm_core.api import Cart, CartDiscount, CartRefusal, allocate

WHOLE_BP = 10_000
CODE = re.compile(r"points(?::([0-9]{1,13}))?\Z", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Worth:
    """How points pay: minor units each, the cap in basis points of the payable, and the step."""

    minor: int
    cap_bp: int
    step: int


def usable(have: int, payable_minor: int, worth: Worth, asked: int | None = None) -> int:
    """How many of the points a person has may pay, of ``asked`` at most."""
    if not worth.minor:
        return 0
    cap = payable_minor * worth.cap_bp // WHOLE_BP
    most = min(have, cap // worth.minor)
    if asked is not None:
        most = min(most, asked)
    return most - most % worth.step


def price(cart: Cart, worth: Worth, have: int, name: str) -> Cart | None:
    """The cart with points used as its codes ask, or with the reason why not; None when no code asks."""
    asked = next(((code, match) for code in cart.codes if (match := CODE.match(code.strip()))), None)
    if asked is None:
        return None
    code, match = asked
    if not worth.minor:
        return cart.with_refusal(CartRefusal(code, "redeem_off", "Points are not taken here 本店不支持积分抵扣"))
    if cart.contact_id is None:
        return cart.with_refusal(CartRefusal(code, "sign_in", "Sign in to use points 请先登录再使用积分"))
    wanted = int(match.group(1)) if match.group(1) else None
    if wanted is not None and wanted > have:
        return cart.with_refusal(CartRefusal(code, "not_enough_points", f"There are {have} points 积分不足"))
    weights = [cart.left(index) for index in range(len(cart.lines))]
    used = usable(have, sum(weights), worth, wanted)
    if used <= 0:
        least = f"Points are used in multiples of {worth.step}, up to a part of the price 未达到积分使用门槛"
        return cart.with_refusal(CartRefusal(code, "nothing_usable", least))
    shares = allocate(used * worth.minor, weights)
    return cart.with_discount(CartDiscount(name, f"points:{used}", f"{used} points 积分抵扣", shares))
