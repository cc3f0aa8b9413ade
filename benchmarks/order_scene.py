"""Order files of any size for the import bars, and the rows that importing one leaves behind."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from scrm_core.brands import Brand
from scrm_core.intake.importer import ImportReport, run_import
from scrm_core.intake.mapping import load_mapping

MAPPING = """
kind = "orders"
source = "shop"
platform = "tmall"
money = "minor"
dates = ["%Y-%m-%d"]

[columns]
number = "order_id"
buyer = "customer_id"
paid_at = "date"
items = "items"
paid_minor = "amount_cents"

[constants]
status = "completed"
"""
ORDERS_PER_BUYER = 3
FIRST_DAY = date(2025, 1, 1)
DAYS = 500


def write_file(folder: Path, orders: int) -> Path:
    """A file like a shop's export: in the order of time, each buyer about three times."""
    draw = random.Random(orders)
    path = folder / f"orders-{orders}.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("order_id,customer_id,date,items,amount_cents\n")
        for number in range(orders):
            day = FIRST_DAY + timedelta(days=number * DAYS // orders)
            buyer = draw.randrange(max(1, orders // ORDERS_PER_BUYER))
            file.write(f"T{number:09d},{buyer:08d},{day},{draw.randint(1, 4)},{draw.randrange(100, 60_000)}\n")
    return path


def import_file(brand: Brand, path: Path) -> ImportReport:
    """Import a file of :func:`write_file` as a user would."""
    mapping = path.with_suffix(".toml")
    mapping.write_text(MAPPING, encoding="utf-8")
    return run_import(brand, "orders", path, load_mapping(mapping))


TABLES = ("contact", "identity", "orders", "event")
Batch = list[tuple[str, list[tuple[object, ...]]]]
"""An INSERT and its rows, per table."""


def batches(connection: sqlite3.Connection, orders: int) -> Iterator[Batch]:
    """The rows of an imported database, a thousand orders with all that came with them at a time."""
    inserts = {}
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        marks = ", ".join("?" * len(columns))
        inserts[table] = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    last_contact = 0
    for low in range(0, orders, 1_000):
        span = (low, low + 1_000)
        (newest,) = connection.execute(
            "SELECT coalesce(max(contact_id), 0) FROM orders WHERE id > ? AND id <= ?", span
        ).fetchone()
        people = (last_contact, max(newest, last_contact))
        last_contact = people[1]
        where = {
            "contact": ("id > ? AND id <= ?", people),
            "identity": ("contact_id > ? AND contact_id <= ?", people),
            "orders": ("id > ? AND id <= ?", span),
            "event": ("id > ? AND id <= ?", span),
        }
        batch: Batch = []
        for table in TABLES:
            condition, bounds = where[table]
            rows = connection.execute(f"SELECT * FROM {table} WHERE {condition}", bounds).fetchall()
            batch.append((inserts[table], rows))
        yield batch
