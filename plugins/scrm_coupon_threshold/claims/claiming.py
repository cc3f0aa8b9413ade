"""One claim (领取), at three statements: the batch, the coupon, the event.

The batch gives away one piece by a conditional UPDATE that reads every limit of
the batch in its WHERE; the coupon is an INSERT whose unique keys hold the
person's limit and the grant key. Both answer in RETURNING whether they did it,
so nothing is checked before it is written. The batch is always locked before a
coupon, so that two claims never wait for each other. What the INSERT refuses is
given back to the batch in the same transaction.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from scrm_core.api import Conflict, Forbidden, execute

from ..batches.breaker import Breaker
from ..batches.codes import HANDED_OUT, MADE
from ..batches.pool import give_code_back, take_code, take_this_code
from ..gates.definition import read_gate
from ..gates.service import Gates
from ..models import NAME
from ..rules import new_code
from . import views
from .counting import MINUTE_MS, counting, give_counts_back, take_counts
from .inserting import Inserting
from .taking import Taken, give_back, refusal, standing, take
from .views import CouponView
from .wishes import UNGATED_SOURCES, Wish

if TYPE_CHECKING:
    from scrm_core.api import Brand

_ATTEMPTS = 8
# Above every id, whose negatives number what was voided or given back.
_GIVEN = 2**61


class Claiming:
    """Makes the claims of one brand, one by one, in the open transaction."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.gates = Gates(brand)
        self.breaker = Breaker(brand)

    def claim(self, wish: Wish) -> CouponView:
        """The coupon of a wish; the same wish again answers the first. Refusals as of :meth:`.service.Claims.claim`."""
        for _ in range(_ATTEMPTS):
            now = self.brand.now()
            taken = take(wish.batch, 1, now)
            if taken is None:
                found = self.replayed(wish)
                if found is not None:
                    return found
                raise refusal(wish.batch, standing(wish.batch), now, self.brand.zone)
            try:
                coupon = self._write(wish, taken, now)
            except (Conflict, Forbidden):
                give_back(taken.id)
                # Whoever has the coupon already is told of it, whatever the limits say by now.
                found = self.replayed(wish)
                if found is not None:
                    return found
                raise
            if coupon is not None:
                self.tell([coupon])
                if taken.speed_bp is not None:
                    self.breaker.check(taken.id)
                return coupon
            give_back(taken.id)
            found = self.replayed(wish)
            if found is not None:
                return found
            # The person was merged, or somebody took the same number or code a moment ago: look again.
            survivor = self.brand.contacts.survivor(wish.contact_id)
            if survivor != wish.contact_id:
                wish = wish._replace(contact_id=survivor)
            elif taken.per_person == 1 and wish.source not in UNGATED_SOURCES:
                _refuse_limit(1)
        raise Conflict("too many claims of one person at the same moment; try again", code="busy")

    def replayed(self, wish: Wish) -> CouponView | None:
        """The coupon that this grant key got before, or None; raises Conflict when it was used for another claim."""
        found = views.find("c.grant_key = ?", wish.grant_key)
        if found is None:
            return None
        same = found.batch == wish.batch and found.sku == wish.sku
        owner = None if found.contact_id is None else self.brand.contacts.survivor(found.contact_id)
        if not same or owner != self.brand.contacts.survivor(wish.contact_id):
            raise Conflict("this key was used for another claim", code="grant_key_used")
        return found

    def tell(self, coupons: Sequence[CouponView]) -> None:
        """Tell every plugin of new coupons."""
        self.brand.emit_many(
            NAME,
            "claimed",
            [
                (
                    coupon.contact_id,
                    {"batch": coupon.batch, "coupon": coupon.uid, "source": coupon.source, "gated": coupon.gated},
                    coupon.claimed_at,
                )
                for coupon in coupons
            ],
        )

    def _write(self, wish: Wish, taken: Taken, now: int) -> CouponView | None:
        """Insert the coupon; None when a unique key or the contact's state refused it, with nothing written."""
        if (taken.codes == HANDED_OUT) != bool(wish.code):
            raise Conflict("this coupon is claimed by entering a code that was handed out", code="by_code")
        inserting = Inserting(self.brand, taken, now)
        gated = self._check_gate(wish, taken, now)
        nth = self._number(wish, taken, inserting.day)
        minute = None if wish.source in UNGATED_SOURCES else now // MINUTE_MS
        counted = counting(taken.id, inserting.day, minute, taken, wish.device, wish.network)
        take_counts(counted)
        code = self._code(wish, taken)
        if code is None:
            give_counts_back(counted)
            raise Conflict("the batch has no code left", code="sold_out")
        coupon = inserting.one(wish, code, nth, gated)
        if coupon is None:
            give_counts_back(counted)
            if taken.codes != MADE:
                give_code_back(code)
        return coupon

    def _code(self, wish: Wish, taken: Taken) -> str | None:
        """The code of the coupon; None when there is none to be had."""
        if taken.codes == MADE:
            return new_code()
        if wish.code:
            return take_this_code(taken.id, wish.code)
        return take_code(taken.id, self.brand.handle.engine == "sqlite")

    def _check_gate(self, wish: Wish, taken: Taken, now: int) -> bool:
        """Whether the person came through the batch's gate; raises Forbidden when it is closed to them."""
        if taken.gate is None or wish.source in UNGATED_SOURCES:
            return False
        steps = self.gates.steps(read_gate(json.loads(taken.gate)), wish.contact_id, taken.claims_since, now)
        if not steps.met:
            raise Forbidden(
                "this coupon is for people who have done its task: " + "; ".join(steps.missing), code="gate"
            )
        return True

    def _number(self, wish: Wish, taken: Taken, day: int) -> int:
        """The number that this coupon gets among the person's coupons of the batch; raises Conflict at a limit.

        What somebody else decided to give, a prize or a gift by hand, is no claim: it
        is not held to the person's limits and uses none of them up. Its number is
        negative, which counts for nothing, and random, for its id is not known yet.
        """
        if wish.source in UNGATED_SOURCES:
            return -(_GIVEN + secrets.randbelow(_GIVEN))
        if taken.per_person == 1 and taken.per_person_day is None:
            return 1  # the INSERT refuses whoever has one
        rows = execute(
            "SELECT nth, day FROM coupon_threshold_coupon WHERE batch_id = ? AND contact_id = ? AND nth > 0",
            (taken.id, wish.contact_id),
        ).fetchall()
        if taken.per_person is not None and len(rows) >= taken.per_person:
            _refuse_limit(taken.per_person)
        if taken.per_person_day is not None and sum(1 for row in rows if row[1] == day) >= taken.per_person_day:
            raise Conflict(f"one person may claim {taken.per_person_day} a day of this coupon", code="day_limit")
        used = {row[0] for row in rows}
        return next(number for number in range(1, len(used) + 2) if number not in used)


def _refuse_limit(limit: int) -> NoReturn:
    if limit == 0:
        raise Conflict("this coupon is not given away one by one", code="limit")
    raise Conflict(f"one person may claim {limit} of this coupon", code="limit")
