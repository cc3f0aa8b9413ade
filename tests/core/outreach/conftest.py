"""Two brands with a plugin that sends by a gateway which writes down what it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from night_scene import FREE, Carrier, at
from outreach_scene import RECORDERS, Mailer, People, Recorder

from scrm_core.brands import Brand
from scrm_core.installation import Installation


@pytest.fixture
def sending(new_installation: Callable[..., Installation], clock: Any) -> Installation:
    """Two brands that may send: acme without caps and quiet hours by default of the test, moonco as configured."""
    RECORDERS.clear()
    Mailer.statuses.clear()
    Mailer.inbox.clear()
    free = '\n[outreach]\none_to_one_per_week = "none"\nquiet_hours = "none"\n[outreach.channels.sms]\n'
    free += 'per_7_days = "none"\nper_30_days = "none"\n[plugins.mailer]\n'
    return new_installation(plugins=(Mailer,), acme=free, moonco="\n[plugins.mailer]\n")


@pytest.fixture
def people() -> Callable[[Brand], People]:
    return People


@pytest.fixture
def gateway(sending: Installation) -> Recorder:
    """The recorder of brand acme."""
    return RECORDERS.setdefault("acme", Recorder())


@pytest.fixture
def acme(sending: Installation) -> Brand:
    return sending.brand("acme")


@pytest.fixture
def both(new_installation, clock) -> Installation:
    """acme (Shanghai) and moonco (New York) with the same quiet hours, late in the evening in Shanghai."""
    RECORDERS.clear()
    clock.set(at("2026-03-01T23:00"))
    return new_installation(plugins=(Mailer, Carrier), acme=FREE, moonco=FREE)
