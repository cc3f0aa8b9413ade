"""Unique cards (一卡一码): each has a serial nobody can guess and a tracked link of its own.

A serial has 10 characters of 5 random bits each: of 10,000 printed cards a
guess hits one with a chance of about 1 in 10^11. Letters and digits that look
alike are left out, because people type them.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import execute, fetch_in, insert_rows

from ..models import UniqueCard
from .batches import OWNER

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .batches import Batch, BatchIn

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
SERIAL_LENGTH = 10
_CHUNK = 1_000
_COLUMNS = ("batch_id", "number", "serial", "link")


@dataclass(frozen=True, slots=True)
class Card:
    """A unique card; ``link`` is its short link's code, ``number`` counts from 1 within the batch."""

    number: int
    serial: str
    link: str


@dataclass(frozen=True, slots=True)
class CardOf:
    """A unique card with the batch and campaign it belongs to."""

    card_id: int
    serial: str
    batch_id: int
    campaign_id: int
    channel: str
    arm: str


def new_serial() -> str:
    """A serial that is drawn, not derived from anything."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SERIAL_LENGTH))


def make(brand: Brand, batch_id: int, wanted: BatchIn) -> None:
    """Give each card of a new batch its serial and its link, in chunks; call it in a transaction."""
    for start in range(0, wanted.printed, _CHUNK):
        count = min(_CHUNK, wanted.printed - start)
        serials = _fresh_serials(count)
        links = _links(brand, wanted, count)
        rows = [(batch_id, start + n + 1, serials[n], links[n]) for n in range(count)]
        insert_rows(UniqueCard, _COLUMNS, rows)


def _fresh_serials(count: int) -> list[str]:
    drawn: set[str] = set()
    while len(drawn) < count:
        drawn |= {new_serial() for _ in range(count - len(drawn))}
        for sql in (
            "SELECT serial FROM package_card_card WHERE serial IN ({in})",
            "SELECT serial FROM package_card_shipment WHERE serial IN ({in})",
        ):
            drawn -= {row[0] for row in fetch_in(sql, sorted(drawn))}
    return list(drawn)


def _links(brand: Brand, wanted: BatchIn, count: int) -> list[str]:
    """Codes of fresh links of the batch's channel; ``{code}`` in the target becomes each one's own."""
    made = brand.links.create_many(
        wanted.channel,
        wanted.target,
        count,
        owner=OWNER,
        campaign=wanted.campaign,
        variants=[wanted.arm] * count,
    )
    return [link.code for link in made]


def cards_of(batch: Batch, *, after: int = 0, limit: int = _CHUNK) -> list[Card]:
    """Cards of a batch with numbers above ``after``, at most ``limit``; none when its cards are all the same."""
    rows = execute(
        "SELECT number, serial, link FROM package_card_card WHERE batch_id = ? AND number > ? ORDER BY number LIMIT ?",
        (batch.id, after, limit),
    ).fetchall()
    return [Card(*row) for row in rows]


def all_cards(batch: Batch) -> Iterator[Card]:
    """Every unique card of a batch by its number, read in pages so that memory stays flat."""
    after = 0
    while page := cards_of(batch, after=after):
        yield from page
        after = page[-1].number


_CARD_OF = (
    "SELECT c.id, c.serial, b.id, b.campaign_id, b.channel, b.arm FROM package_card_card c "
    "JOIN package_card_batch b ON b.id = c.batch_id WHERE "
)


def by_serial(serial: str) -> CardOf | None:
    """The unique card with this serial, as printed or typed in lower case."""
    row = execute(_CARD_OF + "c.serial = ?", (serial.upper(),)).fetchone()
    return None if row is None else CardOf(*row)


def by_link(code: str) -> CardOf | None:
    """The unique card whose link this is."""
    row = execute(_CARD_OF + "c.link = ?", (code,)).fetchone()
    return None if row is None else CardOf(*row)
