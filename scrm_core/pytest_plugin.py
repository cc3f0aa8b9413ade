"""What pytest loads by itself (``pytest11``): one fixture, which imports the framework only when it is used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import App


@pytest.fixture
def scrm_app() -> Iterator[Callable[..., App]]:
    """A function that makes an :class:`scrm_core.testing.App` of plugin classes; closed when the test ends."""
    from .testing import App

    made: list[App] = []

    def make(*plugins: Any, **options: Any) -> App:
        made.append(App(*plugins, **options))
        return made[-1]

    yield make
    for app in reversed(made):
        app.close()
