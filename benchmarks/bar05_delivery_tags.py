"""Bar 5: delivery to six plugins that each write a tag per event, cursor atomic.

Beside a raw executemany of the same tag rows into the same indexes, a delivery
batch per transaction (>= 0.7x), and beside the same six plugins that run one
peewee query per event (>= 5x).

Each tag that is set is also told to all plugins, as an event in the log. A raw
write of the tags and these events is measured as well: ours beside it (>= 0.7x)
is what delivery itself costs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from delivery_scene import PLUGINS, START, Scene, scene
from engines import Engine, engines
from measure import paired, report, size

from scrm_core.facts import OrderPaid
from scrm_core.hooks import hookimpl
from scrm_core.limits import LIMITS
from scrm_core.models import ContactTag
from scrm_core.plugin import Plugin

EVENTS = size(20_000, 600)
COLUMNS = "contact_id, tag_id, origin, actor, at"
EVENT_COLUMNS = "type, contact_id, at, recorded_at, backfill, data"
TOLD = '{"tag_id":%d,"group":"bench","tag":"tagging-%d","origin":"auto","actor":"tagging-%d"}'


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


def raw(place: Scene, *, events: bool = False) -> Callable[[], None]:
    """Raw executemany of the same tag rows over a fresh copy, with or without the event of each."""
    connection = place.database()
    begin, mark = ("BEGIN IMMEDIATE", "?") if place.engine.sqlite else ("BEGIN", "%s")
    insert = f"INSERT INTO contact_tag ({COLUMNS}) VALUES ({', '.join([mark] * 5)})"
    insert_event = f"INSERT INTO event ({EVENT_COLUMNS}) VALUES ({', '.join([mark] * 6)})"
    step = LIMITS.delivery_batch

    def run() -> None:
        for first in range(1, place.events + 1, step):
            for tag in range(1, PLUGINS + 1):
                connection.execute(begin)
                connection.cursor().executemany(
                    insert,
                    [
                        (i, tag, "auto", f"tagging-{tag}", START + i)
                        for i in range(first, min(first + step, place.events + 1))
                    ],
                )
                if events:
                    told = TOLD % (tag, tag, tag)
                    connection.cursor().executemany(
                        insert_event,
                        [
                            ("tag.added", i, START + i, START, 0, told)
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
    """Measure both rows of the bar on each database."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """Both rows."""
    pairs = size(7, 2)
    with scene(EVENTS, tuple(tagging(n) for n in range(1, PLUGINS + 1)), engine) as place:
        against_raw = paired(Fresh(place.delivery, pairs), Fresh(lambda: raw(place), pairs))
        report(f"5 delivery with tags / raw executemany, {engine.name}", against_raw.speed, at_least=0.7)
        with_events = paired(Fresh(place.delivery, pairs), Fresh(lambda: raw(place, events=True), pairs))
        report(f"5 delivery with tags / raw tags and events, {engine.name}", with_events.speed, at_least=0.7)
        queries = Scene(place.root, place.events, tuple(querying(n) for n in range(1, PLUGINS + 1)), engine, 1_000)
        against_queries = paired(Fresh(place.delivery, 2), Fresh(queries.delivery, 2), pairs=2)
        report(f"5 delivery with tags / a peewee query per event, {engine.name}", against_queries.speed, at_least=5)


if __name__ == "__main__":
    main()
