"""Two brands with games: acme is the scene, moonco must not see anything of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from games_scene import ISSUER_FILE, SETTINGS, Prizes, Scene

from scrm_core.installation import Installation
from scrm_interaction_games import InteractionGames


@pytest.fixture
def games_installation(new_installation: Callable[..., Installation]) -> Callable[..., Installation]:
    """A function that makes both brands with games and an issuer of prizes; ``plugins`` and ``more`` tables are added."""

    def make(*, plugins: tuple[type, ...] = (), more: str = "") -> Installation:
        return new_installation(
            plugins=(InteractionGames, Prizes, *plugins), acme=SETTINGS + more, moonco=SETTINGS + more
        )

    return make


@pytest.fixture
def scene(games_installation: Callable[..., Installation]) -> Iterator[Scene]:
    """Acme, inside its brand for the whole test."""
    brand = games_installation().brand("acme")
    with brand:
        yield Scene(brand)


@pytest.fixture
def open_house(new_installation: Callable[..., Installation]) -> Iterator[Callable[[], Installation]]:
    """A function that makes an installation which other processes can open: real plugins, the real clock."""
    made: list[Installation] = []

    def make() -> Installation:
        root = new_installation().config.root
        folder = root / "plugins" / "scrm_prizes"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(ISSUER_FILE, encoding="utf-8")
        with (root / "scrm.toml").open("a") as file:
            file.write('plugins_dir = "plugins"\n')
        with (root / "brands" / "acme.toml").open("a") as file:
            file.write(SETTINGS)
        installation = Installation.open(root)
        made.append(installation)
        installation.migrate()
        return installation

    yield make
    for installation in made:
        installation.close()
