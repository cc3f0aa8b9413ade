"""What every page of the plugin begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import consumer_language, current_brand

from ..service import coupons_of
from .views import Sights

if TYPE_CHECKING:
    from ..service import Coupons


def coupons() -> Coupons:
    """The services of the current brand."""
    return coupons_of(current_brand())


def sights() -> Sights:
    """What is shown, in the visitor's language."""
    return Sights(current_brand(), coupons(), consumer_language())


def root() -> str:
    """The path of the plugin's pages, as browsers see it."""
    return f"{current_brand().consumers.root}coupon-threshold/"
