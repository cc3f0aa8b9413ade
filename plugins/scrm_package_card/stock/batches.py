"""Print batches (印刷批次) as stock items (库存): how many cards were received, shipped and are left.

The stock of a batch changes only together with a move that says why, once per
key, and by one conditional UPDATE; the table itself refuses a remainder below
0. Nothing that came in or went out is ever rewritten: a mistake is corrected
by an adjustment with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, execute, transactional

from . import cards

if TYPE_CHECKING:
    from scrm_core.api import Brand

OWNER = "package-card"
KINDS = {"notice": "通知", "brand": "品牌", "marketing": "营销", "hot-topic": "热点"}
# What people may enter; cards are shipped by orders and files alone.
ENTERED = ("received", "damaged", "adjusted")
SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
ARM = re.compile(r"[A-Za-z0-9_-]{0,40}\Z")
MOST_CARDS = 100_000_000
MOST_UNIQUE = 1_000_000
MOST_MINOR = 10**12
MOST_TEXT = 200
MOST_PAGE = 1_000
_SHIPPED_KEY = "shipped:"


@dataclass(frozen=True, slots=True)
class Batch:
    """A print batch; ``code`` is its SKU, ``left`` what is in stock now, ``link`` a short link's code.

    ``unit_cost_minor`` is what one card costs, in minor units. ``received_day``
    is the brand-local ordinal of the first delivery, None before it.
    """

    id: int
    code: str
    campaign: str
    name: str
    kind: str
    arm: str
    channel: str
    unique: bool
    printed: int
    unit_cost_minor: int
    link: str | None
    received: int
    shipped: int
    adjusted: int
    left: int
    received_day: int | None
    created_at: int

    @property
    def cost_minor(self) -> int:
        """What printing the batch costs, in minor units."""
        return self.printed * self.unit_cost_minor


@dataclass(frozen=True, slots=True)
class BatchIn:
    """A batch to print. A unique one needs ``target`` and ``channel``; others get one link when they have them."""

    code: str
    campaign: str
    kind: str
    printed: int
    unit_cost_minor: int
    name: str = ""
    arm: str = ""
    channel: str = ""
    unique: bool = False
    target: str = ""


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a batch's stock by ``quantity`` cards (signed), at instant ``at``."""

    id: int
    kind: str
    quantity: int
    key: str
    reason: str
    actor: str
    at: int


_BATCH = (
    "SELECT b.id, b.code, k.code, b.name, b.kind, b.arm, b.channel, b.unique_cards, b.printed, b.unit_cost_minor, "
    "b.link, b.received, b.shipped, b.adjusted, b.remaining, b.received_day, b.created_at "
    "FROM package_card_batch b JOIN package_card_campaign k ON k.id = b.campaign_id "
)


def _batch(row: tuple[Any, ...]) -> Batch:
    return Batch(*row[:7], bool(row[7]), *row[8:])


class Stock:
    """The print batches of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, allow_print: Callable[[int], None]) -> None:
        """``allow_print`` gets a campaign's id and raises when nothing of it may be printed yet."""
        self.brand = brand
        self._allow_print = allow_print

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

    @staticmethod
    def _campaign_id(code: str) -> int:
        row = execute("SELECT id FROM package_card_campaign WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no card campaign {code!r}")
        return int(row[0])

    # Printing ----------------------------------------------------------------

    @transactional
    def create(self, wanted: BatchIn) -> Batch:
        """Enter a batch that is to be printed, with its links; the same one again changes nothing.

        From then on the campaign ships from stock only. Unique cards get a
        serial and a link each. Raises NotFound for an unknown campaign, Invalid
        for values that make no sense, Conflict when the SKU belongs to another
        batch, and what the campaign's steps say when its proof is not approved.
        """
        check_batch(wanted)
        campaign_id = self._campaign_id(wanted.campaign)
        known = execute(_BATCH + "WHERE b.code = ?", (wanted.code,)).fetchone()
        if known is not None:
            return self._same(_batch(known), wanted)
        self._allow_print(campaign_id)
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
        change = _change(kind, quantity)
        _check_move(key, reason, actor, needs_reason=kind != "received")
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


