"""Many claims at once (抢券): what a group wants of one plain batch is done by a handful of statements for all.

The batch gives as many pieces as it has by one conditional UPDATE, in the order
in which people came; their coupons are inserted together, and their events. A
piece that became no coupon goes back, and whoever wanted it is looked at by
itself: they have the coupon already, were merged, are at their limit, or gone.
Batches that ask more of a claim (limits by day, device or minute, a gate, codes
of a pool) are claimed one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, fetch_in

from . import views
from .claiming import Claiming
from .inserting import Inserting
from .taking import Standing, give_back, refusal, standing, take
from .views import CouponView
from .wishes import UNGATED_SOURCES, Wish

if TYPE_CHECKING:
    from scrm_core.api import Brand

Answer = CouponView | Exception
_REFUSALS = (Conflict, Forbidden, Invalid, NotFound)


@dataclass(frozen=True)
class Crowd:
    """Claims for everybody of a group. All of one brand are equal, so that its group takes them together."""

    brand: Brand

    def __call__(self, wishes: Sequence[Wish]) -> Sequence[Answer]:
        """The coupon of each wish, in order, or the refusal of a wish that has had no effect."""
        if len(wishes) == 1:
            return [Claiming(self.brand).claim(wishes[0])]
        rush = _Rush(self.brand, wishes)
        rush.run()
        return rush.answers


class _Rush:
    """The wishes of one group, by their places in it, and what became of them."""

    def __init__(self, brand: Brand, wishes: Sequence[Wish]) -> None:
        self.brand, self.wishes = brand, wishes
        self.claiming = Claiming(brand)
        self.now = brand.now()
        self._answers: dict[int, Answer] = {}

    @property
    def answers(self) -> list[Answer]:
        """What became of the wishes, in order."""
        return [self._answers[place] for place in range(len(self.wishes))]

    def run(self) -> None:
        """Answer every wish, batch by batch."""
        by_batch: dict[str, list[int]] = {}
        for place, wish in enumerate(self.wishes):
            by_batch.setdefault(wish.batch, []).append(place)
        for batch, places in by_batch.items():
            if len(places) > 1:
                self._claim(batch, places)
            else:
                self._one_by_one(places)

    def _claim(self, batch: str, places: Iterable[int]) -> None:
        waiting, later = self._parted(places)
        while waiting:
            wanted = len(waiting)
            taken = take(batch, wanted, self.now, plain=True)
            if taken is None:
                found = standing(batch)
                wanted = 0 if found is None else found.pieces(wanted, self.now)
                if not wanted:
                    self._refuse(batch, found, waiting)
                    break
                # None here too: the batch is not plain, or somebody was quicker.
                taken = take(batch, wanted, self.now, plain=True)
            if taken is None:
                self._one_by_one(waiting)
                break
            first, waiting = waiting[:wanted], waiting[wanted:]
            coupons = Inserting(self.brand, taken, self.now).first([self.wishes[place] for place in first])
            made = [coupon for coupon in coupons if coupon is not None]
            self._answers.update(
                (place, coupon) for place, coupon in zip(first, coupons, strict=True) if coupon is not None
            )
            self.claiming.tell(made)
            if len(made) < wanted:
                give_back(taken.id, wanted - len(made))
                # Before the next piece is given: they came first.
                self._one_by_one(self._unanswered(first))
        self._one_by_one(later)

    def _parted(self, places: Iterable[int]) -> tuple[list[int], list[int]]:
        """The first wish of each person and key, and all others: codes that were entered, and what is wanted twice."""
        first, later = [], []
        keys: set[str] = set()
        people: set[int] = set()
        for place in places:
            wish = self.wishes[place]
            apart = wish.code or wish.source in UNGATED_SOURCES
            if apart or wish.contact_id in people or wish.grant_key in keys:
                later.append(place)
            else:
                first.append(place)
            people.add(wish.contact_id)
            keys.add(wish.grant_key)
        return first, later

    def _refuse(self, batch: str, found: Standing | None, places: Sequence[int]) -> None:
        """Answer those whom the batch gives nothing: with the coupon that they have, or with the reason."""
        self._alone(self._replay(places))
        for place in self._unanswered(places):
            self._answers[place] = refusal(batch, found, self.now, self.brand.zone)

    def _one_by_one(self, places: Sequence[int]) -> None:
        """Look for each by itself, first of all for the coupons that they have."""
        if len(places) > 1:
            self._replay(places)
        self._alone(self._unanswered(places))

    def _alone(self, places: Iterable[int]) -> None:
        """Claim for one after the other, with nothing left of a refused claim."""
        for place in places:
            try:
                with self.brand.transaction():
                    self._answers[place] = self.claiming.claim(self.wishes[place])
            except _REFUSALS as error:
                self._answers[place] = error

    def _replay(self, places: Sequence[int]) -> list[int]:
        """Answer those whose key has a coupon that is plainly theirs; returns those whose key has another one."""
        keys = sorted({self.wishes[place].grant_key for place in places})
        rows = fetch_in(f"{views.SELECT}WHERE c.grant_key IN ({{in}})", keys)
        found = {coupon.grant_key: coupon for coupon in (CouponView(*row) for row in rows)}
        others = []
        for place in places:
            wish = self.wishes[place]
            coupon = found.get(wish.grant_key)
            if coupon is None:
                continue
            if (coupon.batch, coupon.sku, coupon.contact_id) == (wish.batch, wish.sku, wish.contact_id):
                self._answers[place] = coupon
            else:
                others.append(place)
        return others

    def _unanswered(self, places: Iterable[int]) -> list[int]:
        return [place for place in places if place not in self._answers]
