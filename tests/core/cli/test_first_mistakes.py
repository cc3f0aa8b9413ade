"""What a newcomer runs into first: a missing driver, no brand yet, errors told once, masked complaints."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from scrm_core.cli.codes import REFUSED

BRAND = '[brand]\nid = "{id}"\nname = "{id}"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n\n[plugins.loud]\n'
LOUD = """
from scrm_core.api import Plugin, hookimpl

class Loud(Plugin):
    name = "loud"
    version = "1.0"
    summary = "Cannot handle anything"
    requires_core = ">=0.1.0.dev0"

    @hookimpl
    def on_order(self, event):
        raise RuntimeError("call 13800138000")
"""


def scrm(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own: only there its log goes to standard error."""
    return subprocess.run(
        [sys.executable, "-m", "scrm_core.cli", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def project(folder: Path) -> Path:
    (folder / "brands").mkdir()
    (folder / "plugins" / "scrm_loud").mkdir(parents=True)
    (folder / "plugins" / "scrm_loud" / "__init__.py").write_text(LOUD)
    (folder / "scrm.toml").write_text('plugins_dir = "plugins"\n')
    for brand in ("acme", "moonco"):
        (folder / "brands" / f"{brand}.toml").write_text(BRAND.format(id=brand))
    return folder


def test_what_a_short_command_complains_about_is_masked_and_names_the_event(tmp_path):
    folder = project(tmp_path)
    assert scrm(folder, "migrate").returncode == 0
    (folder / "o.csv").write_text("source,number,status,paid_minor,paid_at\nshop,A1,paid,5,2026-01-02\n")
    assert scrm(folder, "import", "orders", "acme", "o.csv").returncode == 0
    done = scrm(folder, "worker", "--once")
    assert "RuntimeError: call" in done.stderr
    assert "event 1 parked" in done.stderr
    assert "13800138000" not in done.stderr


def test_an_error_of_a_brands_file_is_told_once(tmp_path):
    folder = project(tmp_path)
    path = folder / "brands" / "acme.toml"
    path.write_text(path.read_text() + "[colours]\n")
    done = scrm(folder, "brand", "check")
    assert done.returncode == REFUSED
    assert (done.stdout + done.stderr).count("colours") == 1
    assert "moonco: no errors" in done.stdout


def test_a_project_without_brands_is_told_so(cli):
    for path in (cli.folder / "brands").glob("*.toml"):
        path.unlink()
    assert "no brand has a file" in cli("brand", "check").stdout


def test_postgresql_without_its_driver_says_what_to_install(cli, monkeypatch):
    find = importlib.util.find_spec

    def without_psycopg(name, *more):
        return None if name == "psycopg" else find(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without_psycopg)
    (cli.folder / "scrm.toml").write_text('database_url = "postgresql://user@127.0.0.1:1/none"\n')
    assert "pip install 'scrm[postgres]'" in cli("migrate", code=REFUSED).stderr
