"""Taking and giving back what an order uses: coupons, budget, gifts. Each step is one conditional UPDATE.

The batch comes first in every transaction, in the order of ids, then its
coupons: two checkouts never wait for each other in a circle.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scrm_core.api import Conflict, execute

from ..claims.voiding import lock_batch
from .offers import PROMOTION, Choice, uses_of

_TAKE_COUPON = (
    "UPDATE coupon_threshold_coupon SET state = 'held', hold_id = ?, held_until = ?, reserved_minor = ? "
    "WHERE id = ? AND state = ? AND reserved_minor = ?"
)
_INSERT_PROMOTION = (
    "INSERT INTO coupon_threshold_coupon (uid, code, batch_id, contact_id, nth, state, valid_from, valid_to, "
    "claimed_at, day, source, actor, reason, grant_key, gated, sku, reserved_minor, hold_id, held_until) "
    "VALUES (?, ?, ?, NULL, 1, 'held', ?, NULL, ?, ?, 'promotion', '', '', ?, 0, '', ?, ?, ?) RETURNING id"
)
_TAKE_BUDGET = (
    "UPDATE coupon_threshold_batch SET budget_used_minor = budget_used_minor + ? WHERE id = ? "
    "AND (budget_minor IS NULL OR budget_used_minor + ? <= budget_minor)"
)
_TAKE_GIFT = (
    "UPDATE coupon_threshold_gift SET stock_left = stock_left - ? WHERE batch_id = ? AND sku = ? AND stock_left >= ?"
)
_GIVE_GIFT_BACK = (
    "UPDATE coupon_threshold_gift SET stock_left = stock_left + ? WHERE batch_id = ? AND sku = ? "
    "AND stock_left + ? <= stock_total"
)


@dataclass(frozen=True, slots=True)
class Use:
    """What an order uses of one offer. ``offer`` is a coupon's uid, or names an automatic promotion.

    ``shares`` is the discount per line of the cart, ``shipping_minor`` the discount on the shipping.
    """

    offer: str
    batch_id: int
    shares: tuple[int, ...]
    shipping_minor: int

    @property
    def discount_minor(self) -> int:
        """All it takes off."""
        return sum(self.shares) + self.shipping_minor

    @property
    def coupon(self) -> str | None:
        """The uid of its coupon; None for a promotion."""
        return None if self.offer.startswith(PROMOTION) else self.offer

    def as_dict(self) -> dict[str, Any]:
        """As it is kept with a hold."""
        return {**asdict(self), "shares": list(self.shares)}

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Use:
        """From what is kept with a hold."""
        return cls(kept["offer"], kept["batch_id"], tuple(kept["shares"]), kept["shipping_minor"])


@dataclass(frozen=True, slots=True)
class GiftTaken:
    """Gifts taken off the stock of a batch."""

    batch_id: int
    sku: str
    qty: int


@dataclass(frozen=True, slots=True)
class Holder:
    """The hold that takes things: its id, whom it is for and until when."""

    hold_id: int
    uid: str
    contact_id: int | None
    now: int
    until: int
    day: int


def lock_batches(batch_ids: Iterable[int]) -> None:
    """Keep everybody else from changing these batches until the transaction ends."""
    for batch_id in sorted(set(batch_ids)):
        lock_batch(batch_id)


def take(holder: Holder, uses: Sequence[Use], gifts: Sequence[GiftTaken], *, again: bool = False) -> None:
    """Take coupons, budget and gifts for a hold; the batches are locked. Raises Conflict and then nothing counts.

    With ``again`` the hold had them before: a coupon that has expired since was good when the order was made.
    """
    for use in sorted(uses, key=lambda each: (each.batch_id, each.offer)):
        if use.coupon is None:
            _take_promotion(holder, use)
        else:
            _take_coupon(holder, use, ("claimed", "expired") if again else ("claimed",))
    take_gifts(gifts)


def gifts_of(choices: Iterable[Choice]) -> list[GiftTaken]:
    """The gifts out of a limited stock that offers give, in the order in which they are taken."""
    gifts = [
        GiftTaken(choice.batch.id, rule.gift_sku, rule.qty) for choice in choices if (rule := choice.gift) is not None
    ]
    return sorted(gifts, key=lambda gift: (gift.batch_id, gift.sku))


def take_gifts(gifts: Sequence[GiftTaken]) -> None:
    """Take gifts off their stock; raises Conflict when there are not enough."""
    for gift in gifts:
        if not execute(_TAKE_GIFT, (gift.qty, gift.batch_id, gift.sku, gift.qty)).rowcount:
            raise Conflict(f"gift out of stock: {gift.sku}", code="gift_out_of_stock")


def give_gifts_back(gifts: Sequence[GiftTaken]) -> None:
    """Put gifts back on the shelf; never more than there ever were."""
    for gift in gifts:
        execute(_GIVE_GIFT_BACK, (gift.qty, gift.batch_id, gift.sku, gift.qty))


def _take_coupon(holder: Holder, use: Use, good: Sequence[str]) -> None:
    row = execute(
        "SELECT id, state, reserved_minor FROM coupon_threshold_coupon WHERE uid = ?", (use.coupon,)
    ).fetchone()
    coupon_id, state, before = row
    reserved = max(before, use.discount_minor)
    if state in good:
        take_budget(use.batch_id, reserved - before)
        taken = execute(_TAKE_COUPON, (holder.hold_id, holder.until, reserved, coupon_id, state, before)).rowcount
    else:
        taken = 0
    if not taken:
        raise Conflict("another order has just taken the coupon", code="coupon_taken", coupon=use.coupon)


def _take_promotion(holder: Holder, use: Use) -> None:
    """A promotion at work is a coupon issued on the spot, so that budget, redemption and reversal are alike."""
    number = _use_number(use.batch_id, holder.contact_id)
    take_budget(use.batch_id, use.discount_minor)
    uid = secrets.token_hex(12)
    (coupon_id,) = execute(
        _INSERT_PROMOTION,
        (
            uid, f"P{uid.upper()}", use.batch_id, holder.now, holder.now, holder.day,
            f"hold:{holder.uid}:{use.batch_id}:{secrets.token_hex(4)}", use.discount_minor, holder.hold_id,
            holder.until,
        ),
    ).fetchone()  # fmt: skip
    execute(
        "UPDATE coupon_threshold_coupon SET contact_id = ?, nth = coalesce(CAST(? AS BIGINT), -id) WHERE id = ?",
        (holder.contact_id, number, coupon_id),
    )


def _use_number(batch_id: int, contact_id: int | None) -> int | None:
    """The next free number of a person's uses, unique in the table; None for a promotion that counts nobody's."""
    (most,) = execute("SELECT per_person FROM coupon_threshold_batch WHERE id = ?", (batch_id,)).fetchone()
    if most is None:
        return None
    used = uses_of(batch_id, contact_id) if contact_id is not None else set()
    if contact_id is None or len(used) >= most:
        raise Conflict("this customer has used the promotion as often as one may", code="limit")
    return min(set(range(1, len(used) + 2)) - used)


def take_budget(batch_id: int, amount_minor: int) -> None:
    """Reserve an amount of a batch's budget (a negative one goes back); raises Conflict when there is not enough."""
    if amount_minor and not execute(_TAKE_BUDGET, (amount_minor, batch_id, amount_minor)).rowcount:
        raise Conflict("the budget of this coupon is used up", code="budget")


