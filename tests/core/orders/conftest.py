"""Orders and refunds to write, with only what a test cares about spelled out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from scrm_core import eventlog
from scrm_core.services.contacts import IdentityIn
from scrm_core.services.orders import OrderIn, RefundIn

NOON = 1_767_268_800_000
DAY = 86_400_000


@pytest.fixture
def order() -> Callable[..., OrderIn]:
    """``order("A1", paid_minor=500, buyer="b7", day=3)``: a paid order of a shop, ``day`` days after a fixed noon."""

    def make(number: str = "A1", *, buyer: str | None = "b1", day: int = 0, **more: Any) -> OrderIn:
        status = more.setdefault("status", "paid")
        more.setdefault("paid_at", None if status == "unpaid" else NOON + day * DAY)
        more.setdefault("paid_minor", 1_000)
        more.setdefault("source", "shop")
        people = () if buyer is None else (IdentityIn.of("buyer", buyer, "shop"),)
        return OrderIn(number=number, buyer=more.pop("people", people), **more)

    return make


@pytest.fixture
def refund() -> Callable[..., RefundIn]:
    """``refund("A1", 300)``: a refund of an order of the same shop."""

    def make(order_number: str = "A1", amount: int = 300, *, number: str = "R1", day: int = 1, **more: Any) -> RefundIn:
        return RefundIn(more.pop("source", "shop"), order_number, number, amount, NOON + day * DAY, **more)

    return make


@pytest.fixture
def log() -> Callable[[str], list[Any]]:
    """The events of a type in the brand that is entered, oldest first."""

    def read(kind: str) -> list[Any]:
        return [event for event in reversed(eventlog.tail(10_000)) if event.type == kind]

    return read
