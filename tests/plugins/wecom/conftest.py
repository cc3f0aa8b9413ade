"""Two brands with WeCom: acme is told things, moonco must not hear of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from wecom_scene import SETTINGS, Scene
from wecom_server import WecomServer

from scrm_wecom import WecomPlugin


@pytest.fixture
def scenes(new_installation, deliver) -> Callable[..., tuple[Scene, Scene]]:
    """A function that makes acme and moonco with these settings more and gives the scene of each."""

    def make(acme: str = "", moonco: str = "", *, before: str = "") -> tuple[Scene, Scene]:
        installation = new_installation(
            plugins=(WecomPlugin,), acme=before + SETTINGS + acme, moonco=before + SETTINGS + moonco
        )
        return tuple(Scene(installation, name, deliver) for name in ("acme", "moonco"))

    return make


@pytest.fixture
def server() -> Iterator[WecomServer]:
    """A server that answers what the test tells it."""
    made = WecomServer()
    yield made
    made.close()


@pytest.fixture
def calling(scenes, server) -> Scene:
    """Acme, which may ask WeCom, played by ``server``."""
    return scenes(acme=f'secret = "s3cret"\napi = "{server.url}"\n')[0]


@pytest.fixture
def scene(scenes) -> Scene:
    """Acme."""
    return scenes()[0]
