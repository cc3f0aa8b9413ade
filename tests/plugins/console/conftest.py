"""Two brands with the console on, users of every role, passwords that are looked at quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from console_scene import EVIL, ROLES, SWITCHED_ON, WORD, Browser, TeaRoom, at, lead, sell

from scrm_console import Console
from scrm_core.api import Brand, RefundIn
from scrm_core.clock import ManualClock
from scrm_core.installation import Installation
from scrm_core.web import create_app


@pytest.fixture
def house(new_installation: Callable[..., Installation], monkeypatch: pytest.MonkeyPatch) -> Installation:
    installation = new_installation(plugins=(Console, TeaRoom), acme=SWITCHED_ON, moonco=SWITCHED_ON)
    monkeypatch.setattr("scrm_core.users.passwords._METHOD", "scrypt:1024:8:1")
    for name, roles in ROLES.items():
        installation.users.create(name, WORD)
        for brand, role in roles.items():
            installation.users.set_role(name, brand, role)
    return installation


@pytest.fixture
def app(house: Installation) -> Any:
    return create_app(house)


@pytest.fixture
def browser(app: Any) -> Callable[..., Browser]:
    """A function that gives the browser of somebody who is signed in."""
    return lambda name="", language="en": Browser(app, name, language)


@pytest.fixture
def brands(house: Installation) -> tuple[Brand, Brand]:
    return house.brand("acme"), house.brand("moonco")


@pytest.fixture
def people(brands: tuple[Brand, Brand], clock: ManualClock) -> dict[str, Any]:
    """Three people of acme and one of moonco, in the last days of 2025."""
    acme, moonco = brands
    found = {
        "ada": lead(acme, "Ada", "+8613800138000", "2025-12-30T09:00"),
        "bo": lead(acme, "李博", "+8613800138001", "2025-12-30T23:59"),
        "cy": lead(acme, EVIL, "+8613800138002", "2025-11-20T09:00"),
        "luna": lead(moonco, "Lunatic", "+12025550143", "2025-12-30T09:00"),
    }
    sell(acme, "+8613800138000", "N1", "2025-12-30T10:00", 5_000)
    sell(acme, "+8613800138000", "N2", "2025-12-31T10:00", 2_050)
    sell(acme, "+8613800138001", "N3", "2025-12-31T00:10", 1_000)
    sell(acme, "+8613800138002", "N4", "2025-11-20T10:00", 900)
    sell(moonco, "+12025550143", "M1", "2025-12-30T10:00", 777_700)
    with acme:
        acme.orders.refund(RefundIn(source="shop", order_number="N2", number="R1", amount_minor=50, at=at(acme, "2025-12-31T12:00"), reason=""))
        acme.membership.join(found["ada"].id, at=at(acme, "2025-12-31T12:00"), source="shop")
    clock.set(at(acme, "2025-12-31T20:00"))
    return found


@pytest.fixture
def asked(brands: tuple[Brand, Brand], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the database of a brand, or of the users, was asked since the list was emptied."""
    found: list[str] = []
    database = type(brands[0].handle.database)
    real = database.execute_sql
    monkeypatch.setattr(
        database, "execute_sql", lambda self, sql, *more, **named: found.append(sql) or real(self, sql, *more, **named)
    )
    return found
