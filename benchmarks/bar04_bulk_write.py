"""Bar 4: the public bulk write of model rows, beside a raw executemany of the same rows (>= 0.6x)."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands, raw_connection
from measure import paired, report, size

from scrm_core.db.bulk import insert_model_rows
from scrm_core.models import Segment

ROWS = size(100_000, 2_000)
STEP = 1_000


def rows() -> list[dict[str, object]]:
    """What both sides write: five columns, one unique index."""
    return [
        {"name": f"segment {n}", "expression": f"orders > {n % 9}", "created_at": n, "updated_at": n}
        for n in range(ROWS)
    ]


def main() -> None:
    """Measure the bar."""
    data = rows()
    with TemporaryDirectory() as folder:
        installation = open_brands(Path(folder), ["bench"])
        brand = installation.brand("bench")
        plain = raw_connection(Path(folder) / "data" / "bench.db")

        def ours() -> None:
            with brand:
                for start in range(0, ROWS, STEP):
                    with brand.transaction():
                        insert_model_rows(Segment, data[start : start + STEP])

        def raw() -> None:
            for start in range(0, ROWS, STEP):
                plain.execute("BEGIN IMMEDIATE")
                plain.executemany(
                    "INSERT INTO segment (name, expression, created_at, updated_at) VALUES (?, ?, ?, ?)",
                    [tuple(row.values()) for row in data[start : start + STEP]],
                )
                plain.execute("COMMIT")

        measured = paired(emptied(plain, ours), emptied(plain, raw))
        report("4 bulk write of model rows / raw executemany", measured.speed, at_least=0.6)


def emptied(connection: sqlite3.Connection, work: Callable[[], None]) -> Callable[[], None]:
    """The work after the table was emptied; emptying costs both sides the same."""

    def run() -> None:
        connection.execute("DELETE FROM segment")
        work()

    return run


if __name__ == "__main__":
    main()
