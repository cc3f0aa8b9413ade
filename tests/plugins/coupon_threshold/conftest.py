"""The scene of coupons."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from coupon_scene import PLUGIN, PLUGINS, CouponScene

from scrm_core.clock import ManualClock
from scrm_core.installation import Installation


@pytest.fixture
def scene(new_installation: Callable[..., Installation], clock: ManualClock) -> CouponScene:
    """Acme and moonco, both with threshold coupons and nothing in them."""
    return CouponScene(new_installation(plugins=PLUGINS, acme=PLUGIN, moonco=PLUGIN), clock)
