"""Bar 4: the public bulk write of model rows, beside a raw executemany of the same rows (>= 0.6x)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from brand_scene import open_brands
from engines import Engine, engines
from measure import paired, report, size

from scrm_core.db.bulk import insert_model_rows
from scrm_core.models import Segment

ROWS = size(100_000, 2_000)
STEP = 1_000


def rows() -> list[dict[str, Any]]:
    """What both sides write: five columns, one unique index."""
    return [
        {"name": f"segment {n}", "expression": f"orders > {n % 9}", "created_at": n, "updated_at": n}
        for n in range(ROWS)
    ]


def main() -> None:
    """Measure the bar on each database."""
    for engine in engines():
        measure(engine, rows())


def measure(engine: Engine, data: list[dict[str, Any]]) -> None:
    """One row."""
    mark = "?" if engine.sqlite else "%s"
    insert = f"INSERT INTO segment (name, expression, created_at, updated_at) VALUES ({', '.join([mark] * 4)})"
    with TemporaryDirectory() as folder:
        installation = open_brands(Path(folder), ["bench"], url=engine.url)
        brand = installation.brand("bench")
        plain = engine.raw(Path(folder), "bench")

        def ours() -> None:
            with brand:
                for start in range(0, ROWS, STEP):
                    with brand.transaction():
                        insert_model_rows(Segment, data[start : start + STEP])

        def raw() -> None:
            for start in range(0, ROWS, STEP):
                plain.execute("BEGIN IMMEDIATE" if engine.sqlite else "BEGIN")
                plain.cursor().executemany(insert, [tuple(row.values()) for row in data[start : start + STEP]])
                plain.execute("COMMIT")

        measured = paired(emptied(plain, ours), emptied(plain, raw))
        plain.close()
        report(f"4 bulk write of model rows / raw executemany, {engine.name}", measured.speed, at_least=0.6)


def emptied(connection: Any, work: Callable[[], None]) -> Callable[[], None]:
    """The work after the table was emptied; emptying costs both sides the same."""

    def run() -> None:
        connection.execute("DELETE FROM segment")
        work()

    return run


if __name__ == "__main__":
    main()
