"""Two brands that keep events for 7 days, visits for 3 and texts for 10."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from retention_scene import Diary, Shop

from scrm_core.installation import Installation

SHORT = """
[retention]
events_days = 7
visits_days = 3
messages_days = 10
[attribution]
window_days = 2
[outreach]
quiet_hours = "none"
[plugins.diary]
"""


@pytest.fixture
def shops(new_installation: Callable[..., Installation]) -> tuple[Shop, Shop]:
    """acme in Shanghai and moonco in New York."""
    Diary.heard.clear()
    Diary.broken_at = 0
    installation = new_installation(plugins=(Diary,), acme=SHORT, moonco=SHORT)
    return Shop(installation.brand("acme")), Shop(installation.brand("moonco"))


@pytest.fixture
def shop(shops: tuple[Shop, Shop]) -> Shop:
    return shops[0]
