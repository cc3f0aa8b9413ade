"""Bar 1: importing orders, beside a raw executemany of the same rows (>= 0.40x rows/s).

Ours reads a CSV file, checks, finds duplicates, resolves the buyers, writes
orders and events and keeps the order columns of the contacts. The yardstick
only writes what that left behind (contacts, identities, orders, events, with
all indexes), from lists in memory, a thousand orders a transaction.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands, raw_connection
from measure import Pairs, report, seconds, size
from order_scene import Batch, batches, import_file, write_file

ORDERS = size(200_000, 3_000)
PAIRS = size(5, 2)


def ours(root: Path, file: Path) -> float:
    """Seconds of importing the file into a new brand in ``root``."""
    installation = open_brands(root, ["bench"])
    brand = installation.brand("bench")
    taken = seconds(lambda: import_file(brand, file))
    installation.close()
    return taken


def yardstick(root: Path, rows: list[Batch]) -> float:
    """Seconds of writing the same rows into a new brand in ``root``."""
    open_brands(root, ["bench"]).close()
    with closing(raw_connection(root / "data" / "bench.db")) as plain:

        def write() -> None:
            for batch in rows:
                plain.execute("BEGIN IMMEDIATE")
                for insert, values in batch:
                    plain.executemany(insert, values)
                plain.execute("COMMIT")

        return seconds(write)


def main() -> None:
    """Measure the bar."""
    with TemporaryDirectory() as folder:
        base = Path(folder)
        file = write_file(base, ORDERS)
        ours(base / "first", file)
        with closing(raw_connection(base / "first" / "data" / "bench.db")) as made:
            rows = list(batches(made, ORDERS))
        written = sum(len(values) for batch in rows for insert, values in batch if "INTO orders" in insert)
        if written != ORDERS:
            raise SystemExit(f"{written} orders were imported, not {ORDERS}")
        times = [(ours(base / f"ours{run}", file), yardstick(base / f"raw{run}", rows)) for run in range(PAIRS)]
    measured = Pairs(tuple(a for a, _ in times), tuple(b for _, b in times))
    report("1 import of orders / raw executemany of the same rows", measured.speed, at_least=0.40)


if __name__ == "__main__":
    main()
