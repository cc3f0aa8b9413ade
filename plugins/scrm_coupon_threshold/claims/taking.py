"""What a batch gives away (发放): pieces taken by one conditional UPDATE, and why it gave none."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from scrm_core.api import Conflict, NotFound, ScrmError, execute, iso

AUTOMATIC = '%"automatic":true%'
"""The scope of a promotion, which applies by itself and has no coupons; inside a value JSON writes quotes otherwise."""

# A plain batch asks nothing of a claim but that it is the person's first: what it gives to many is alike.
_PLAIN = (
    "per_person = 1 AND per_person_day IS NULL AND per_day IS NULL AND per_device IS NULL "
    "AND per_network_day IS NULL AND per_minute IS NULL AND speed_bp IS NULL AND gate IS NULL AND codes = 0"
)
_TAKE = (
    "UPDATE coupon_threshold_batch SET stock_left = stock_left - ?, issued = issued + ?, "
    "budget_used_minor = budget_used_minor + ? * promise_minor "
    "WHERE code = ? AND state = 'open' AND scope NOT LIKE ? AND (stock_left IS NULL OR stock_left >= ?) "
    "AND (claim_from IS NULL OR claim_from <= ?) AND (claim_to IS NULL OR claim_to > ?) "
    "AND (valid_to IS NULL OR valid_to > ?) "
    "AND (promise = 0 OR budget_used_minor + ? * promise_minor <= budget_minor) {plain}"
    "RETURNING id, code, title, codes, per_person, per_person_day, per_day, per_device, per_network_day, per_minute, "
    "speed_bp, gate, validity, valid_from, valid_to, valid_days, promise_minor, coalesce(claim_from, opened_at)"
)
_TAKE_ANY = _TAKE.format(plain="")
_TAKE_PLAIN = _TAKE.format(plain=f"AND {_PLAIN} ")
_GIVE_BACK = (
    "UPDATE coupon_threshold_batch SET stock_left = stock_left + ?, issued = issued - ?, "
    "budget_used_minor = budget_used_minor - ? * promise_minor WHERE id = ?"
)
_STANDING = (
    "SELECT code, state, CASE WHEN scope LIKE ? THEN 1 ELSE 0 END, stock_left, claim_from, claim_to, valid_to, "
    "promise, promise_minor, coalesce(budget_minor, 0) - budget_used_minor, "
    f"CASE WHEN {_PLAIN} THEN 1 ELSE 0 END FROM coupon_threshold_batch WHERE code = ?"
)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the batch said when it gave pieces away."""

    id: int
    code: str
    title: str
    codes: int
    per_person: int | None
    per_person_day: int | None
    per_day: int | None
    per_device: int | None
    per_network_day: int | None
    per_minute: int | None
    speed_bp: int | None
    gate: str | None
    validity: str
    valid_from: int | None
    valid_to: int | None
    valid_days: int | None
    promise_minor: int
    claims_since: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a batch stands: whether it gives coupons now, how many, and what it says when it gives none.

    ``budget_left_minor`` is what claims may still promise; ``plain`` is 1 when a
    person's first claim is all that it asks for.
    """

    code: str
    state: str
    automatic: int
    stock_left: int | None
    claim_from: int | None
    claim_to: int | None
    valid_to: int | None
    promise: int
    promise_minor: int
    budget_left_minor: int
    plain: int

    def pieces(self, wanted: int, now: int) -> int:
        """How many of the wanted pieces it gives now."""
        if self._unwilling(now):
            return 0
        limits = [wanted]
        if self.stock_left is not None:
            limits.append(self.stock_left)
        if self.promise:
            limits.append(self.budget_left_minor // max(self.promise_minor, 1))
        return max(min(limits), 0)

    def refusal(self, now: int, zone: ZoneInfo) -> Conflict:
        """Why a claim gets nothing."""
        code = self._unwilling(now)
        if code:
            if code == "not_open" and self.state == "open":
                opens = iso(self.claim_from, zone)
                return Conflict(f"claims begin at {opens}", code=code, opens_at=opens)
            return Conflict(self._words(now), code=code)
        if self.stock_left is not None and self.stock_left <= 0:
            return Conflict("all coupons of this batch are gone", code="sold_out")
        return Conflict("the budget of this coupon is promised in full", code="budget")

    def _unwilling(self, now: int) -> str:
        """The code of the refusal to give anything now, whatever there is; empty when it does give."""
        if self.automatic or self.state == "closed":
            return "closed"
        if any(end is not None and end <= now for end in (self.claim_to, self.valid_to)):
            return "closed"
        if self.state != "open" or (self.claim_from is not None and self.claim_from > now):
            return "not_open"
        return ""

    def _words(self, now: int) -> str:
        if self.automatic:
            return "this promotion applies to carts by itself; it has no coupons to claim"
        if self.state == "closed" or (self.claim_to is not None and self.claim_to <= now):
            return "the claims of this coupon are over"
        if self.valid_to is not None and self.valid_to <= now:
            return "the coupons of this batch have expired"
        return "this coupon cannot be claimed now; its batch is not open"


def take(batch: str, pieces: int, now: int, *, plain: bool = False) -> Taken | None:
    """Take pieces from a batch and their promises from its budget; None, with nothing taken, when it gives fewer.

    With ``plain`` only a batch whose claims are alike gives anything.
    """
    row = execute(
        _TAKE_PLAIN if plain else _TAKE_ANY,
        (pieces, pieces, pieces, batch, AUTOMATIC, pieces, now, now, now, pieces),
    ).fetchone()
    return None if row is None else Taken(*row)


def give_back(batch_id: int, pieces: int = 1) -> None:
    """Give pieces that became no coupons back to their batch."""
    execute(_GIVE_BACK, (pieces, pieces, pieces, batch_id))


def standing(batch: str) -> Standing | None:
    """How a batch stands, or None when there is none of this code."""
    row = execute(_STANDING, (AUTOMATIC, batch)).fetchone()
    return None if row is None else Standing(*row)


def refusal(batch: str, found: Standing | None, now: int, zone: ZoneInfo) -> ScrmError:
    """Why a batch, as it stood, gave nothing away: an exception of its own for each who is told."""
    return NotFound(f"no coupon batch {batch[:60]!r}") if found is None else found.refusal(now, zone)
