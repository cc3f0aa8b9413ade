"""Print batches as stock items (库存): how many cards were received, shipped and are left.

The stock of a batch changes only together with a move that says why, once per
key, and by one conditional UPDATE; the table itself refuses a remainder below
0. Nothing that came in or went out is ever rewritten: a mistake is corrected
by an adjustment with its reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, NotFound, execute, transactional

from ..steps.gate import require_approved_proof
from . import cards
from .batches import (
    MOST_AT_ONCE,
    MOST_CARDS,
    OWNER,
    Batch,
    BatchIn,
    Miss,
    Move,
    Preview,
    check_batch,
    check_limit,
    check_move,
    signed_change,
)

if TYPE_CHECKING:
    from scrm_core.api import Brand

_BATCH = (
    "SELECT b.id, b.code, k.code, b.name, b.kind, b.arm, b.channel, b.unique_cards, b.printed, b.unit_cost_minor, "
    "b.link, b.received, b.shipped, b.adjusted, b.remaining, b.received_day, b.created_at "
    "FROM package_card_batch b JOIN package_card_campaign k ON k.id = b.campaign_id "
)


def _batch(row: tuple[Any, ...]) -> Batch:
    values = list(row)
    values[7] = bool(values[7])
    return Batch(*values)


class Stock:
    """The print batches of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    def batch(self, code: str) -> Batch:
        """The batch with this SKU; raises NotFound."""
        row = execute(_BATCH + "WHERE b.code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no print batch {code!r}")
        return _batch(row)

    def batches(self, campaign: str | None = None, *, after: int = 0, limit: int = 200) -> list[Batch]:
        """Batches with ids above ``after``, oldest first, at most ``limit``; of one campaign when given."""
        check_limit(limit)
        where, params = "WHERE b.id > ? ", [after]
        if campaign is not None:
            where += "AND b.campaign_id = ? "
            params.append(self._campaign_id(campaign))
        return [_batch(row) for row in execute(f"{_BATCH}{where}ORDER BY b.id LIMIT ?", (*params, limit)).fetchall()]

    def misses(self, campaign: str, *, after: int = 0, limit: int = 200) -> list[Miss]:
        """Orders of a campaign for which no card was left, with ids above ``after``, at most ``limit``."""
        check_limit(limit)
        rows = execute(
            "SELECT id, source, order_number, arm, at FROM package_card_miss "
            "WHERE campaign_id = ? AND id > ? ORDER BY id LIMIT ?",
            (self._campaign_id(campaign), after, limit),
        ).fetchall()
        return [Miss(*row) for row in rows]

    @staticmethod
    def arrived(campaign_id: int) -> int:
        """How many cards of a campaign were ever received, over all its batches."""
        (count,) = execute(
            "SELECT coalesce(sum(received), 0) FROM package_card_batch WHERE campaign_id = ?", (campaign_id,)
        ).fetchone()
        return int(count)

    @staticmethod
    def _campaign_id(code: str) -> int:
        row = execute("SELECT id FROM package_card_campaign WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no card campaign {code!r}")
        return int(row[0])

    # Printing ----------------------------------------------------------------

    @transactional
    def create(self, wanted: BatchIn, *, at_once: bool = False) -> Batch:
        """Enter a batch that is to be printed, with its links; the same one again changes nothing.

        From then on the campaign ships from stock only. Unique cards get a
        serial and a link each. Raises NotFound for an unknown campaign, Invalid
        for values that make no sense, Conflict when the SKU belongs to another
        batch, and what the campaign's steps say when its proof is not approved.
        ``at_once`` is for callers inside a request, which very many unique cards must not hold.
        """
        check_batch(wanted)
        if at_once and wanted.unique and wanted.printed > MOST_AT_ONCE:
            raise Conflict(
                f"{wanted.printed:,} unique cards are more than {MOST_AT_ONCE:,}; enter them with: "
                "scrm package-card batch",
                code="batch_large",
            )
        campaign_id = self._campaign_id(wanted.campaign)
        known = execute(_BATCH + "WHERE b.code = ?", (wanted.code,)).fetchone()
        if known is not None:
            return self._same(_batch(known), wanted)
        require_approved_proof(self.brand, campaign_id)
        batch_id = self._insert(campaign_id, wanted)
        if batch_id is None:
            return self._same(self.batch(wanted.code), wanted)
        execute("UPDATE package_card_campaign SET stocked = 1 WHERE id = ?", (campaign_id,))
        if wanted.channel:
            self.brand.channels.ensure(wanted.channel, wanted.channel, OWNER)
        if wanted.unique:
            cards.make(self.brand, batch_id, wanted)
        elif wanted.target:
            link = self.brand.links.create(
                wanted.channel, wanted.target, variant=wanted.arm, owner=OWNER, campaign=wanted.campaign
            )
            execute("UPDATE package_card_batch SET link = ? WHERE id = ?", (link.code, batch_id))
        return self.batch(wanted.code)

    def preview(self, wanted: BatchIn) -> Preview:
        """What :meth:`create` would do and cost, with the same refusals; nothing is written."""
        check_batch(wanted)
        campaign_id = self._campaign_id(wanted.campaign)
        known = execute(_BATCH + "WHERE b.code = ?", (wanted.code,)).fetchone()
        if known is not None:
            self._same(_batch(known), wanted)
        else:
            require_approved_proof(self.brand, campaign_id)
        links = wanted.printed if wanted.unique else int(bool(wanted.target))
        cost = wanted.printed * wanted.unit_cost_minor
        return Preview(
            wanted.code, wanted.printed, wanted.unit_cost_minor, cost, 0 if known else links, known is not None
        )

    def _insert(self, campaign_id: int, wanted: BatchIn) -> int | None:
        row = execute(
            "INSERT INTO package_card_batch (code, campaign_id, name, kind, arm, channel, unique_cards, printed, "
            "unit_cost_minor, received, shipped, adjusted, remaining, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?) ON CONFLICT (code) DO NOTHING RETURNING id",
            (
                wanted.code,
                campaign_id,
                wanted.name,
                wanted.kind,
                wanted.arm,
                wanted.channel,
                int(wanted.unique),
                wanted.printed,
                wanted.unit_cost_minor,
                self.brand.now(),
            ),
        ).fetchone()
        return None if row is None else int(row[0])

    @staticmethod
    def _same(batch: Batch, wanted: BatchIn) -> Batch:
        given = (wanted.campaign, wanted.name, wanted.kind, wanted.arm, wanted.channel, wanted.unique, wanted.printed)
        stored = (batch.campaign, batch.name, batch.kind, batch.arm, batch.channel, batch.unique, batch.printed)
        if given != stored or wanted.unit_cost_minor != batch.unit_cost_minor:
            raise Conflict(f"print batch {batch.code!r} exists with other values; give a new code", code="batch_exists")
        return batch

    # Moves -------------------------------------------------------------------

    @transactional
    def move(
        self, code: str, kind: str, quantity: int, *, key: str, reason: str = "", actor: str = "", at: int | None = None
    ) -> Batch:
        """Record that cards were received, damaged, or counted differently (adjusted, signed).

        ``key`` makes it happen once: the same move again changes nothing, and
        raises Conflict when it is another one. Raises Conflict when more cards
        would leave than are there, or more unique cards come than were made.
        """
        change = signed_change(kind, quantity)
        check_move(key, reason, actor, needs_reason=kind != "received")
        now = self.brand.now()
        at = now if at is None else at
        batch = self.batch(code)
        inserted = execute(
            "INSERT INTO package_card_move (batch_id, kind, quantity, key, reason, actor, at, recorded_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING RETURNING id",
            (batch.id, kind, change, key, reason, actor, at, now),
        ).fetchone()
        if inserted is None:
            self._same_move(batch, key, (batch.id, kind, change, reason))
            return self.batch(code)
        if kind == "received":
            self._receive(batch, quantity, self.brand.day(at))
        else:
            self._take_off(batch, change)
        return self.batch(code)

    @staticmethod
    def _same_move(batch: Batch, key: str, given: tuple[Any, ...]) -> None:
        stored = execute(
            "SELECT batch_id, kind, quantity, reason FROM package_card_move WHERE key = ?", (key,)
        ).fetchone()
        if stored != given:
            raise Conflict(
                f"the key {key!r} is another move's; give batch {batch.code!r} a key that was not used",
                code="key_used",
            )

    @staticmethod
    def _receive(batch: Batch, quantity: int, day: int) -> None:
        changed = execute(
            "UPDATE package_card_batch SET received = received + ?, remaining = remaining + ?, received_day = "
            "CASE WHEN received_day IS NULL OR received_day > ? THEN ? ELSE received_day END "
            "WHERE id = ? AND received + ? <= CASE unique_cards WHEN 1 THEN printed ELSE ? END",
            (quantity, quantity, day, day, batch.id, quantity, MOST_CARDS),
        ).rowcount
        if not changed:
            raise Conflict(
                f"{quantity} more cards cannot have come: of batch {batch.code!r} {batch.printed} were printed, "
                f"each with its own serial, and {batch.received} were received",
                code="too_many",
            )

    @staticmethod
    def _take_off(batch: Batch, change: int) -> None:
        changed = execute(
            "UPDATE package_card_batch SET adjusted = adjusted + ?, remaining = remaining + ? "
            "WHERE id = ? AND remaining + ? >= 0",
            (change, change, batch.id, change),
        ).rowcount
        if not changed:
            raise Conflict(f"batch {batch.code!r} has {batch.left} cards, not {-change}", code="no_stock")

    def moves(self, code: str, *, after: int = 0, limit: int = 200) -> list[Move]:
        """The moves of a batch with ids above ``after``, oldest first, at most ``limit``."""
        check_limit(limit)
        rows = execute(
            "SELECT id, kind, quantity, key, reason, actor, at FROM package_card_move "
            "WHERE batch_id = ? AND id > ? ORDER BY id LIMIT ?",
            (self.batch(code).id, after, limit),
        ).fetchall()
        return [Move(*row) for row in rows]
