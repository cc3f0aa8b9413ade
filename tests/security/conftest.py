"""What the tests of this room stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from shop_scene import Shop, played

from scrm_core.installation import Installation
from scrm_core.web import create_app


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Shop:
    """Two brands with every bundled plugin and a story behind them; who writes takes a copy."""
    with played(tmp_path_factory.mktemp("security") / "shop") as made:
        return made


@pytest.fixture(scope="module")
def doors(shop, tmp_path_factory) -> Iterator[tuple[FlaskClient, Installation]]:
    """A client of a copy of the shop, and its installation."""
    with shop.opened(shop.copied(tmp_path_factory.mktemp("doors") / "shop")) as installation:
        yield create_app(installation).test_client(), installation
