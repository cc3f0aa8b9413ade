"""Brands with KOC programmes: acme (Shanghai) and moonco (New York)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from koc_scene import ON, Scene

from scrm_koc import KocPlugin


@pytest.fixture
def scenes(new_installation, deliver, clock) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings and gives the scene of each."""

    def make(settings: str = ON, *more: type) -> tuple[Scene, Scene]:
        installation = new_installation(plugins=(KocPlugin, *more), acme=settings, moonco=settings)
        return tuple(Scene(installation.brand(name), deliver, clock) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme."""
    return scenes()[0]
