"""The scene of the delivery bars: a brand with contacts, one event each, and six plugins.

A scene is made once and copied for every run, so that each run begins with
cold cursors and an empty tag table. The same file serves ours and yardstick.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines import SQLITE, Engine

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
PROJECT = 'database_url = "{url}"\ndatabase_synchronous = "NORMAL"\n'


@dataclass
class Scene:
    """A project with ``events`` events that six plugins of ``classes`` have yet to see."""

    root: Path
    events: int
    classes: tuple[type[Plugin], ...]
    engine: Engine = SQLITE
    copies: int = 0

    def copy(self) -> tuple[Path, Engine]:
        """The root of a fresh copy, and its database."""
        self.copies += 1
        root, engine = shutil.copytree(self.root, self.root.parent / f"run{self.copies}"), self.engine
        if not engine.sqlite:
            engine = engine.copy(self.copies)
            (root / "scrm.toml").write_text(PROJECT.format(url=engine.url), encoding="utf-8")
        return root, engine

    def delivery(self) -> Callable[[], None]:
        """A delivery of everything in a fresh, opened copy, which checks that each handler met each event once."""
        installation = Installation.open(self.copy()[0], clock=ManualClock(START), plugins=self.classes)
        brand = installation.brand("bench")

        def run() -> None:
            with brand:
                Delivery(brand).drain()
            calls = sum(plugin.calls for plugin in brand.plugins.values())  # type: ignore[attr-defined]
            if calls != len(self.classes) * self.events:
                raise SystemExit(f"{calls} calls instead of {len(self.classes) * self.events}")
            installation.close()

        return run

    def database(self) -> Any:
        """A plain connection to a fresh copy."""
        root, engine = self.copy()
        return engine.raw(root, "bench")


@contextmanager
def scene(events: int, classes: tuple[type[Plugin], ...], engine: Engine = SQLITE) -> Iterator[Scene]:
    """Make a scene in a folder that goes away afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "shop"
        (root / "brands").mkdir(parents=True)
        (root / "scrm.toml").write_text(PROJECT.format(url=engine.url), encoding="utf-8")
        tables = "\n".join(f"[plugins.{cls.name}]" for cls in classes)
        (root / "brands" / "bench.toml").write_text(BRAND + tables + "\n", encoding="utf-8")
        installation = Installation.open(root, clock=ManualClock(START), plugins=classes)
        installation.migrate()
        brand = installation.brand("bench")
        with brand, brand.transaction():
            _fill(brand, events, classes)
        with brand:
            execute("PRAGMA wal_checkpoint(TRUNCATE)" if engine.sqlite else "ANALYZE")
            while not eventlog.read(eventlog.START, 1):  # a transaction of somebody else on the server is older
                time.sleep(0.1)
        installation.close()
        yield Scene(root, events, classes, engine)


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
