"""The services of threshold coupons in one place: what routes, commands, pages and hooks call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .batches.breaker import Breaker
from .batches.pool import Pools
from .batches.service import Batches
from .carts.service import Carts
from .claims.issuing import Issuing
from .claims.owners import Owners
from .claims.service import Claims
from .claims.typed import TypedCodes
from .claims.voiding import Voiding
from .gates.evidence import EvidenceBook
from .gates.service import Gates
from .models import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand


class Coupons:
    """The coupons of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @cached_property
    def batches(self) -> Batches:
        """Batches: definitions, stock, states."""
        return Batches(self.brand)

    @cached_property
    def breaker(self) -> Breaker:
        """The breaker of batches."""
        return Breaker(self.brand)

    @cached_property
    def pools(self) -> Pools:
        """Code pools."""
        return Pools(self.brand)

    @cached_property
    def claims(self) -> Claims:
        """Claims."""
        return Claims(self.brand)

    @cached_property
    def typed(self) -> TypedCodes:
        """Codes that people enter."""
        return TypedCodes(self.brand, self.settings)

    @cached_property
    def voiding(self) -> Voiding:
        """Voiding and expiry."""
        return Voiding(self.brand)

    @cached_property
    def carts(self) -> Carts:
        """Carts, holds, redemptions, refunds and shops."""
        return Carts(self.brand, self.settings)

    @cached_property
    def gates(self) -> Gates:
        """Claim gates and progress."""
        return Gates(self.brand)

    @cached_property
    def evidence(self) -> EvidenceBook:
        """Proof of tasks."""
        return EvidenceBook(self.brand)

    @cached_property
    def owners(self) -> Owners:
        """Owners through merges and erasure."""
        return Owners(self.brand)

    @cached_property
    def issuing(self) -> Issuing:
        """Coupons as rewards."""
        return Issuing(self.brand)


def coupons_of(brand: Brand) -> Coupons:
    """The services of a brand; raises NotFound when the plugin is switched off."""
    return Coupons(brand, brand.plugin(NAME).settings)
