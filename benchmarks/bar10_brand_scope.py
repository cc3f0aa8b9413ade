"""Bar 10: a query routed to its brand, beside the same query on a plain peewee database.

Through the ORM >= 0.9x, raw SQL >= 0.6x; and 100 brands on 8 threads keep at
most 400 descriptors open.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent))

import peewee
from brand_scene import open_brands
from engines import Engine, engines
from measure import paired, report, size

from scrm_core.db import brand_db
from scrm_core.models import Meta

QUERIES = size(20_000, 500)
BRANDS = size(100, 10)
THREADS = 8


def main() -> None:
    """Measure two rows for each database, and the descriptors of files."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """The rows of a database."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        others = [f"b{n}" for n in range(BRANDS)] if engine.sqlite else []
        installation = open_brands(root, ["bench", *others], url=engine.url)
        brand = installation.brand("bench")
        with brand:
            Meta.create(key="answer", value="42")
        if engine.sqlite:
            plain = peewee.SqliteDatabase(str(root / "data" / "bench.db"), pragmas={"journal_mode": "wal"})
        else:
            options = "-c search_path=bench"
            plain = peewee.PostgresqlDatabase(engine.url, prefer_psycopg3=True, options=options, autoconnect=True)
        select = f"SELECT value FROM meta WHERE key = {'?' if engine.sqlite else '%s'}"

        class PlainMeta(peewee.Model):
            key = peewee.TextField(primary_key=True)
            value = peewee.TextField()

            class Meta:
                database = plain
                table_name = "meta"

        def routed_orm() -> None:
            with brand:
                for _ in range(QUERIES):
                    Meta.get(Meta.key == "answer")

        def plain_orm() -> None:
            for _ in range(QUERIES):
                PlainMeta.get(PlainMeta.key == "answer")

        def routed_sql() -> None:
            with brand:
                for _ in range(QUERIES):
                    brand_db.execute_sql(select, ("answer",)).fetchone()

        def plain_sql() -> None:
            for _ in range(QUERIES):
                plain.execute_sql(select, ("answer",)).fetchone()

        speed = paired(routed_orm, plain_orm).speed
        report(f"10 brand-scoped query, ORM / plain, {engine.name}", speed, at_least=0.9)
        speed = paired(routed_sql, plain_sql).speed
        report(f"10 brand-scoped query, SQL / plain, {engine.name}", speed, at_least=0.6)
        plain.close()
        if not engine.sqlite:  # one pool for all brands: how many there are costs no descriptor
            installation.close()
            return
        report(f"10 descriptors, {BRANDS} brands x 8 threads", float(descriptors(installation, root)), at_most=400)


def descriptors(installation, root: Path) -> int:
    """How many files below ``root`` are open when every thread has visited every brand."""
    visited, counted = threading.Barrier(THREADS + 1), threading.Event()

    def visit() -> None:
        for n in range(BRANDS):
            with installation.brand(f"b{n}"):
                Meta.select().count()
        visited.wait()
        counted.wait()
        installation.close()

    threads = [threading.Thread(target=visit) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    visited.wait()
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith(str(root))
        except FileNotFoundError:
            continue
    counted.set()
    for thread in threads:
        thread.join()
    return count


if __name__ == "__main__":
    main()
