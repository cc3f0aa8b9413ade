"""Two brands with referral and product vouchers: acme is the scene, moonco must not see anything of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from referral_scene import TABLES, Scene

from scrm_core.installation import Installation
from scrm_coupon_threshold import CouponThreshold
from scrm_referral import Referral


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    return new_installation(plugins=(CouponThreshold, Referral), acme=TABLES, moonco=TABLES)


@pytest.fixture
def scene(house: Installation, deliver: Callable[..., None]) -> Iterator[Scene]:
    """Acme, inside its brand for the whole test."""
    brand = house.brand("acme")
    with brand:
        yield Scene(brand, deliver)


@pytest.fixture
def open_house(new_installation: Callable[..., Installation]) -> Iterator[Callable[[], Installation]]:
    """A function that makes an installation which other processes can open."""
    made: list[Installation] = []

    def make() -> Installation:
        root = new_installation().config.root
        with (root / "brands" / "acme.toml").open("a") as file:
            file.write(TABLES)
        installation = Installation.open(root)
        made.append(installation)
        installation.migrate()
        return installation

    yield make
    for installation in made:
        installation.close()
