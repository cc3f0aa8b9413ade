"""``scrm run`` at another port than links name says which line of scrm.toml to change."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from scrm_core import serve
from scrm_core.cli.root import root
from scrm_core.serve import Address, misdirecting


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_run_warns_on_start(installation, monkeypatch):
    monkeypatch.setattr(serve, "check_port", lambda address: None)
    monkeypatch.setattr(serve, "run", lambda *args, **kwargs: 0)
    monkeypatch.chdir(installation.config.root)
    started = CliRunner().invoke(root, ["run", "--port", "8001"])
    assert started.exit_code == 0, started.output
    port = installation.config.base_url.rpartition(":")[2]
    assert f"Warning: links lead to port {port}, not 8001: write base_url = " in started.output
    assert "Warning" not in CliRunner().invoke(root, ["run", "--port", port]).output


@pytest.mark.parametrize(
    ("base_url", "warned"),
    [
        ("http://127.0.0.1:8000", 'base_url = "http://127.0.0.1:8001"'),
        ("http://localhost", 'base_url = "http://localhost:8001"'),
        ("http://[::1]:8000/shop", 'base_url = "http://[::1]:8001/shop"'),
        ("http://127.0.0.1:8001", ""),
        ("https://shop.example", ""),  # a proxy stands in front
    ],
)
def test_only_a_loopback_address_with_another_port_is_warned_of(base_url, warned):
    warning = misdirecting(Address("127.0.0.1", 8001), base_url)
    assert warned in warning and bool(warning) == bool(warned)
