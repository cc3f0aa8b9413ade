"""What a print batch (印刷批次) is, what may be entered for it, and how cards are taken out of one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scrm_core.api import Invalid, execute

OWNER = "package-card"
KINDS = {"notice": "通知", "brand": "品牌", "marketing": "营销", "hot-topic": "热点"}
# What people may enter; cards are shipped by orders and files alone.
ENTERED = ("received", "damaged", "adjusted")
SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}\Z")
ARM = re.compile(r"[A-Za-z0-9_-]{0,40}\Z")
MOST_CARDS = 100_000_000
MOST_UNIQUE = 1_000_000
# A request is one transaction, and others wait for it.
MOST_AT_ONCE = 100_000
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
class Preview:
    """What entering a batch would do; ``known`` when it is there already and nothing would happen."""

    code: str
    printed: int
    unit_cost_minor: int
    cost_minor: int
    links: int
    known: bool


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


@dataclass(frozen=True, slots=True)
class Miss:
    """An order that left without a card, of the arm it belongs to, paid at instant ``at``."""

    id: int
    source: str
    order_number: str
    arm: str
    at: int


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
    """Raise Invalid unless the text is printable, of an allowed length, and without white space around it."""
    if value != value.strip():
        raise Invalid(f"{field}: take away the white space around {value.strip()[:60]!r}", field=field)
    if not least <= len(value) <= most:
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


def signed_change(kind: str, quantity: int) -> int:
    """By how many cards a move changes the stock; raises Invalid for one that people cannot enter."""
    if kind not in ENTERED:
        raise Invalid(f"kind: {kind!r} is none of {', '.join(ENTERED)}", field="kind")
    if kind == "adjusted":
        check_count(quantity, "quantity", -MOST_CARDS, MOST_CARDS)
        if quantity == 0:
            raise Invalid("quantity: an adjustment by 0 changes nothing", field="quantity")
        return quantity
    check_count(quantity, "quantity", 1, MOST_CARDS)
    return quantity if kind == "received" else -quantity


def check_move(key: str, reason: str, actor: str, *, needs_reason: bool) -> None:
    """Raise Invalid, naming the field, for a move that is not explained or has another's key."""
    check_text(key, "key", least=1)
    if key.startswith(_SHIPPED_KEY):
        raise Invalid(f"key: {_SHIPPED_KEY!r} begins the keys of shipped cards; choose another", field="key")
    check_text(reason, "reason", least=1 if needs_reason else 0)
    check_text(actor, "actor")
