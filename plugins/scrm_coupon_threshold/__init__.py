"""Threshold coupons 门槛券: templates, claims by task, carts, redemption in shops."""

from __future__ import annotations

from scrm_core.api import Plugin


class CouponThreshold(Plugin):
    """Threshold coupons 门槛券: templates, claims by task, carts, redemption in shops."""

    name = "coupon-threshold"
    version = "0.1.0"
    summary = "Threshold coupons 门槛券: templates, claims by task, carts, redemption in shops"
    requires_core = ">=0.1.0.dev0,<1"
