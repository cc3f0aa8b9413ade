"""What packs hold of a person who is no contact, or whose number is: to be told and to be erased."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from scrm_core.api import Brand, execute, fetch_in, iso, transactional

from .sealing import forget_number
from .store import change, hold, read_pack


def phones_of(contact_ids: Sequence[int]) -> list[str]:
    """The phone numbers (E.164) of contacts, as :func:`collect` and :func:`erase` want them."""
    rows = fetch_in(
        "SELECT value FROM identity WHERE kind = 'phone' AND contact_id IN ({in}) ORDER BY id", list(contact_ids)
    )
    return [row[0] for row in rows]


def collect(brand: Brand, phones: Collection[str]) -> list[dict[str, Any]]:
    """The rows of packs with these numbers that no contact is tied to; the others are told by their foreign key."""
    rows = fetch_in(
        "SELECT p.code, n.address, n.name, n.ordered_at, n.order_number, n.line FROM sms_number n "
        "JOIN sms_pack p ON p.id = n.pack_id WHERE n.contact_id IS NULL AND n.address IN ({in}) ORDER BY n.id",
        sorted(set(phones)),
    )
    return [
        {
            "pack": code,
            "number": address,
            "name": name,
            "ordered_at": iso(ordered_at, brand.zone),
            "order_number": order_number,
            "line": line,
        }
        for code, address, name, ordered_at, order_number, line in sorted(set(rows))
    ]


@transactional
def erase(brand: Brand, phones: Collection[str], contact_ids: Sequence[int] = ()) -> int:
    """Take the numbers of a person out of every pack, sealed ones too; returns how many rows went.

    The rows are counted as dropped for the reason ``erased``, without anything
    that tells the number, so that a pack's counts still add up.
    """
    found = {
        *fetch_in(_ROWS + "n.address IN ({in})", sorted(set(phones))),
        *fetch_in(_ROWS + "n.contact_id IN ({in})", list(contact_ids)),
    }
    for code in sorted({code for code, _, _ in found}):
        pack = hold(read_pack(code))
        counts: Counter[str] = Counter()
        for of_code, number_id, line in sorted(found):
            if of_code == code and _is_there(number_id):
                forget_number(pack, number_id, line)
                counts["erased"] += 1
        change(pack, rows=0, accepted=-counts["erased"], dropped=counts)
    return len(found)


_ROWS = "SELECT p.code, n.id, n.line FROM sms_number n JOIN sms_pack p ON p.id = n.pack_id WHERE "


def _is_there(number_id: int) -> bool:
    """Whether the number still stands; sealing may have dropped it before the pack was held."""
    return execute("SELECT 1 FROM sms_number WHERE id = ?", (number_id,)).fetchone() is not None
