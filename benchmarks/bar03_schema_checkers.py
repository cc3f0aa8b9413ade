"""Bar 3: checkers derived from a schema's fields against ``schema.load`` of the same schema.

The rows are valid, as nearly all rows are; a bad row goes to ``schema.load`` by
design. That both answer alike on damaged rows is tests/core/intake/test_checkers.py.
"""

from __future__ import annotations

import random
from zoneinfo import ZoneInfo

import measure

from scrm_core.intake.checkers import checker_for
from scrm_core.intake.schemas import SCHEMAS

ZONE = ZoneInfo("Asia/Shanghai")
ROWS = measure.size(20_000, 500)


def orders(draw: random.Random) -> list[dict[str, object]]:
    """Orders with two lines, a phone and a time of day."""
    return [
        {
            "source": "shop",
            "number": f"{draw.randrange(10**17):018d}",
            "platform": "tmall",
            "buyer": f"{draw.randrange(10**9):010d}",
            "phone": f"138{draw.randrange(10**8):08d}",
            "status": "completed",
            "paid_at": f"2026-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T{draw.randrange(24):02d}:30:00",
            "paid_minor": draw.randrange(100_000),
            "lines": [{"sku": f"S-{draw.randrange(99)}", "title": "纸尿裤", "qty": 1, "paid_minor": 5}] * 2,
        }
        for _ in range(ROWS)
    ]


def leads(draw: random.Random) -> list[dict[str, object]]:
    """Leads as an intake form posts them."""
    return [
        {
            "channel": "card",
            "phone": f"+86138{draw.randrange(10**8):08d}",
            "name": "王小明",
            "state": f"SPRING-{draw.randrange(10**6)}",
            "at": f"2026-01-{draw.randint(1, 28):02d}T12:{draw.randrange(60):02d}:00+08:00",
        }
        for _ in range(ROWS)
    ]


def products(draw: random.Random) -> list[dict[str, object]]:
    """Products with two attributes."""
    return [
        {
            "sku": f"S-{draw.randrange(10**6)}",
            "title": "拉拉裤",
            "category": "baby/diaper/pants",
            "price_minor": draw.randrange(100_000),
            "attributes": {"size": "M", "colour": "white"},
        }
        for _ in range(ROWS)
    ]


def main() -> None:
    """One row per kind."""
    draw = random.Random(3)
    for kind, rows in (("orders", orders(draw)), ("leads", leads(draw)), ("products", products(draw))):
        schema = SCHEMAS[kind](zone=ZONE)
        check, load = checker_for(schema), schema.load
        if check(rows[0]) != load(rows[0]):
            raise SystemExit(f"checker and schema disagree about {kind}")
        pairs = measure.paired(lambda: [check(row) for row in rows], lambda: [load(row) for row in rows])
        measure.report(f"3 schema checkers: {kind}", pairs.speed, at_least=5.0)


if __name__ == "__main__":
    main()
