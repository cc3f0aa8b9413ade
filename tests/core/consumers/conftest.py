"""Two brands whose plugin has pages for customers; acme makes members of those who join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from consumer_scene import GATEWAYS, Shop
from flask.testing import FlaskClient

from scrm_core.brands import Brand
from scrm_core.installation import Installation
from scrm_core.web import create_app

ACME = '\n[consumer]\ncode_sender = "counter"\nmembership = true\n[plugins.shop]\n'
MOONCO = '\n[consumer]\ncode_sender = "counter"\n[plugins.shop]\n'


@pytest.fixture
def shop(new_installation: Callable[..., Installation]) -> Installation:
    GATEWAYS.clear()
    Shop.accounts = {}
    return new_installation(plugins=(Shop,), acme=ACME, moonco=MOONCO)


@pytest.fixture
def acme(shop: Installation) -> Brand:
    return shop.brand("acme")


@pytest.fixture
def moonco(shop: Installation) -> Brand:
    return shop.brand("moonco")


@pytest.fixture
def app(shop: Installation) -> Any:
    return create_app(shop)


@pytest.fixture
def new_browser(app: Any) -> Callable[[], FlaskClient]:
    """A function that opens a browser without any cookie."""
    return app.test_client


@pytest.fixture
def browser(new_browser: Callable[[], FlaskClient]) -> FlaskClient:
    return new_browser()
