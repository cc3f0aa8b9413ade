"""Two brands with the console on, users of every role, passwords that are looked at quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from console_scene import ROLES, SWITCHED_ON, WORD, Browser, TeaRoom

from scrm_console import Console
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
