"""Both brands with the console and package cards."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from staff_desk import Browser, desks

from scrm_console import Console
from scrm_core.installation import Installation
from scrm_package_card import PackageCard

ON = '[plugins.console]\n[plugins.package-card]\ndepartments = ["客服"]\n'


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    """Two brands with the console; one department has to know of a launch."""
    return new_installation(plugins=(Console, PackageCard), acme=ON, moonco=ON)


@pytest.fixture
def browser(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Browser]:
    """A function that gives somebody's browser; pia is a second operator."""
    return desks(house, monkeypatch, pia={"acme": "operator"})