def take(batch_id: int, quantity: int) -> bool:
    """Take cards out of a batch for shipping; False, and nothing taken, when fewer are left."""
    changed = execute(
        "UPDATE package_card_batch SET shipped = shipped + ?, remaining = remaining - ? "
        "WHERE id = ? AND remaining >= ?",
        (quantity, quantity, batch_id, quantity),
    )
    return bool(changed.rowcount)


def put_back(batch_id: int, quantity: int) -> None:
    """Undo :func:`take` within its transaction, for cards that had no parcel after all."""
    execute(
        "UPDATE package_card_batch SET shipped = shipped - ?, remaining = remaining + ? WHERE id = ?",
        (quantity, quantity, batch_id),
    )


def shipped_key(shipment_id: int) -> str:
    """The key of the move of a shipped card."""
    return f"{_SHIPPED_KEY}{shipment_id}"


def check_limit(limit: int) -> None:
    """Raise Invalid unless a page of this size is given out."""
    if not 1 <= limit <= MOST_PAGE:
        raise Invalid(f"limit must lie between 1 and {MOST_PAGE}", field="limit")


def check_text(value: str, field: str, *, least: int = 0, most: int = MOST_TEXT) -> None:
    """Raise Invalid unless the text is printable and of an allowed length."""
    if not least <= len(value.strip()) or len(value) > most:
        raise Invalid(f"{field}: {least} to {most} characters are expected, not {len(value)}", field=field)
    if not value.isprintable():
        raise Invalid(f"{field}: control characters are not allowed", field=field)


def check_count(value: int, field: str, least: int, most: int) -> None:
    """Raise Invalid unless it is a whole number between the bounds."""
    if type(value) is not int or not least <= value <= most:
        raise Invalid(f"{field}: a whole number from {least} to {most} is expected, not {value!r}", field=field)


def check_batch(wanted: BatchIn) -> None:
    """Raise Invalid, naming the field, for a batch that cannot be printed."""
    if not SKU.match(wanted.code):
        raise Invalid("a batch's code (SKU) is 1 to 40 letters, digits, '-' or '_'", field="code")
    if wanted.kind not in KINDS:
        raise Invalid(f"kind: {wanted.kind!r} is none of {', '.join(KINDS)}", field="kind")
    if not ARM.match(wanted.arm):
        raise Invalid("an arm is at most 40 letters, digits, '-' or '_'", field="arm")
    check_text(wanted.name, "name")
    check_text(wanted.channel, "channel")
    check_text(wanted.target, "target", most=2_000)
    check_count(wanted.printed, "printed", 1, MOST_UNIQUE if wanted.unique else MOST_CARDS)
    check_count(wanted.unit_cost_minor, "unit_cost_minor", 0, MOST_MINOR // wanted.printed)
    if wanted.unique and not wanted.target:
        raise Invalid("a unique card has a link of its own: name its target", field="target")
    if wanted.target and not wanted.channel:
        raise Invalid("a link belongs to a channel: name the channel of the batch", field="channel")


def _change(kind: str, quantity: int) -> int:
    if kind not in ENTERED:
        raise Invalid(f"kind: {kind!r} is none of {', '.join(ENTERED)}", field="kind")
    if kind == "adjusted":
        check_count(quantity, "quantity", -MOST_CARDS, MOST_CARDS)
        if quantity == 0:
            raise Invalid("quantity: an adjustment by 0 changes nothing", field="quantity")
        return quantity
    check_count(quantity, "quantity", 1, MOST_CARDS)
    return quantity if kind == "received" else -quantity


def _check_move(key: str, reason: str, actor: str, *, needs_reason: bool) -> None:
    check_text(key, "key", least=1)
    if key.startswith(_SHIPPED_KEY):
        raise Invalid(f"key: {_SHIPPED_KEY!r} begins the keys of shipped cards; choose another", field="key")
    check_text(reason, "reason", least=1 if needs_reason else 0)
    check_text(actor, "actor")
