"""The scene of the delivery bars: a brand with contacts, one event each, and six plugins.

A scene is made once and copied for every run, so that each run begins with
cold cursors and an empty tag table. The same file serves ours and yardstick.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scrm_core import eventlog
from scrm_core.brands import Brand
from scrm_core.clock import ManualClock
from scrm_core.db.bulk import execute, insert_model_rows
from scrm_core.delivery import Delivery
from scrm_core.installation import Installation
from scrm_core.models import Contact
from scrm_core.plugin import Plugin

PLUGINS = 6
START = 1_767_225_600_000
BRAND = '[brand]\nid = "bench"\nname = "Bench"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n\n'
PROJECT = 'database_url = "sqlite:data"\ndatabase_synchronous = "NORMAL"\n'


@dataclass
class Scene:
    """A project with ``events`` events that six plugins of ``classes`` have yet to see."""

    root: Path
    events: int
    classes: tuple[type[Plugin], ...]
    copies: int = 0

    def copy(self) -> Path:
        """The root of a fresh copy."""
        self.copies += 1
        return shutil.copytree(self.root, self.root.parent / f"run{self.copies}")

    def delivery(self) -> Callable[[], None]:
        """A delivery of everything in a fresh, opened copy, which checks that each handler met each event once."""
        installation = Installation.open(self.copy(), clock=ManualClock(START), plugins=self.classes)
        brand = installation.brand("bench")

        def run() -> None:
            with brand:
                Delivery(brand).drain()
            calls = sum(plugin.calls for plugin in brand.plugins.values())  # type: ignore[attr-defined]
            if calls != len(self.classes) * self.events:
                raise SystemExit(f"{calls} calls instead of {len(self.classes) * self.events}")
            installation.close()

        return run

    def database(self, root: Path) -> sqlite3.Connection:
        """A plain connection with the settings that the framework uses itself."""
        connection = sqlite3.connect(root / "data" / "bench.db", isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


@contextmanager
def scene(events: int, classes: tuple[type[Plugin], ...]) -> Iterator[Scene]:
    """Make a scene in a folder that goes away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "shop"
        (root / "brands").mkdir(parents=True)
        (root / "scrm.toml").write_text(PROJECT, encoding="utf-8")
        tables = "\n".join(f"[plugins.{cls.name}]" for cls in classes)
        (root / "brands" / "bench.toml").write_text(BRAND + tables + "\n", encoding="utf-8")
        installation = Installation.open(root, clock=ManualClock(START), plugins=classes)
        installation.migrate()
        brand = installation.brand("bench")
        with brand, brand.transaction():
            _fill(brand, events, classes)
        with brand:
            execute("PRAGMA wal_checkpoint(TRUNCATE)")
        installation.close()
        yield Scene(root, events, classes)


def _fill(brand: Brand, events: int, classes: tuple[type[Plugin], ...]) -> None:
    for cls in classes:
        brand.tags.define("bench", cls.name, kind="system")
    insert_model_rows(
        Contact,
        [{"uid": f"u{i:08d}", "created_at": START, "updated_at": START} for i in range(1, events + 1)],
    )
    data = {"source": "shop", "platform": "tmall", "paid_minor": 19_900, "items": 1, "lines": [["SKU-1", 1, 19_900, 0]]}
    eventlog.append(
        [
            eventlog.NewEvent("order.paid", i, START + i, {"order_id": i, "number": f"L{i:08d}", **data})
            for i in range(1, events + 1)
        ],
        recorded_at=START,
    )
