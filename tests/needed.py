"""What a test needs of the machine: without it the test is skipped, or fails where nothing may be skipped."""

from __future__ import annotations

import os

import pytest


def missing(service: str, remedy: str) -> None:
    """Skip the test, or fail it where every service is required (``SCRM_TEST_REQUIRE=all``)."""
    words = f"{service} is missing: {remedy}"
    if os.environ.get("SCRM_TEST_REQUIRE") == "all":
        pytest.fail(words)
    pytest.skip(words)
