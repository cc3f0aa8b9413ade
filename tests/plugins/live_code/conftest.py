"""Two brands with live codes: acme in Shanghai, moonco in New York."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from live_scene import Scene

from scrm_live_code import LiveCodePlugin


@pytest.fixture
def scenes(new_installation, deliver) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings more and gives the scene of each."""

    def make(acme: str = "", *, plugins: tuple = (), before: str = "") -> tuple[Scene, Scene]:
        table = f"{before}\n[plugins.live-code]\n"
        installation = new_installation(plugins=(*plugins, LiveCodePlugin), acme=table + acme, moonco=table)
        return tuple(Scene(installation, name, deliver) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme."""
    return scenes()[0]
