"""Brands with the SMS plugin: acme has it with a recording gateway, moonco does not unless a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sms_scene import FILE_PLUGIN, Bench, Scene, configured
from staff_desk import Browser, desks

from scrm_console import Console
from scrm_core.clock import SystemClock
from scrm_core.installation import Installation
from scrm_sms import Sms


@pytest.fixture
def sms_installation(new_installation: Callable[..., Installation]) -> Callable[..., Installation]:
    """A function that makes both brands, acme with the tables of :func:`sms_scene.configured`."""

    def make(**settings: object) -> Installation:
        both = configured(**settings)  # type: ignore[arg-type]
        return new_installation(plugins=(Sms, Bench), acme=both, moonco=both)

    return make


@pytest.fixture
def scene(sms_installation: Callable[..., Installation]) -> Iterator[Scene]:
    """Acme, inside its brand for the whole test."""
    brand = sms_installation().brand("acme")
    with brand:
        yield Scene(brand)


@pytest.fixture
def house(new_installation: Callable[..., Installation]) -> Installation:
    """Both brands with the console; plans of more than one message take two persons, one message goes first."""
    tables = configured(two_persons=1, canary=1, recall=0) + "[plugins.console]\n"
    return new_installation(plugins=(Console, Sms, Bench), acme=tables, moonco=tables)


@pytest.fixture
def browser(house: Installation, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Browser]:
    """A function that gives somebody's browser; pia is a second operator."""
    return desks(house, monkeypatch, pia={"acme": "operator"})


@pytest.fixture
def posting(new_installation: Callable[..., Installation]) -> Iterator[Callable[..., Scene]]:
    """A function that makes acme send into a file of the project, on the real clock, as other processes do too."""
    made: list[Installation] = []

    def make(*, per_7_days: str = '"none"', **settings: object) -> Scene:
        root = new_installation().config.root
        folder = root / "plugins" / "scrm_post"
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(FILE_PLUGIN)
        with (root / "scrm.toml").open("a") as file:
            file.write('plugins_dir = "plugins"\n')
        tables = configured(**settings).replace("[plugins.bench]", "[plugins.post]")  # type: ignore[arg-type]
        with (root / "brands" / "acme.toml").open("a") as file:
            file.write(tables.replace('per_7_days = "none"', f"per_7_days = {per_7_days}"))
        installation = Installation.open(root, clock=SystemClock())
        made.append(installation)
        installation.migrate()
        return Scene(installation.brand("acme"))

    yield make
    for installation in made:
        installation.close()
