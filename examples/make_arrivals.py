"""Generates ``arrivals.csv``, ``store-orders.csv`` and ``friends.csv``: the newest year of the demo's store, invented.

The real orders are of people who all bought first in the same quarter, so what a brand looks at each day (who is new,
by which way, and whether they come again) would be empty. These people and what they buy in the store are invented:
drawn with a fixed seed, over the last 52 weeks of the real orders, more in the later ones and at week-ends. Everybody
with a member number joins on arrival. Friends came by the personal code of an inviter, who is one of the arrivals.
Phones are drawn from those that ``make_card_scans.py`` has left of the fictional ones. Times are wall-clock times of
America/New_York.

Run it behind ``make_card_scans.py``, from any folder; the same input gives the same bytes::

    python examples/make_arrivals.py
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from make_card_scans import AREA_CODES, NAMES

HERE = Path(__file__).resolve().parent
SEED = 1998
FIRST, LAST = date(1997, 7, 1), date(1998, 6, 29)
PEOPLE, FRIENDS, INVITERS = 420, 14, 4
CHANNELS = ("newsletter", "record-fair", "shop-window")
SHARES = (5, 3, 2)
# In the demo the campaign of friends opens on 1998-06-03, and inviters sign up for it two days later.
SIGNED_UP, INVITED_FROM = date(1998, 6, 5), date(1998, 6, 8)


def phones_left() -> list[str]:
    """The fictional numbers that nobody scanned a card with."""
    taken = set()
    for name in ("card-scans.csv", "card-scans-later.csv"):
        with (HERE / name).open(encoding="utf-8", newline="") as file:
            taken.update(row["phone"] for row in csv.DictReader(file))
    return [phone for area in AREA_CODES for last in range(100) if (phone := f"+1{area}55501{last:02d}") not in taken]


def days(draw: random.Random) -> list[datetime]:
    """When people arrive: each later week brings more, and a Saturday or Sunday half as many again."""
    span = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    weights = [(100 + n) * (3 if day.weekday() > 4 else 2) for n, day in enumerate(span)]
    drawn = draw.choices(span, weights, k=PEOPLE)
    return sorted(datetime.combine(day, time(draw.randrange(9, 20), draw.randrange(60))) for day in drawn)


def purchases(draw: random.Random, arrived: datetime) -> Iterable[tuple[datetime, int, int]]:
    """What somebody buys in the store: instants with items and cents; most come once or never, some often."""
    loyal = draw.random()
    if loyal < 0.4:
        return
    at = arrived + timedelta(minutes=draw.randrange(10, 50)) + timedelta(days=draw.choice((0, 0, 0, 2, 5, 11)))
    while at.date() <= LAST:
        items = draw.choice((1, 1, 1, 2, 2, 3))
        yield at, items, items * draw.choice((899, 1_199, 1_399, 1_599, 1_899))
        if draw.random() > loyal * 0.8:
            return
        at += timedelta(days=draw.randrange(6, 60))


def write(name: str, columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write one of the files."""
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def main() -> None:
    """Write the three files."""
    draw = random.Random(SEED)
    phones = draw.sample(phones_left(), PEOPLE + FRIENDS)
    arrivals, bought = [], []
    for number, (at, phone) in enumerate(zip(days(draw), phones, strict=False), 1):
        member = f"M{number:04d}" if draw.random() < 0.75 else ""
        (channel,) = draw.choices(CHANNELS, SHARES)
        arrivals.append((at.isoformat(), channel, phone, draw.choice(NAMES), member))
        bought += [(phone, *each) for each in purchases(draw, at)]
    inviters = [row[2] for row in arrivals if row[4] and row[0] < SIGNED_UP.isoformat()][-INVITERS:]
    friends = []
    for number, phone in enumerate(phones[PEOPLE:]):
        day = INVITED_FROM + timedelta(days=number * ((LAST - INVITED_FROM).days - 2) // FRIENDS)
        at = datetime.combine(day, time(draw.randrange(9, 20), draw.randrange(60)))
        inviter = inviters[(0, 1, 0, 2, 1, 0, 3)[number % 7]]
        friends.append((at.isoformat(), inviter, phone, draw.choice(NAMES)))
        if number % 3 < 2:
            bought.append((phone, at + timedelta(days=1), 1, 1_599))
    write("arrivals.csv", ("arrived_at", "channel", "phone", "name", "member"), arrivals)
    write("friends.csv", ("arrived_at", "inviter", "phone", "name"), friends)
    told = sorted(bought, key=lambda row: (row[1], row[0]))
    rows = ((f"S{n:05d}", phone, at.isoformat(), items, cents) for n, (phone, at, items, cents) in enumerate(told, 1))
    write("store-orders.csv", ("order_id", "phone", "paid_at", "items", "amount_cents"), rows)


if __name__ == "__main__":
    main()
