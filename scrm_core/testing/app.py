"""An app for tests: a project in a temporary folder, two brands, given plugin classes, a clock that stands."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clock import ManualClock
from ..config import load_project
from ..config_reference import toml
from ..errors import PluginError
from ..installation import Installation
from ..plugin import Plugin
from ..users import DATABASE as USERS
from .outbox import Outbox
from .shop import Shop

if TYPE_CHECKING:
    from flask import Flask

BRAND, SECOND_BRAND = "acme", "moonco"
BRANDS = {
    BRAND: '[brand]\nid = "acme"\nname = "Acme 母婴"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n',
    SECOND_BRAND: '[brand]\nid = "moonco"\nname = "Moon Co"\ntimezone = "America/New_York"\ncurrency = "USD"\n'
    'locale = "en"\nphone_region = "US"\n',
}


class App:
    """Two brands with exactly these plugins switched on; close it, or use it with ``with``.

    ``settings`` are the keys of the plugin's table in both brands' files; with
    several plugins, or to give each its own, a table by plugin name
    (``{"big-spender": {...}}``). ``brand_toml`` is further text of both files, such
    as ``[outreach]``. ``database_url`` is a PostgreSQL database to use instead of
    SQLite files; the two brands' schemas are made in it and deleted at the end.
    Raises ConfigError for settings that the plugin refuses, PluginError for a plugin
    called ``outbox``, ValueError for a database that holds one of these brands already: nothing in it is touched.
    """

    def __init__(
        self,
        *plugins: type[Plugin],
        settings: Mapping[str, Any] | None = None,
        brand_toml: str = "",
        clock: ManualClock | None = None,
        database_url: str = "",
    ) -> None:
        for cls in plugins:
            if cls.name == Outbox.name:
                raise PluginError(f"plugin {cls.name!r}: the test kit's own sender has this name; choose another")
        self.plugins = plugins
        self.clock = clock or ManualClock()
        self.brand_toml = brand_toml
        self._tables = _tables(plugins, settings or {})
        self._off: set[tuple[str, str]] = set()
        self._folder = tempfile.TemporaryDirectory(prefix="scrm-app-")
        self.root = Path(self._folder.name)
        (self.root / "brands").mkdir()
        (self.root / "scrm.toml").write_text(
            f'database_url = {json.dumps(database_url or "sqlite:data")}\ndatabase_synchronous = "NORMAL"\n',
            encoding="utf-8",
        )
        for brand in BRANDS:
            self._write(brand)
        if not database_url:
            shutil.copytree(_migrated(), self.root / "data")
        self.installation = Installation(load_project(self.root), clock=self.clock, plugins=(*plugins, Outbox))
        names = (*BRANDS, USERS) if database_url else ()
        taken = [name for name in names if self.installation.engine.exists(name)]
        if taken:
            self.installation.close()
            self._folder.cleanup()
            raise ValueError(
                f"database_url: the database holds brand {taken[0]!r} already; give an empty one (CREATE DATABASE), "
                "since the app deletes its brands at the end"
            )
        try:
            self.installation.migrate()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> App:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the databases and delete the folder."""
        if not self.installation.config.sqlite:
            for name in (*BRANDS, USERS):
                self.installation.engine.drop(name)
        self.installation.close()
        self._folder.cleanup()

    @cached_property
    def brand(self) -> Shop:
        """The brand that tests act on: Shanghai, CNY, Chinese."""
        return Shop(self, BRAND)

    @cached_property
    def second_brand(self) -> Shop:
        """A brand that nothing may leak into: New York, USD, English."""
        return Shop(self, SECOND_BRAND)

    @cached_property
    def web(self) -> Flask:
        """The WSGI application, made when first needed; raises PluginError for a route without a permission."""
        from ..web.app import create_app

        return create_app(self.installation)

    def switch_off(self, plugin: str, shop: Shop | None = None) -> None:
        """Switch a plugin off for a brand (the first one), as ``enabled = false`` in its file does."""
        brand = (shop or self.brand).id
        self._off.add((brand, plugin))
        self._write(brand)

    def switch_on(self, plugin: str, shop: Shop | None = None) -> None:
        """Switch a plugin on again."""
        brand = (shop or self.brand).id
        self._off.discard((brand, plugin))
        self._write(brand)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Change settings of both brands while the app runs; ConfigError when a plugin refuses them.

        A plugin's table is replaced as a whole; those of plugins that are not named stay.
        """
        named = settings.keys() if len(self.plugins) > 1 else [cls.name for cls in self.plugins]
        self._tables |= {name: table for name, table in _tables(self.plugins, settings).items() if name in named}
        for brand in BRANDS:
            self._write(brand)
            problem = self.installation.problem(brand)
            if problem is not None:
                raise problem

    def reload(self, shop: Shop) -> None:
        """Make a brand and its plugins anew, as another process would: only what its database holds is left."""
        self._write(shop.id)

    def command(self, *words: str) -> str:
        """Run ``scrm ...`` in this project and return what it prints; AssertionError when it fails."""
        from click.testing import CliRunner

        from ..cli.root import root
        from ..cli.session import Session

        session = Session(self.root, self.clock, installation=self.installation)
        answer = CliRunner().invoke(root, list(words), obj=session, catch_exceptions=False)
        assert answer.exit_code == 0, f"scrm {' '.join(words)}: exit {answer.exit_code}\n{answer.output}"
        return answer.output

    def _write(self, brand: str) -> None:
        parts = [BRANDS[brand], self.brand_toml]
        for name, table in self._tables.items():
            off = {"enabled": False} if (brand, name) in self._off else {}
            parts.append(f"[plugins.{name}]\n" + "".join(f"{k} = {toml(v)}\n" for k, v in {**table, **off}.items()))
        path = self.root / "brands" / f"{brand}.toml"
        fresh = path.with_suffix(".new")  # a new file by name: a change within the clock's grain is seen, too
        fresh.write_text("\n".join(parts), encoding="utf-8")
        fresh.replace(path)


def _tables(plugins: tuple[type[Plugin], ...], settings: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    names = {cls.name for cls in plugins}
    if settings and len(plugins) == 1 and not isinstance(settings.get(plugins[0].name), Mapping):
        settings = {plugins[0].name: settings}
    unknown = settings.keys() - names
    if unknown:
        raise ValueError(f"settings of {', '.join(sorted(unknown))}: the app has {', '.join(sorted(names)) or 'none'}")
    return {**{name: settings.get(name, {}) for name in sorted(names, key=[c.name for c in plugins].index)},
            Outbox.name: {}}  # fmt: skip


def core_tables() -> frozenset[str]:
    """The tables of a brand without plugins."""
    with contextlib.closing(sqlite3.connect(_migrated() / f"{BRAND}.db")) as file:
        return frozenset(name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))


_template: tempfile.TemporaryDirectory[str] | None = None


def _migrated() -> Path:
    """The files of both brands without plugins, made once per process."""
    global _template
    if _template is None:
        _template = tempfile.TemporaryDirectory(prefix="scrm-template-")
        root = Path(_template.name)
        (root / "brands").mkdir()
        (root / "scrm.toml").write_text('database_url = "sqlite:data"\n', encoding="utf-8")
        for brand, text in BRANDS.items():
            (root / "brands" / f"{brand}.toml").write_text(text, encoding="utf-8")
        made = Installation(load_project(root))
        made.migrate()
        made.close()
    return Path(_template.name) / "data"
