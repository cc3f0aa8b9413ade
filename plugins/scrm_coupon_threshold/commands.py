"""``scrm coupon-threshold``: batches, codes, claims and their figures."""

from __future__ import annotations

import click

from .batches.commands import add_commands as add_batch_commands
from .carts.commands import add_commands as add_cart_commands
from .claims.commands import add_commands as add_claim_commands
from .claims.service import NAME


@click.group(name=NAME)
def group() -> None:
    """Threshold coupons 门槛券: batches, codes, claims, redemption and figures."""


add_batch_commands(group)
add_claim_commands(group)
add_cart_commands(group)