def give_back(hold_id: int, gifts: Sequence[GiftTaken], now: int) -> None:
    """Undo :func:`take` for a hold that ends unused: coupons are their owners' again, promotions never were.

    A coupon whose owner was erased meanwhile is nobody's: it is void.
    """
    rows = execute(
        "SELECT c.id, c.batch_id, c.source = 'promotion' OR c.contact_id IS NULL, c.reserved_minor, b.promise, "
        "b.promise_minor "
        "FROM coupon_threshold_coupon c JOIN coupon_threshold_batch b ON b.id = c.batch_id "
        "WHERE c.hold_id = ? AND c.state = 'held' ORDER BY c.batch_id, c.id",
        (hold_id,),
    ).fetchall()
    lock_batches(row[1] for row in rows)
    for coupon_id, batch_id, nobodys, reserved, promise, promised in rows:
        kept = min(reserved, promised) if promise and not nobodys else 0
        state, number, ended = ("void", "-id", now) if nobodys else ("claimed", "nth", None)
        changed = execute(
            f"UPDATE coupon_threshold_coupon SET state = ?, nth = {number}, hold_id = NULL, held_until = NULL, "
            "reserved_minor = ?, ended_at = ? WHERE id = ? AND state = 'held' AND hold_id = ? AND reserved_minor = ?",
            (state, kept, ended, coupon_id, hold_id, reserved),
        ).rowcount
        if changed:
            take_budget(batch_id, kept - reserved)
    give_gifts_back(gifts)
