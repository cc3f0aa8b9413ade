"""Bar 12: counting a segment over 1M contacts, 5M tags and 3M orders, and reading it in pages.

The count runs beside hand-written EXISTS SQL for the same people (<= 1.2x time);
the 10,000th keyset page beside the first (<= 3x). Both on one database.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from engines import Engine, engines
from measure import paired, report, size

from scrm_core.brands import Brand
from scrm_core.clock import ManualClock
from scrm_core.db.bulk import execute
from scrm_core.installation import Installation

CONTACTS = size(1_000_000, 5_000)
TAGS_EACH = 5
ORDERS_EACH = 3
PAGE_ROWS = 50
PAGE = size(10_000, 50)
CALLS_PER_PAGE_RUN = 20
BRAND = '[brand]\nid = "bench"\nname = "Bench"\ntimezone = "Asia/Shanghai"\ncurrency = "CNY"\n'
PROJECT = 'database_url = "{url}"\ndatabase_synchronous = "NORMAL"\n'

EXPRESSION = "tag = t7 and platform = douyin and order_value >= 500.00 and not tag in (t3, t90)"
BY_HAND = """
SELECT count(*) FROM contact c WHERE c.state = 'active'
AND EXISTS (SELECT 1 FROM contact_tag t WHERE t.contact_id = c.id AND t.tag_id = 7)
AND EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = c.id AND o.valid = 1 AND o.platform = 'douyin')
AND EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = c.id AND o.valid = 1
            AND o.paid_minor - o.refund_minor >= 50000)
AND NOT EXISTS (SELECT 1 FROM contact_tag t WHERE t.contact_id = c.id AND t.tag_id IN (3, 90))
"""
ORDERS_ONLY = "platform = douyin and order_value >= 500.00"
ORDERS_BY_HAND = """
SELECT count(*) FROM contact c WHERE c.state = 'active'
AND EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = c.id AND o.valid = 1 AND o.platform = 'douyin')
AND EXISTS (SELECT 1 FROM orders o WHERE o.contact_id = c.id AND o.valid = 1
            AND o.paid_minor - o.refund_minor >= 50000)
"""
WIDE = "not tag = t3 and has platform"

# n is 0, 1, 2 ...; the factors are odd, so facts spread over contacts without a pattern between them.
COUNTING = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?) "
SCENE = (
    (
        "INSERT INTO contact (id, uid, name, state, origin, created_at, updated_at) "
        "SELECT n + 1, 'u' || n, '', 'active', '', 1, 1 FROM n",
        CONTACTS,
    ),
    (
        "INSERT INTO tag (id, group_id, name, kind, plan, created_at) "
        "SELECT n + 1, 1, 't' || (n + 1), 'business', 'bench', 1 FROM n",
        100,
    ),
    (
        "INSERT INTO contact_tag (contact_id, tag_id, origin, actor, at) "
        f"SELECT n / {TAGS_EACH} + 1, (n * 2654435761 / 65536) % 100 + 1, 'auto', '', 1 FROM n "
        "WHERE true ON CONFLICT DO NOTHING",
        CONTACTS * TAGS_EACH,
    ),
    (
        "INSERT INTO orders (uid, source, number, platform, contact_id, matched_by, status, paid_at, day, "
        "paid_minor, items, valid, digest, created_at, updated_at) "
        "SELECT 'o' || n, 'b', CAST(n AS text), CASE n % 5 WHEN 0 THEN 'douyin' WHEN 1 THEN 'tmall' ELSE 'jd' END, "
        f"n / {ORDERS_EACH} + 1, '', 'completed', 1, 1, (n * 2654435761 / 65536) % 100000, 1, 1, '', 1, 1 FROM n",
        CONTACTS * ORDERS_EACH,
    ),
)


def build(root: Path, engine: Engine) -> Brand:
    """A project with one brand that holds the scene."""
    (root / "brands").mkdir()
    (root / "brands" / "bench.toml").write_text(BRAND, encoding="utf-8")
    (root / "scrm.toml").write_text(PROJECT.format(url=engine.url), encoding="utf-8")
    installation = Installation.open(root, clock=ManualClock())
    installation.migrate()
    brand = installation.brand("bench")
    with brand, brand.transaction():
        execute("INSERT INTO tag_group (id, name, s_level, created_at) VALUES (1, 'bench', 0, 1)")
        for statement, rows in SCENE:
            insert, select = statement.split("SELECT", 1)
            statement = f"{insert}{COUNTING}SELECT{select}"
            if not engine.sqlite:
                statement = statement.replace("%", "%%").replace("?", "%s")
            brand.handle.database.execute_sql(statement, (rows - 1,))
    if not engine.sqlite:
        with engine.raw(root, "bench") as plain:
            plain.execute("VACUUM ANALYZE")
    return brand


def count_beside(brand: Brand, bar: str, expression: str, by_hand: str) -> None:
    """Report one count beside hand-written SQL that must find the same number."""
    ours, theirs = brand.segments.count(expression), execute(by_hand).fetchone()[0]
    if not ours == theirs > 0:
        raise SystemExit(f"the counts differ: {ours} and {theirs}")
    pairs = paired(lambda: brand.segments.count(expression), lambda: execute(by_hand).fetchone())
    report(bar, pairs.time, at_most=1.2)


def main() -> None:
    """Every row on each database."""
    for engine in engines():
        measure(engine)


def measure(engine: Engine) -> None:
    """Build the scene and report its rows."""
    with tempfile.TemporaryDirectory() as folder:
        brand = build(Path(folder), engine)
        with brand:
            count_beside(brand, f"12 count by tags and orders, EXISTS by hand, {engine.name}", EXPRESSION, BY_HAND)
            count_beside(brand, f"12 count by orders, EXISTS by hand, {engine.name}", ORDERS_ONLY, ORDERS_BY_HAND)

            after = 0
            for _ in range(PAGE - 1):
                after = brand.segments.page(WIDE, after, PAGE_ROWS)[-1]

            def pages(start: int) -> None:
                for _ in range(CALLS_PER_PAGE_RUN):
                    if len(brand.segments.page(WIDE, start, PAGE_ROWS)) != PAGE_ROWS:
                        raise SystemExit("the page is not full")

            paging = paired(lambda: pages(after), lambda: pages(0))
            report(f"12 page {PAGE:,} beside the first, {engine.name}", paging.time, at_most=3)


if __name__ == "__main__":
    main()
