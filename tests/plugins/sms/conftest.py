"""Brands with the SMS plugin: acme has it with a recording gateway, moonco does not unless a test says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sms_scene import Bench, Scene, configured

from scrm_core.brands import Installation
from scrm_sms import Sms


@pytest.fixture
def sms_installation(new_installation: Callable[..., Installation]) -> Callable[..., Installation]:
    """A function that makes both brands, acme with the tables of :func:`sms_scene.configured`."""

    def make(**settings: object) -> Installation:
        both = configured(**settings)  # type: ignore[arg-type]
        return new_installation(plugins=(Sms, Bench), acme=both, moonco=both)

    return make


@pytest.fixture
def scene(sms_installation: Callable[..., Installation]) -> Scene:
    """Acme, inside its brand for the whole test."""
    brand = sms_installation().brand("acme")
    with brand:
        yield Scene(brand)
