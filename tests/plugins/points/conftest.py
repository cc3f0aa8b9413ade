"""Brands with points: acme and moonco both earn a point per 100 minor units unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from points_scene import EARNING, Scene

from scrm_points import Points


@pytest.fixture
def scenes(new_installation, deliver) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings and gives the scene of each."""

    def make(settings: str = EARNING) -> tuple[Scene, Scene]:
        installation = new_installation(plugins=(Points,), acme=settings, moonco=settings)
        return tuple(Scene(installation.brand(name), deliver) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme."""
    return scenes()[0]
