"""Generates ``card-scans.csv`` and ``card-scans-later.csv``: who scanned a package card (包裹卡), over the real orders.

The orders are real, the scans are not. One card travels with every order; its
serial is ``<campaign>-<order number>``, so a scan names the parcel it came in.
Every customer whose number is divisible by 10 scans the card of the first order
at noon, three days after that order, and leaves a phone number. Of those who buy
again in the last quarter, everybody whose number ends in 3 or 7 scans the card of
the first of these orders in the same way; they are the later ones. Phones are drawn
with a fixed seed from 555-0100 to 555-0199, the block kept free for fiction in
every North American area code. Times are wall-clock times of America/New_York.

Run it from any folder; the same input gives the same bytes::

    python examples/make_card_scans.py
"""

from __future__ import annotations

import csv
import random
from datetime import date, datetime, time, timedelta
from pathlib import Path

HERE = Path(__file__).resolve().parent
ORDERS = HERE / "cdnow_sample_orders.csv"
OUTPUT, LATER = HERE / "card-scans.csv", HERE / "card-scans-later.csv"

CAMPAIGN, LATER_CAMPAIGN = "SPRING97", "AGAIN"
LATER_FROM, LATER_UNTIL = date(1998, 4, 1), date(1998, 6, 26)
SEED = 1997
COLUMNS = ("serial", "scanned_at", "phone", "name")
AREA_CODES = (206, 212, 215, 303, 312, 404, 415, 512, 617, 702)
NAMES = ("Alex", "Casey", "Dana", "Jamie", "Jordan", "Kim", "Lee", "Morgan", "Pat", "Robin", "Sam", "Taylor")


def first_orders(path: Path, since: date = date.min) -> dict[str, tuple[date, str]]:
    """The day and the number of each customer's first order from a day on; of one day the lowest number."""
    first: dict[str, tuple[date, str]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            order = (date.fromisoformat(row["date"]), row["order_id"])
            customer = row["customer_id"]
            if order[0] >= since and (customer not in first or order < first[customer]):
                first[customer] = order
    return first


def scans(path: Path) -> tuple[list[tuple[str, str, str, str]], list[tuple[str, str, str, str]]]:
    """The rows of both files in the order of the scans; those of one instant by serial."""
    random_source = random.Random(SEED)
    phones = [f"+1{area}55501{last:02d}" for area in AREA_CODES for last in range(100)]
    leads = sorted((c, o) for c, o in first_orders(path).items() if int(c) % 10 == 0)
    drawn = random_source.sample(phones, len(leads))
    rows = [_row(CAMPAIGN, *each, random_source) for each in zip(leads, drawn, strict=True)]
    left = [phone for phone in phones if phone not in set(drawn)]
    again = sorted(
        (c, o) for c, o in first_orders(path, LATER_FROM).items() if c[-1] in "37" and o[0] <= LATER_UNTIL
    )
    later = [
        _row(LATER_CAMPAIGN, *each, random_source)
        for each in zip(again, random_source.sample(left, len(again)), strict=True)
    ]
    return sorted(rows, key=_by_scan), sorted(later, key=_by_scan)


def _row(
    campaign: str, lead: tuple[str, tuple[date, str]], phone: str, random_source: random.Random
) -> tuple[str, str, str, str]:
    _, (day, number) = lead
    scanned_at = datetime.combine(day + timedelta(days=3), time(12))
    return f"{campaign}-{number}", scanned_at.isoformat(), phone, random_source.choice(NAMES)


def _by_scan(row: tuple[str, str, str, str]) -> tuple[str, str]:
    return row[1], row[0]


def main() -> None:
    """Write the files."""
    for path, rows in zip((OUTPUT, LATER), scans(ORDERS), strict=True):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(rows)


if __name__ == "__main__":
    main()
