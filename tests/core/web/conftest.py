"""A web client for each brand of the test installation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_client import Api, new_key

from scrm_core.brands import Brand
from scrm_core.installation import Installation
from scrm_core.web import create_app


@pytest.fixture
def client(installation: Installation) -> FlaskClient:
    return create_app(installation).test_client()


@pytest.fixture
def api(client: FlaskClient, brand: Brand) -> Api:
    """Brand acme with a key that may do everything."""
    return Api(client, brand.id, new_key(brand))


@pytest.fixture
def other_api(client: FlaskClient, other: Brand) -> Api:
    """Brand moonco with a key that may do everything there."""
    return Api(client, other.id, new_key(other))


@pytest.fixture
def api_of(new_installation: Callable[..., Installation]) -> Callable[..., tuple[Installation, Api, Api]]:
    """A function that makes an installation with plugins and both brands' clients."""

    def make(*, plugins: tuple[type[Any], ...] = (), **brands: str) -> tuple[Installation, Api, Api]:
        installation = new_installation(plugins=plugins, **brands)
        client = create_app(installation).test_client()
        acme, moonco = installation.brand("acme"), installation.brand("moonco")
        return (
            installation,
            Api(client, "acme", new_key(acme)),
            Api(client, "moonco", new_key(moonco)),
        )

    return make
