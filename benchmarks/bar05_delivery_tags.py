"""Bar 5: delivery to six plugins that each write a tag per event, cursor atomic.

Beside a raw executemany of the same tag rows into the same indexes, a delivery
batch per transaction (>= 0.7x), and beside the same six plugins that run one
peewee query per event (>= 5x).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from delivery_scene import PLUGINS, START, Scene, scene
from measure import paired, report, size

from scrm_core.facts import OrderPaid
from scrm_core.hooks import hookimpl
from scrm_core.limits import LIMITS
from scrm_core.models import ContactTag
from scrm_core.plugin import Plugin

EVENTS = size(20_000, 600)
COLUMNS = "contact_id, tag_id, origin, actor, at"


def tagging(number: int) -> type[Plugin]:
    """A plugin that tags through the service, as plugins do."""

    class Tagging(Plugin):
        name = f"tagging-{number}"
        version, summary, requires_core, history = "1", "tags every buyer", ">=0.1.0.dev0", True
        calls = 0

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            self.calls += 1
            self.brand.tags.add(event.contact_id, ("bench", self.name), origin="auto", actor=self.name, at=event.at)

    return Tagging


def querying(number: int) -> type[Plugin]:
    """A plugin that writes the same row with one peewee query per event."""

    class Querying(Plugin):
        name = f"tagging-{number}"
        version, summary, requires_core, history = "1", "tags every buyer", ">=0.1.0.dev0", True
        calls = 0

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            self.calls += 1
            row = {"contact": event.contact_id, "tag": number, "origin": "auto", "actor": self.name, "at": event.at}
            ContactTag.insert(**row).on_conflict_ignore().execute()

    return Querying


def raw(place: Scene) -> Callable[[], None]:
    """Raw executemany of the same tag rows over a fresh copy."""
    root = place.copy()
    connection = place.database(root)
    step = LIMITS.delivery_batch

    def run() -> None:
        for first in range(1, place.events + 1, step):
            for tag in range(1, PLUGINS + 1):
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(
                    f"INSERT INTO contact_tag ({COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                    [
                        (i, tag, "auto", f"tagging-{tag}", START + i)
                        for i in range(first, min(first + step, place.events + 1))
                    ],
                )
                connection.execute("COMMIT")
        (rows,) = connection.execute("SELECT count(*) FROM contact_tag").fetchone()
        if rows != PLUGINS * place.events:
            raise SystemExit(f"{rows} rows instead of {PLUGINS * place.events}")

    return run


class Fresh:
    """Prepared copies, made before the clock of a run starts."""

    def __init__(self, make: Callable[[], Callable[[], None]], count: int) -> None:
        self._runs = [make() for _ in range(count)]

    def __call__(self) -> None:
        self._runs.pop()()


def main() -> None:
    """Measure both rows of the bar."""
    pairs = size(5, 2)
    with scene(EVENTS, tuple(tagging(n) for n in range(1, PLUGINS + 1))) as place:
        against_raw = paired(Fresh(place.delivery, pairs), Fresh(lambda: raw(place), pairs))
        report("5 delivery with tags / raw executemany", against_raw.speed, at_least=0.7)
        queries = Scene(place.root, place.events, tuple(querying(n) for n in range(1, PLUGINS + 1)), 1_000)
        against_queries = paired(Fresh(place.delivery, 2), Fresh(queries.delivery, 2), pairs=2)
        report("5 delivery with tags / a peewee query per event", against_queries.speed, at_least=5)


if __name__ == "__main__":
    main()
