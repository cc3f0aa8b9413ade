"""Brands for the bars that need nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engines import SQLITE, raw_connection

from scrm_core.installation import Installation
from scrm_core.plugin import Plugin

__all__ = ["BRAND", "open_brands", "raw_connection"]

BRAND = '[brand]\nid = "{id}"\nname = "Bench"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'


def open_brands(
    root: Path, names: Iterable[str], plugins: tuple[type[Plugin], ...] = (), *, url: str = SQLITE.url
) -> Installation:
    """A migrated project in ``root`` with these brands, the plugins switched on in each."""
    (root / "brands").mkdir(parents=True)
    (root / "scrm.toml").write_text(f'database_url = "{url}"\ndatabase_synchronous = "NORMAL"\n')
    tables = "".join(f"[plugins.{cls.name}]\n" for cls in plugins)
    for name in names:
        (root / "brands" / f"{name}.toml").write_text(BRAND.format(id=name) + tables)
    installation = Installation.open(root, plugins=plugins)
    installation.migrate()
    return installation

