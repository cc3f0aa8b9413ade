"""What the plugin accepts: its settings and the bodies of its routes."""

from __future__ import annotations

from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate


class Strict(Schema):
    """A schema that refuses unknown keys."""

    class Meta:
        unknown = RAISE


def whole(least: int, most: int, description: str, **kwargs: Any) -> fields.Integer:
    """A whole number in [least, most]; texts and fractions are refused."""

    def in_range(value: int) -> None:
        if value < least:
            raise ValidationError(f"at least {least}, not {value}")
        if value > most:
            raise ValidationError(f"at most {most}, not {value}")

    return fields.Integer(strict=True, validate=in_range, metadata={"description": description}, **kwargs)


def _printable(value: str) -> None:
    if not value.isprintable():
        raise ValidationError("control characters are not allowed")


def text(least: int, most: int, **kwargs: Any) -> fields.String:
    """A printable text of least to most characters."""
    return fields.String(validate=[validate.Length(least, most), _printable], **kwargs)


class Settings(Strict):
    """``[plugins.coupon-threshold]``."""

    hold_minutes = whole(
        1, 1_440, "minutes a checkout may keep a coupon before it is released, at least the shop's payment time-out",
        load_default=30,
    )  # fmt: skip
    token_seconds = whole(15, 600, "seconds the signed token in a coupon's QR code is good for", load_default=60)
    undo_minutes = whole(
        0, 10_080, "minutes within which a manager may undo a redemption in a shop; 0: never", load_default=30
    )
    counter_channel = text(
        1, 40, load_default="store",
        metadata={"description": "the channel that counters of shops sell in; coupons of other channels are refused"},
    )  # fmt: skip
    counter_source = text(
        1, 40, load_default="store",
        metadata={"description": "the source under which the tills' orders and refunds are told: a coupon redeemed on "
                  "a ticket with an order number comes back with that order's refund"},
    )  # fmt: skip
    guesses = whole(3, 100, "wrong codes after which one account or address is locked", load_default=10)
    lock_minutes = whole(1, 1_440, "minutes for which it is locked", load_default=60)
    min_payable_minor = whole(
        0, 100, "least amount an order must still cost, in minor units; 1 where a payment channel cannot take 0",
        load_default=0,
    )  # fmt: skip
    parallel = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "true: all coupons are computed on the same prices (平行), else in turn (递进)"},
    )
    redistribute = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={"description": "true: what a price floor cuts off a line's share goes to the other lines"},
    )
    min_sample = whole(
        10, 1_000_000, "claims each side needs before the report names gated or ungated coupons the winner",
        load_default=200,
    )  # fmt: skip
