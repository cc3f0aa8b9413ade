"""Holds (下单占用): coupons, budget and gifts kept for one checkout in flight, until it pays or its time is over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from scrm_core.api import Cart, Conflict, Invalid, NotFound, clean_text, execute, iso, new_uid, transactional

from ..claims.service import NAME
from ..models import Hold as HoldModel
from .basket import cart_view, check_lines, sale_lines
from .offers import PROMOTION, Choice, batches_by_id, choice_of, could_be_ours, find_coupon, kept_offer
from .pricing import policy_of
from .reserving import GiftTaken, Holder, Use, gifts_of, give_back, lock_batches, take

if TYPE_CHECKING:
    from scrm_core.api import Brand

MINUTE_MS = 60_000
ROUNDS = 4
"""How often a cart is priced again because a batch changed before it was locked."""
_STALE_AT_ONCE = 200
_SELECT = (
    "SELECT id, uid, key, contact_id, source, order_number, state, at, held_until, lines, gifts, answer "
    "FROM coupon_threshold_hold WHERE "
)
_json = HoldModel.answer.db_value


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold: ``kept`` is the cart as it was priced and what it uses, ``answer`` what the first call was told."""

    id: int
    uid: str
    key: str
    contact_id: int | None
    source: str
    order_number: str
    state: str
    at: int
    held_until: int
    kept: dict[str, Any]
    gifts: tuple[GiftTaken, ...]
    answer: dict[str, Any]

    @property
    def uses(self) -> tuple[Use, ...]:
        """What it uses."""
        return tuple(Use.of(each) for each in self.kept["uses"])


def find_hold(key: str) -> HoldView | None:
    """The hold with a key or uid, or None."""
    return _view(execute(f"{_SELECT}key = ? OR uid = ?", (key, key)).fetchone())


def known_hold(key: str) -> HoldView:
    """The hold with a key or uid; raises NotFound."""
    found = find_hold(key)
    if found is None:
        raise NotFound(f"no hold {key[:60]!r}")
    return found


def _view(row: Any) -> HoldView | None:
    if row is None:
        return None
    kept, gifts, answer = (json.loads(text) for text in row[9:])
    return HoldView(*(*row[:9], kept, tuple(GiftTaken(**each) for each in gifts), answer))


