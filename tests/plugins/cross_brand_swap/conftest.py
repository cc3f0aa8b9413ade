"""Brands that swap."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from swap_scene import ACME, MOONCO, Swap

from scrm_cross_brand_swap import CrossBrandSwap


@pytest.fixture
def swaps(new_installation, deliver, clock) -> Callable[..., Swap]:
    """A function that makes both brands; texts are added to their files."""

    def make(acme: str = "", moonco: str = "") -> Swap:
        installation = new_installation(plugins=(CrossBrandSwap,), acme=ACME + acme, moonco=MOONCO + moonco)
        return Swap(installation, deliver, clock)

    return make


@pytest.fixture
def swap(swaps) -> Swap:
    """Acme and moonco with the plugin's own settings."""
    return swaps()
