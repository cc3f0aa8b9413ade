"""Redeeming (核销) in orders: what a hold keeps is used, once, and the sale is kept for its refunds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Cart, Conflict, Invalid, NotFound, clean_text, execute, iso, new_uid, transactional

from ..claims.service import NAME
from ..models import Redemption as RedemptionModel
from ..rules import POLICIES
from .holds import Holds, HoldView, known_hold
from .reserving import Holder, Use, lock_batches, take, take_budget

if TYPE_CHECKING:
    from scrm_core.api import Brand

_json = RedemptionModel.shares.db_value
_INSERT = (
    "INSERT INTO coupon_threshold_redemption (uid, key, coupon_id, batch_id, contact_id, hold_id, source, "
    "order_number, terminal_id, ticket, store_id, clerk_id, device, actor, at, day, amount_minor, discount_minor, "
    "shipping_minor, items, shares, reverses_id, reason) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
)
_SELECT = (
    "SELECT r.id, r.uid, r.coupon_id, c.uid, c.code, c.source, r.batch_id, b.code, b.title, r.contact_id, r.hold_id, "
    "r.source, r.order_number, t.code, r.ticket, s.code, s.name, k.code, k.name, r.device, r.actor, r.at, "
    "r.amount_minor, r.discount_minor, r.shipping_minor, r.items, r.shares, r.reverses_id, r.reason, back.uid, back.at "
    "FROM coupon_threshold_redemption r JOIN coupon_threshold_coupon c ON c.id = r.coupon_id "
    "JOIN coupon_threshold_batch b ON b.id = r.batch_id LEFT JOIN coupon_threshold_terminal t ON t.id = r.terminal_id "
    "LEFT JOIN coupon_threshold_store s ON s.id = r.store_id LEFT JOIN coupon_threshold_clerk k ON k.id = r.clerk_id "
    "LEFT JOIN coupon_threshold_redemption back ON back.reverses_id = r.id WHERE "
)


@dataclass(frozen=True, slots=True)
class RedemptionIn:
    """A redemption to write. ``discount_minor`` is all it takes off, shipping included."""

    coupon_id: int
    coupon: str
    batch_id: int
    contact_id: int | None
    at: int
    day: int
    amount_minor: int
    discount_minor: int
    shipping_minor: int
    items: int
    shares: tuple[int, ...]
    hold_id: int | None = None
    source: str = ""
    order_number: str = ""
    terminal_id: int | None = None
    ticket: str = ""
    store_id: int | None = None
    clerk_id: int | None = None
    device: str = ""
    actor: str = ""
    reverses_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RedemptionView:
    """A redemption or, with ``reverses_id``, the entry that takes one back. ``reversed_by`` is that entry's uid."""

    id: int
    uid: str
    coupon_id: int
    coupon: str
    code: str
    coupon_source: str
    batch_id: int
    batch: str
    title: str
    contact_id: int | None
    hold_id: int | None
    source: str
    order_number: str
    terminal: str | None
    ticket: str
    store: str | None
    store_name: str | None
    clerk: str | None
    clerk_name: str | None
    device: str
    actor: str
    at: int
    amount_minor: int
    discount_minor: int
    shipping_minor: int
    items: int
    shares: tuple[int, ...]
    reverses_id: int | None
    reason: str
    reversed_by: str | None
    reversed_at: int | None


def record(entry: RedemptionIn) -> tuple[int, str] | None:
    """Write a redemption or reversal; its id and uid, or None when the coupon or the ticket has one already."""
    uid = new_uid(entry.at)
    key = f"redeem:{entry.coupon}" if entry.reverses_id is None else f"reverse:{entry.reverses_id}"
    row = execute(
        _INSERT,
        (
            uid, key, entry.coupon_id, entry.batch_id, entry.contact_id, entry.hold_id, entry.source,
            entry.order_number, entry.terminal_id, entry.ticket, entry.store_id, entry.clerk_id, entry.device,
            entry.actor, entry.at, entry.day, entry.amount_minor, entry.discount_minor, entry.shipping_minor,
            entry.items, _json(list(entry.shares)), entry.reverses_id, entry.reason,
        ),
    ).fetchone()  # fmt: skip
    return None if row is None else (int(row[0]), uid)


