"""Brands on SQLite for the bars that need nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from scrm_core.installation import Installation
from scrm_core.plugin import Plugin

BRAND = '[brand]\nid = "{id}"\nname = "Bench"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'


def open_brands(root: Path, names: Iterable[str], plugins: tuple[type[Plugin], ...] = ()) -> Installation:
    """A migrated project in ``root`` with these brands, the plugins switched on in each."""
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text('database_url = "sqlite:data"\ndatabase_synchronous = "NORMAL"\n')
    tables = "".join(f"[plugins.{cls.name}]\n" for cls in plugins)
    for name in names:
        (root / "brands" / f"{name}.toml").write_text(BRAND.format(id=name) + tables)
    installation = Installation.open(root, plugins=plugins)
    installation.migrate()
    return installation


def raw_connection(path: Path) -> sqlite3.Connection:
    """A plain connection with the settings that the framework uses itself."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16000"):
        connection.execute(f"PRAGMA {pragma}")
    return connection
