"""Bar 6: delivery to six plugins that do nothing, beside reading and decoding the same rows once (<= 1.5x)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from delivery_scene import PLUGINS, START, Scene, scene
from engines import Engine, engines
from measure import paired, report, size

from scrm_core import eventlog
from scrm_core.clock import ManualClock
from scrm_core.facts import OrderPaid
from scrm_core.hooks import hookimpl
from scrm_core.installation import Installation
from scrm_core.limits import LIMITS
from scrm_core.plugin import Plugin

EVENTS = size(60_000, 1_000)


def idle(number: int) -> type[Plugin]:
    """A plugin that looks at every order and does nothing."""

    class Idle(Plugin):
        name = f"idle-{number}"
        version, summary, requires_core, history = "1", "does nothing", ">=0.1.0.dev0", True
        calls = 0

        @hookimpl
        def on_order(self, event: OrderPaid) -> None:
            self.calls += 1

    return Idle


def read_once(place: Scene) -> Callable[[], None]:
    """Reading and decoding the log once, in delivery's batches."""
    installation = Installation.open(place.copy()[0], clock=ManualClock(START), plugins=place.classes)
    brand = installation.brand("bench")

    def run() -> None:
        position, count = eventlog.START, 0
        with brand:
            while events := eventlog.read(position, LIMITS.delivery_batch):
                position, count = events[-1].position, count + len(events)
        installation.close()
        if count != place.events:
            raise SystemExit(f"{count} events instead of {place.events}")

    return run


def main() -> None:
    """Measure the bar on each database."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """One row."""
    pairs = size(5, 2)
    with scene(EVENTS, tuple(idle(n) for n in range(1, PLUGINS + 1)), engine) as place:
        ours = [place.delivery() for _ in range(pairs)]
        yardstick = [read_once(place) for _ in range(pairs)]
        result = paired(lambda: ours.pop()(), lambda: yardstick.pop()())
        report(f"6 delivery to six idle plugins / reading once, {engine.name}", result.time, at_most=1.5)


if __name__ == "__main__":
    main()