def redemptions(where: str, *values: Any) -> list[RedemptionView]:
    """Redemptions that a condition on ``r``, ``c`` or ``b`` names, oldest first."""
    rows = execute(f"{_SELECT}{where} ORDER BY r.id", values).fetchall()
    return [
        RedemptionView(*(*row[:26], tuple(RedemptionModel.shares.python_value(row[26])), *row[27:])) for row in rows
    ]


def redemption(uid: str) -> RedemptionView:
    """A redemption by its uid; raises NotFound."""
    found = redemptions("r.uid = ?", uid)
    if not found:
        raise NotFound("no such redemption")
    return found[0]


class Redeeming:
    """Redeems holds of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.holds = Holds(brand, settings)

    @transactional
    def redeem_cart(
        self, key: str, cart: Cart, *, source: str, order_number: str, policy: str = POLICIES[0], actor: str = ""
    ) -> dict[str, Any]:
        """Hold and redeem in one step, for an order that is paid at once."""
        self.holds.hold(key, cart, source=source, order_number=order_number)
        return self.redeem(key, source=source, order_number=order_number, policy=policy, actor=actor)

    @transactional
    def redeem(
        self,
        key: str,
        *,
        source: str,
        order_number: str,
        paid_at: int | None = None,
        policy: str = POLICIES[0],
        actor: str = "",
    ) -> dict[str, Any]:
        """Use what a hold keeps for a paid order; the same order again answers the same.

        ``paid_at`` (default now) must lie within the hold. A payment that was in
        time but told late is honoured while nobody else has taken the coupons.
        ``policy`` says how the order will be refunded: allocation or recompute.
        Raises NotFound, Invalid, and Conflict: hold_expired, released, redeemed
        (by another order) or order_redeemed (the order used another hold).
        """
        source = _needed(source, "source")
        order_number = _needed(order_number, "order_number")
        if policy not in POLICIES:
            raise Invalid(f"policy is one of {', '.join(POLICIES)}", field="policy")
        hold = known_hold(key)
        if hold.state == "redeemed":
            return self._again(hold, source, order_number)
        # A clock that was set back meanwhile does not make a payment come before its hold.
        now = max(self.brand.now(), hold.at)
        paid = now if paid_at is None else paid_at
        if not hold.at <= paid <= now:
            raise Invalid("paid_at lies between the hold and now", field="paid_at")
        lock_batches(use.batch_id for use in hold.uses)
        took = execute(
            "UPDATE coupon_threshold_hold SET state = 'redeemed', source = ?, order_number = ? "
            "WHERE id = ? AND state IN ('held', 'expired') AND held_until > ? RETURNING state",
            (source, order_number, hold.id, paid),
        ).fetchone()
        hold = known_hold(key)
        if took is None:
            if hold.state == "redeemed":
                return self._again(hold, source, order_number)
            if hold.state == "released":
                raise Conflict("the hold was released; hold the cart again", code="released")
            raise Conflict("the hold's time is over; hold the cart again", code="hold_expired")
        if not self._still_held(hold):
            self._take_again(hold, now)
        self._use(hold, now, actor)
        self._keep_sale(hold, policy, now)
        return self._answer(hold)

    def _again(self, hold: HoldView, source: str, order_number: str) -> dict[str, Any]:
        if (hold.source, hold.order_number) != (source, order_number):
            raise Conflict(f"the hold was redeemed by order {hold.order_number!r}", code="redeemed")
        return self._answer(hold)

    @staticmethod
    def _still_held(hold: HoldView) -> bool:
        (count,) = execute(
            "SELECT count(*) FROM coupon_threshold_coupon WHERE hold_id = ? AND state = 'held'", (hold.id,)
        ).fetchone()
        return int(count) == len(hold.uses)

    def _take_again(self, hold: HoldView, now: int) -> None:
        """The hold was taken back before its payment was told: take everything anew, or refuse."""
        try:
            with self.brand.transaction():
                holder = Holder(hold.id, hold.uid, hold.contact_id, now, now + 1, self.brand.day(now))
                take(holder, hold.uses, hold.gifts, again=True)
        except Conflict as taken:
            raise Conflict(
                f"the payment was told after the hold's time, and meanwhile: {taken}", code="hold_expired"
            ) from None

    def _use(self, hold: HoldView, now: int, actor: str) -> None:
        rows = execute(
            "SELECT id, uid, batch_id, source, reserved_minor FROM coupon_threshold_coupon WHERE hold_id = ? "
            "AND state = 'held' ORDER BY batch_id, id",
            (hold.id,),
        ).fetchall()
        by_coupon = {use.coupon: use for use in hold.uses if use.coupon is not None}
        promotions: dict[int, list[Use]] = {}
        for use in hold.uses:
            if use.coupon is None:
                promotions.setdefault(use.batch_id, []).append(use)
        day = self.brand.day(now)
        items = sum(line["qty"] for line in hold.kept["lines"] if not line.get("gift"))
        left = [line["qty"] * line["unit_minor"] - line["taken_minor"] for line in hold.kept["lines"]]
        shipping = hold.kept["shipping_minor"]
        amounts: dict[str, int] = {}
        for use in hold.uses:
            amounts[use.offer] = sum(left) + (shipping if use.shipping_minor else 0)
            left = [rest - share for rest, share in zip(left, (*use.shares, *([0] * len(left))), strict=False)]
        for coupon_id, uid, batch_id, origin, reserved in rows:
            use = promotions[batch_id].pop() if origin == "promotion" else by_coupon[uid]
            changed = execute(
                "UPDATE coupon_threshold_coupon SET state = 'used', reserved_minor = ?, ended_at = ? "
                "WHERE id = ? AND state = 'held' AND hold_id = ?",
                (use.discount_minor, now, coupon_id, hold.id),
            ).rowcount
            written = record(
                RedemptionIn(
                    coupon_id, uid, batch_id, hold.contact_id, now, day, amounts[use.offer], use.discount_minor,
                    use.shipping_minor, items, use.shares, hold.id, hold.source, hold.order_number, actor=actor,
                )
            )  # fmt: skip
            if not changed or written is None:
                raise Conflict("another order has just taken the coupon", code="coupon_taken", coupon=uid)
            take_budget(batch_id, use.discount_minor - reserved)
            self.tell("redeemed", written[1])

    def tell(self, name: str, uid: str) -> None:
        """Tell other plugins of a redemption or reversal."""
        entry = redemption(uid)
        fields: dict[str, str | int] = {
            "redemption": uid,
            "coupon": entry.coupon,
            "batch": entry.batch,
            "discount_minor": abs(entry.discount_minor),
            "amount_minor": abs(entry.amount_minor),
            "order": entry.order_number,
            "source": entry.source,
            "store": entry.store or "",
        }
        self.brand.emit(NAME, name, entry.contact_id, fields, at=entry.at)

    def _keep_sale(self, hold: HoldView, policy: str, now: int) -> None:
        kept = hold.kept
        lines = kept["lines"]
        paid = sum(line["paid_minor"] for line in lines) + kept["shipping_paid_minor"]
        body = {
            "lines": lines,
            "offers": kept["offers"],
            "pricing": kept["pricing"],
            "shipping_paid_minor": kept["shipping_paid_minor"],
            "channel": kept["channel"],
            "store": kept["store"],
        }
        discount = kept["goods_minor"] + kept["shipping_minor"] - paid
        written = execute(
            "INSERT INTO coupon_threshold_sale (source, order_number, contact_id, policy, goods_minor, shipping_minor, "
            "discount_minor, paid_minor, refunded_minor, lines, version, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, ?) ON CONFLICT (source, order_number) DO NOTHING",
            (
                hold.source, hold.order_number, hold.contact_id, policy, kept["goods_minor"], kept["shipping_minor"],
                discount, paid, _json(body), now,
            ),
        ).rowcount  # fmt: skip
        if not written:
            raise Conflict(f"order {hold.order_number!r} has redeemed another hold", code="order_redeemed")

    def _answer(self, hold: HoldView) -> dict[str, Any]:
        entries = redemptions("r.hold_id = ? AND r.reverses_id IS NULL", hold.id)
        return {
            **hold.answer,
            "state": "redeemed",
            "source": hold.source,
            "order_number": hold.order_number,
            "redemptions": [
                {
                    "redemption": each.uid,
                    "coupon": each.coupon,
                    "batch": each.batch,
                    "at": iso(each.at, self.brand.zone),
                    "discount_minor": each.discount_minor,
                    "shares": list(each.shares),
                    "reversed_by": each.reversed_by,
                }
                for each in entries
            ],
        }


def _needed(value: str, field: str) -> str:
    text = clean_text(value, field=field, max_length=100)
    if not text:
        raise Invalid(f"{field} is required", field=field)
    return text