class Holds:
    """The holds of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    @transactional
    def hold(
        self,
        key: str,
        cart: Cart,
        *,
        source: str = "",
        order_number: str = "",
        expect_payable_minor: int | None = None,
    ) -> dict[str, Any]:
        """Price a cart and keep for it all that it uses, for ``hold_minutes``; the same key answers the first time's.

        Validity is checked now, when the order is made; a payment within the
        hold is honoured. All coupons are held or none: raises Conflict
        (``coupon_refused``) naming each one's reason, ``price_changed`` when
        ``expect_payable_minor`` is not what the cart costs, and ``hold_key`` for
        a key that held another cart. A promotion whose gift or budget is gone
        is left out and told in ``refusals``.
        """
        key = clean_text(key, field="key", max_length=150)
        if not key:
            raise Invalid("a hold needs a key that names the checkout", field="key")
        check_lines(cart.lines)
        now = self.brand.now()
        contact_id = None if cart.contact_id is None else self.brand.contacts.survivor(cart.contact_id)
        cart = replace(cart, at=now, contact_id=contact_id)
        asked = _asked(cart)
        until = now + self.settings["hold_minutes"] * MINUTE_MS
        uid = new_uid(now)
        row = execute(
            "INSERT INTO coupon_threshold_hold (uid, key, contact_id, source, order_number, state, at, held_until, "
            "lines, gifts, answer) VALUES (?, ?, ?, ?, ?, 'held', ?, ?, '{}', '[]', '{}') "
            "ON CONFLICT (key) DO NOTHING RETURNING id",
            (uid, key, contact_id, _text(source, "source"), _text(order_number, "order_number"), now, until),
        ).fetchone()
        if row is None:
            return self._again(key, asked)
        self._end_stale(cart.codes, now)
        priced, choices, uses = self._settled(cart)
        gifts = gifts_of(choices)
        used = {use.offer for use in uses}
        refused = [each for each in priced.refusals if each.code in cart.codes and _is_ours(each.code, used)]
        if refused:
            told = "; ".join(f"{each.code}: {each.message}" for each in refused)
            raise Conflict(f"not every coupon can be held: {told}", code="coupon_refused")
        if expect_payable_minor is not None and priced.payable_minor != expect_payable_minor:
            raise Conflict(
                f"the cart costs {priced.payable_minor}, not {expect_payable_minor}; quote it again",
                code="price_changed",
            )
        take(Holder(row[0], uid, contact_id, now, until, self.brand.day(now)), uses, gifts)
        answer = {"hold": uid, "key": key, "held_until": iso(until, self.brand.zone), **cart_view(priced)}
        kept = {
            "asked": asked,
            "lines": sale_lines(priced),
            "goods_minor": priced.goods_minor,
            "shipping_minor": priced.shipping_minor,
            "shipping_paid_minor": priced.shipping_left,
            "channel": priced.channel,
            "store": priced.store,
            "uses": [use.as_dict() for use in uses],
            "offers": [kept_offer(choice.offer) for choice in choices],
            "pricing": asdict(policy_of(self.settings)),
        }
        execute(
            "UPDATE coupon_threshold_hold SET lines = ?, gifts = ?, answer = ? WHERE id = ?",
            (_json(kept), _json([asdict(gift) for gift in gifts]), _json(answer), row[0]),
        )
        return {**answer, "state": "held"}

    @staticmethod
    def _again(key: str, asked: dict[str, Any]) -> dict[str, Any]:
        found = known_hold(key)
        if found.kept.get("asked") != asked:
            raise Conflict(f"the key {key!r} holds another cart; use a new key for a new checkout", code="hold_key")
        return {**found.answer, "state": found.state}

    def _settled(self, cart: Cart) -> tuple[Cart, list[Choice], list[Use]]:
        """The cart priced while every batch it uses is locked, so that what is quoted is there to take."""
        locked: set[int] = set()
        for _ in range(ROUNDS):
            priced = self.brand.carts.quote(cart)
            mine = [each for each in priced.discounts if each.plugin == NAME]
            choices = _choices([each.offer for each in mine])
            batches = {choice.batch.id for choice in choices}
            if batches <= locked:
                uses = [
                    Use(each.offer, choice.batch.id, each.shares, each.shipping_minor)
                    for each, choice in zip(mine, choices, strict=True)
                ]
                return priced, choices, uses
            lock_batches(batches - locked)
            locked |= batches
        raise Conflict("the promotions of this cart keep changing; try again", code="busy")

    def _end_stale(self, codes: Sequence[str], now: int) -> None:
        """Take back holds whose time is over and that keep coupons this cart wants."""
        for asked in codes:
            coupon = find_coupon(asked)
            if coupon is not None and coupon.state == "held" and (coupon.held_until or 0) <= now:
                row = execute("SELECT hold_id FROM coupon_threshold_coupon WHERE id = ?", (coupon.id,)).fetchone()
                if row[0] is not None:
                    self.end(row[0], "expired", now)

    @transactional
    def release(self, key: str) -> dict[str, Any]:
        """Give back what a hold keeps, since its order is not paid; again changes nothing.

        Raises NotFound, and Conflict when it was redeemed already.
        """
        hold = known_hold(key)
        self.end(hold.id, "released", self.brand.now())
        hold = known_hold(key)
        if hold.state == "redeemed":
            raise Conflict(f"the hold was redeemed by order {hold.order_number!r}; reverse that", code="redeemed")
        return {**hold.answer, "state": hold.state}

    def end(self, hold_id: int, state: str, now: int) -> bool:
        """End a hold that is still held: as released, or as expired once its time is over. True when this call did."""
        # Batches first, as everywhere: whoever redeems this hold right now has them locked.
        rows = execute(
            "SELECT DISTINCT batch_id FROM coupon_threshold_coupon WHERE hold_id = ? AND state = 'held'", (hold_id,)
        ).fetchall()
        lock_batches(row[0] for row in rows)
        late = " AND held_until <= ?" if state == "expired" else ""
        row = execute(
            f"UPDATE coupon_threshold_hold SET state = ? WHERE id = ? AND state = 'held'{late} RETURNING gifts",
            (state, hold_id, now) if late else (state, hold_id),
        ).fetchone()
        if row is None:
            return False
        give_back(hold_id, [GiftTaken(**each) for each in json.loads(row[0])], now)
        return True

    def expire(self) -> int:
        """The job: end holds whose time is over, a transaction each; returns how many."""
        ended = 0
        while True:
            now = self.brand.now()
            rows = execute(
                "SELECT id FROM coupon_threshold_hold WHERE state = 'held' AND held_until <= ? ORDER BY held_until, id "
                "LIMIT ?",
                (now, _STALE_AT_ONCE),
            ).fetchall()
            ended += sum(self._expire_one(row[0], now) for row in rows)
            if len(rows) < _STALE_AT_ONCE:
                return ended

    @transactional
    def _expire_one(self, hold_id: int, now: int) -> bool:
        return self.end(hold_id, "expired", now)


def _is_ours(asked: str, used: set[str]) -> bool:
    """Whether it is this plugin that refused a code; what others refuse is told in the answer and stops no hold."""
    coupon = find_coupon(asked)
    return could_be_ours(asked) if coupon is None else coupon.uid not in used


def _choices(offers: Sequence[str]) -> list[Choice]:
    """This plugin's offers in a priced cart, as they stand now."""
    coupons = {offer: find_coupon(offer) for offer in offers if not offer.startswith(PROMOTION)}
    ids = {offer: coupon.batch_id for offer, coupon in coupons.items() if coupon is not None}
    for offer in offers:
        if offer not in coupons:
            code = offer.removeprefix(PROMOTION)
            ids[offer] = execute("SELECT id FROM coupon_threshold_batch WHERE code = ?", (code,)).fetchone()[0]
    batches = batches_by_id(list(ids.values()))
    return [choice_of(batches[ids[offer]], coupons.get(offer)) for offer in offers]


def _asked(cart: Cart) -> dict[str, Any]:
    """What makes two requests the same: the whole cart but for the time."""
    return {
        "contact": cart.contact_id,
        "lines": [asdict(line) for line in cart.lines],
        "codes": list(cart.codes),
        "channel": cart.channel,
        "store": cart.store,
        "shipping_minor": cart.shipping_minor,
    }


def _text(value: str, field: str) -> str:
    return clean_text(value, field=field, max_length=100)
