"""Sealing a pack: its numbers are matched with contacts, one number per person stays, nothing changes any more.

The work goes page by page, each a short transaction, so that others can write
meanwhile. It may be interrupted and done again: a page done twice changes
nothing the second time.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from typing import Any

from scrm_core.api import Brand, execute, fetch_in, transactional

from .numbers import shown
from .rows import Dropped
from .store import PackView, change, drop, erased_among, hold, read_pack

PAGE = 5_000


class Sealer:
    """Seals one pack that is in state ``sealing``."""

    def __init__(self, brand: Brand, pack: PackView) -> None:
        self.brand, self.pack = brand, pack

    def run(self, actor: str) -> PackView:
        """Do all that is left to do and return the sealed pack; Conflict when somebody else sealed it meanwhile."""
        last: int | None = 0
        while last is not None:
            last = self._page(last)
        content = self._content()
        self._finish(content, actor)
        return read_pack(self.pack.code)

    @transactional
    def _page(self, after: int) -> int | None:
        """Match the numbers behind an id; returns the last id of the page, None behind the last."""
        pack = hold(self.pack, "sealing")
        numbers = execute(
            "SELECT id, address, line FROM sms_number WHERE pack_id = ? AND id > ? ORDER BY id LIMIT ?",
            (pack.id, after, PAGE),
        ).fetchall()
        if not numbers:
            return None
        counts: Counter[str] = Counter()
        erased = erased_among(self.brand, {address for _, address, _ in numbers})
        for number_id, address, line in numbers:
            if address in erased:
                forget_number(pack, number_id, line)
                counts["erased"] += 1
        span = (pack.id, after, numbers[-1][0])
        execute(
            "UPDATE sms_number SET contact_id = (SELECT i.contact_id FROM identity i WHERE i.kind = 'phone' "
            "AND i.namespace = '' AND i.value = sms_number.address) WHERE pack_id = ? AND id > ? AND id <= ? "
            "AND EXISTS (SELECT 1 FROM identity i WHERE i.kind = 'phone' AND i.namespace = '' "
            "AND i.value = sms_number.address)",
            span,
        )
        contacts = execute(
            "SELECT DISTINCT contact_id FROM sms_number WHERE pack_id = ? AND id > ? AND id <= ? "
            "AND contact_id IS NOT NULL ORDER BY contact_id",
            span,
        ).fetchall()
        counts["same_person"] += self._one_each(pack, [row[0] for row in contacts])
        change(pack, rows=0, accepted=-sum(counts.values()), dropped=counts)
        return int(numbers[-1][0])

    def _one_each(self, pack: PackView, contacts: list[int]) -> int:
        """Leave each contact the number with the latest order, or on the first line; returns how many went."""
        by_contact: dict[int, list[tuple[Any, ...]]] = {}
        for contact_id, *number in fetch_in(
            "SELECT contact_id, id, address, line, ordered_at FROM sms_number "
            "WHERE pack_id = ? AND contact_id IN ({in})",
            contacts,
            [pack.id],
        ):
            by_contact.setdefault(contact_id, []).append(tuple(number))
        gone = 0
        for numbers in by_contact.values():
            if len(numbers) == 1:
                continue
            # A time beats none, a later one an earlier one, the first line another.
            first, *others = sorted(numbers, key=lambda n: (n[3] is None, -(n[3] or 0), n[2]))
            for number_id, address, line, _ in others:
                execute("UPDATE sms_dropped SET number_id = ? WHERE number_id = ?", (first[0], number_id))
                execute("DELETE FROM sms_number WHERE id = ?", (number_id,))
                drop(pack, [Dropped(line, "same_person", shown("", address))], first[0])
            gone += len(others)
        return gone

    def _content(self) -> str:
        """A keyed hash of the numbers in their order: a plain one of few numbers could be guessed."""
        digest = hmac.new(self.brand.contacts.suppressions.salt, b"sms pack", hashlib.sha256)
        last = 0
        while rows := execute(
            "SELECT id, address FROM sms_number WHERE pack_id = ? AND id > ? ORDER BY id LIMIT ?",
            (self.pack.id, last, PAGE),
        ).fetchall():
            last = rows[-1][0]
            digest.update("".join(f"\n{address}" for _, address in rows).encode())
        return digest.hexdigest()

    @transactional
    def _finish(self, content: str, actor: str) -> None:
        pack = hold(self.pack, "sealing")
        (matched,) = execute("SELECT count(contact_id) FROM sms_number WHERE pack_id = ?", (pack.id,)).fetchone()
        execute(
            "UPDATE sms_pack SET state = 'sealed', content = ?, matched = ?, sealed_at = ?, sealed_by = ? WHERE id = ?",
            (content, matched, self.brand.now(), actor, pack.id),
        )


def forget_number(pack: PackView, number_id: int, line: int) -> None:
    """Take an erased person's number out of a pack that is held; its rows stay as lines without a number."""
    execute("UPDATE sms_dropped SET shown = '', number_id = NULL WHERE number_id = ?", (number_id,))
    execute("DELETE FROM sms_number WHERE id = ?", (number_id,))
    drop(pack, [Dropped(line, "erased")])
