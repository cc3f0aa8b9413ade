"""Orders of the shop that pay for seats and bargains, and the money that has to go back.

The shop takes and returns the money; here is what it must know: each order
pays once, and what is due for refund stays on a list, told as an event
``refund-due``, until the shop says it is done. Rows name no person: what a
brand owes outlives an erased contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, new_uid

if TYPE_CHECKING:
    from scrm_core.api import Brand

_COLUMNS = (
    "uid, campaign_id, thing, thing_uid, source, number, amount_minor, state, reason, paid_at, due_at, refunded_at, "
    "actor, id"
)


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment; ``thing_uid`` is the uid of the seat or bargain it was for, amounts in minor units.

    ``state``: paid, refund_due or refunded.
    """

    uid: str
    campaign_id: int
    thing: str
    thing_uid: str
    source: str
    number: str
    amount_minor: int
    state: str
    reason: str
    paid_at: int
    due_at: int | None
    refunded_at: int | None
    actor: str
    id: int


@dataclass(frozen=True, slots=True)
class Paid:
    """What the shop says of an order: its source and number, the amount in minor units, and when it was paid."""

    source: str
    number: str
    amount_minor: int
    at: int


def read_paid(source: Any, number: Any, amount_minor: Any, at: int) -> Paid:
    """A payment as somebody told it; raises Invalid naming the field."""
    source, number = (
        clean_text(value, field=name, max_length=100) for value, name in ((source, "source"), (number, "number"))
    )
    if not source or not number:
        raise Invalid("a payment names its order: source and number", field="number" if source else "source")
    if type(amount_minor) is not int or not 0 < amount_minor <= 2**53:
        raise Invalid("amount_minor is what was paid, a whole number of minor units", field="amount_minor")
    return Paid(source, number, amount_minor, at)


def record(brand: Brand, campaign_id: int, thing: str, thing_uid: str, paid: Paid) -> PaymentView | None:
    """Write a payment in the open transaction; None when this order was told for the same thing before.

    Raises Conflict when the order paid for something else.
    """
    now = brand.now()
    uid = new_uid(now)
    made = execute(
        "INSERT INTO interaction_games_payment (uid, campaign_id, thing, thing_uid, source, number, amount_minor, "
        "state, reason, paid_at, at, actor) VALUES (?, ?, ?, ?, ?, ?, ?, 'paid', '', ?, ?, '') "
        "ON CONFLICT (source, number) DO NOTHING",
        (uid, campaign_id, thing, thing_uid, paid.source, paid.number, paid.amount_minor, paid.at, now),
    )
    if made.rowcount:
        return find(uid)
    known = of_order(paid.source, paid.number)
    assert known is not None
    if known.thing_uid != thing_uid:
        raise Conflict(
            f"order {paid.source} {paid.number} paid for {known.thing} {known.thing_uid} already", code="order_used"
        )
    return None


def owe_refund(brand: Brand, payment: PaymentView, reason: str, contact_id: int | None, campaign: str) -> bool:
    """Put a payment on the list of refunds in the open transaction, once; False when it was there already."""
    moved = execute(
        "UPDATE interaction_games_payment SET state = 'refund_due', reason = ?, due_at = ? "
        "WHERE id = ? AND state = 'paid'",
        (reason, brand.now(), payment.id),
    )
    if moved.rowcount != 1:
        return False
    brand.emit(
        "interaction-games", "refund-due", contact_id,
        {"campaign": campaign, "payment": payment.uid, "source": payment.source, "number": payment.number,
         "amount_minor": payment.amount_minor, "reason": reason},
    )  # fmt: skip
    return True


def confirm_refund(brand: Brand, uid: str, actor: str) -> PaymentView:
    """The shop has paid it back: take it off the list. Saying so again changes nothing.

    Raises NotFound for an unknown payment, and Conflict when nothing is due.
    """
    execute(
        "UPDATE interaction_games_payment SET state = 'refunded', refunded_at = ?, actor = ? "
        "WHERE uid = ? AND state = 'refund_due'",
        (brand.now(), clean_text(actor, field="actor", max_length=100), uid),
    )
    found = find(uid)
    if found.state == "paid":
        raise Conflict(f"payment {uid} is not due for a refund; it paid for {found.thing} {found.thing_uid}",
                       code="not_due")  # fmt: skip
    return found


def due(campaign_id: int | None = None, *, after: int = 0, limit: int = 100) -> list[PaymentView]:
    """Payments that have to go back, the oldest first, with ids above ``after``."""
    where, params = "state = 'refund_due' AND id > ?", [after]
    if campaign_id is not None:
        where += " AND campaign_id = ?"
        params.append(campaign_id)
    rows = execute(
        f"SELECT {_COLUMNS} FROM interaction_games_payment WHERE {where} ORDER BY id LIMIT ?", (*params, limit)
    ).fetchall()
    return [PaymentView(*row) for row in rows]


def find(uid: str) -> PaymentView:
    """The payment with this uid; raises NotFound."""
    row = execute(f"SELECT {_COLUMNS} FROM interaction_games_payment WHERE uid = ?", (uid,)).fetchone()
    if row is None:
        raise NotFound(f"no payment {uid!r}")
    return PaymentView(*row)


def of_order(source: str, number: str) -> PaymentView | None:
    """The payment that an order of the shop made, or None."""
    row = execute(
        f"SELECT {_COLUMNS} FROM interaction_games_payment WHERE source = ? AND number = ?", (source, number)
    ).fetchone()
    return PaymentView(*row) if row is not None else None


def of_team(team_id: int) -> list[PaymentView]:
    """Payments in force of a team's seats."""
    rows = execute(
        f"SELECT {_COLUMNS} FROM interaction_games_payment WHERE team_id = ? AND state = 'paid' ORDER BY id",
        (team_id,),
    ).fetchall()
    return [PaymentView(*row) for row in rows]


def refunded_by_shop(brand: Brand, payment: PaymentView) -> bool:
    """The shop refunded the whole order, asked or not; False when that was known."""
    return bool(
        execute(
            "UPDATE interaction_games_payment SET state = 'refunded', refunded_at = ? "
            "WHERE id = ? AND state <> 'refunded'",
            (brand.now(), payment.id),
        ).rowcount
        == 1
    )
