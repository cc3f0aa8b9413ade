"""Deprecated names warn at the plugin's own line, and go when they were said to."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.version import Version

import scrm_core
from scrm_core import api, deprecations
from scrm_core.cli.root import root
from scrm_core.deprecations import DEPRECATIONS, Deprecation, ScrmDeprecationWarning, overdue
from scrm_core.hooks import HOOK_CHANGES, HOOK_NAMES, HookSpecs, hook_history

OLD = Deprecation("0.2.0", "0.4.0", "use from_instant", target="scrm_core.clock:from_instant")
PLUGIN = """\
from scrm_core.api import Plugin, hookimpl


class Old(Plugin):
    name = "old"
    version = "1.0"
    summary = "Uses what goes"
    requires_core = ">=0.1"
    history = True

    @hookimpl
    def on_lead(self, event):
        from scrm_core.api import instant_of
"""


@pytest.fixture
def old(monkeypatch):
    monkeypatch.setitem(DEPRECATIONS, "scrm_core.api.instant_of", OLD)
    monkeypatch.setitem(DEPRECATIONS, "Plugin.history", Deprecation("0.2.0", "0.3.0", "leave it out"))


@pytest.fixture
def written(tmp_path, monkeypatch):
    folder = tmp_path / "scrm_old"
    folder.mkdir()
    (folder / "__init__.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("scrm_old", None)


def test_a_name_of_the_api_is_what_it_stands_for_and_the_warning_names_the_plugins_line(old, written, scrm_app):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        shop = scrm_app(importlib.import_module("scrm_old").Old).brand
        shop.lead()
        shop.deliver()
    places = [(each.filename, each.lineno, str(each.message)) for each in told if each.category is ScrmDeprecationWarning]
    file = str(written / "__init__.py")
    assert places[0] == (file, 4, "Plugin.history is deprecated since 0.2.0 and goes in 0.3.0; leave it out")
    assert (
        file, 13, "scrm_core.api.instant_of is deprecated since 0.2.0 and goes in 0.4.0; use from_instant"
    ) in places  # fmt: skip
    with pytest.warns(ScrmDeprecationWarning):
        assert api.instant_of is api.from_instant


def test_a_name_that_nobody_deprecated_is_not_there(old):
    with pytest.raises(AttributeError, match="module 'scrm_core.api' has no attribute 'instant'"):
        _ = api.instant


def test_plugin_check_tells_it_and_does_not_fail_for_it(old, written):
    done = CliRunner().invoke(root, ["plugin", "check", str(written), "--without", "import-cost"])
    assert done.exit_code == 0, done.output
    line = f"warning: {written}/__init__.py:4: Plugin.history is deprecated since 0.2.0 and goes in 0.3.0; leave it out"
    assert line in done.stderr.splitlines()


def test_pytest_shows_it_with_the_plugins_file_and_line(written):
    (written.parent / "conftest.py").write_text(
        "from scrm_core.deprecations import DEPRECATIONS, Deprecation\n"
        "DEPRECATIONS['Plugin.history'] = Deprecation('0.2.0', '0.3.0', 'leave it out')\n"
    )
    (written.parent / "test_old.py").write_text("def test_it():\n    import scrm_old\n")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly"]
    done = subprocess.run(words, cwd=written.parent, capture_output=True, text=True, check=False)
    assert "scrm_old/__init__.py:4: ScrmDeprecationWarning: Plugin.history is deprecated" in done.stdout, done.stdout


def test_no_deprecated_name_is_overdue():
    assert overdue(scrm_core.__version__) == []


def test_what_is_overdue_or_goes_too_soon_is_named(monkeypatch):
    monkeypatch.setattr(deprecations, "DEPRECATIONS", {
        "scrm_core.api.instant_of": OLD, "Plugin.short": Deprecation("0.4.0", "0.4.1", "leave it out"),
    })  # fmt: skip
    assert overdue("0.3.9") == ["Plugin.short goes in 0.4.1, which is no later minor version than 0.4.0"]
    assert [line.partition(";")[0] for line in overdue("0.4.0.dev1")] == [
        "scrm_core.api.instant_of was to be removed in 0.4.0: remove it, and its line in DEPRECATIONS",
        "Plugin.short goes in 0.4.1, which is no later minor version than 0.4.0",
    ]


def test_every_hook_says_since_when_and_the_page_has_each_change():
    now = Version(Version(scrm_core.__version__).base_version)
    for name in HOOK_NAMES:
        assert Version(getattr(HookSpecs, name).scrm_since) <= now
    assert {name for _, name, _ in HOOK_CHANGES} <= set(HOOK_NAMES)
    page = (Path(__file__).resolve().parents[3] / "docs" / "compatibility.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| 0.") or line.startswith("| 1.")]
    assert rows == [f"| {version} | `{name}` | {change} |" for version, name, change in hook_history()]
    assert len(rows) >= len(HOOK_NAMES)
