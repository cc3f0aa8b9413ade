"""How every benchmark measures: beside a yardstick, in turns, median of the pairs.

Machines are shared and noisy, so no number stands alone. A bar runs ours and the
yardstick alternately and reports the median of the ratios. A bar is a file
``bar<number>_<what>.py`` that runs alone::

    python benchmarks/bar03_schema_checkers.py --small

and prints one JSON object a line for each row, by :func:`report`.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


def small() -> bool:
    """True when the bar was started with ``--small``: sizes that prove it runs, not how fast."""
    return "--small" in sys.argv[1:]


def size(full: int, small_size: int) -> int:
    """``full`` for a measurement, ``small_size`` under ``--small``."""
    return small_size if small() else full


@dataclass(frozen=True)
class Pairs:
    """Seconds of each run, ours and the yardstick's, in the order they ran."""

    ours: tuple[float, ...]
    yardstick: tuple[float, ...]

    @property
    def speed(self) -> float:
        """How fast ours is: 1 is the yardstick's speed, 2 twice as fast. For bars that say "at least"."""
        return statistics.median(b / a for a, b in zip(self.ours, self.yardstick, strict=True))

    @property
    def time(self) -> float:
        """How long ours takes: 1 is the yardstick's time, 2 twice as long. For bars that say "at most"."""
        return statistics.median(a / b for a, b in zip(self.ours, self.yardstick, strict=True))


def seconds(work: Callable[[], object]) -> float:
    """Wall-clock seconds of one call, with the garbage of earlier runs out of the way."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def paired(ours: Callable[[], object], yardstick: Callable[[], object], *, pairs: int | None = None) -> Pairs:
    """Run ours and the yardstick in turns, five pairs (two under ``--small``)."""
    count = pairs or size(5, 2)
    results = [(seconds(ours), seconds(yardstick)) for _ in range(count)]
    return Pairs(tuple(a for a, _ in results), tuple(b for _, b in results))


def report(bar: str, ratio: float, *, at_least: float | None = None, at_most: float | None = None) -> bool:
    """Print one row and return whether it holds. Exactly one of the limits is given.

    ``bar`` begins with the bar's number, for example ``"3 schema checkers"``.
    """
    if (at_least is None) == (at_most is None):
        raise ValueError("a bar has exactly one limit: at_least or at_most")
    limit = at_least if at_least is not None else at_most
    holds = ratio >= at_least if at_least is not None else ratio <= float(at_most or 0)
    sense = ">=" if at_least is not None else "<="
    print(json.dumps({"bar": bar, "ratio": ratio, "limit": limit, "sense": sense, "holds": holds}), flush=True)
    return holds
