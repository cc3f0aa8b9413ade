"""Brands with benefit cards: acme in CNY, moonco in USD, each with a key of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from benefit_scene import Letters, Scene, table

from scrm_benefit_card import BenefitCard


@pytest.fixture
def scenes(new_installation) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings and gives the scene of each."""

    def make(acme: str = "", moonco: str = "") -> tuple[Scene, Scene]:
        installation = new_installation(
            plugins=(BenefitCard, Letters), acme=acme or table(), moonco=moonco or table("moonco")
        )
        return tuple(Scene(installation.brand(name)) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme."""
    return scenes()[0]
