"""Threshold coupons (卡券门槛): a spend threshold to use, a task to claim, and shops that redeem."""

from __future__ import annotations

from scrm_core.api import Plugin

from .models import MODELS
from .schemas import Settings

NAME = "coupon-threshold"


class CouponThreshold(Plugin):
    """Coupons claimed by task, quoted in carts, redeemed online and in shops, with every limit held by the database."""

    name = NAME
    version = "0.1.0"
    summary = "Threshold coupons 门槛券: claims by task, carts, redemption in shops"
    requires_core = ">=0.1.0.dev0,<1"
    Settings = Settings
    models = MODELS
    migrations = "migrations"
    permissions = {
        "coupon-threshold:read": "see batches, coupons and figures",
        "coupon-threshold:write": "create, open, pause and close batches, add stock and codes",
        "coupon-threshold:claim": "claim coupons for people",
        "coupon-threshold:redeem": "quote carts, hold, redeem and give back coupons",
        "coupon-threshold:manage": "keep shops, terminals and clerks, undo redemptions, void coupons",
    }
