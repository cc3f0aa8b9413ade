"""Claiming coupons (领取): one per right and person, never more than there are, at two statements a claim.

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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

from scrm_core.api import Conflict, Forbidden, Invalid, NotFound, clean_text, execute, iso

from ..batches.breaker import Breaker
from ..batches.codes import HANDED_OUT, MADE
from ..batches.pool import give_code_back, take_code, take_this_code
from ..batches.validity import Validity
from ..gates.definition import read_gate
from ..gates.service import Gates
from ..models import NAME as NAME
from ..rules import new_code
from . import views
from .counting import MINUTE_MS, counting, give_counts_back, take_counts
from .views import CouponView

if TYPE_CHECKING:
    from scrm_core.api import Brand

SOURCES = ("page", "api", "staff", "reward")
UNGATED_SOURCES = ("staff", "reward")
"""Sources that decide by themselves whom they give a coupon: the gate is not asked."""

_ATTEMPTS = 8

_TAKE = (
    "UPDATE coupon_threshold_batch SET stock_left = stock_left - 1, issued = issued + 1, "
    "budget_used_minor = budget_used_minor + promise_minor "
    "WHERE code = ? AND state = 'open' AND (stock_left IS NULL OR stock_left > 0) "
    "AND (claim_from IS NULL OR claim_from <= ?) AND (claim_to IS NULL OR claim_to > ?) "
    "AND (valid_to IS NULL OR valid_to > ?) "
    "AND (promise = 0 OR budget_used_minor + promise_minor <= budget_minor) "
    "RETURNING id, code, title, codes, per_person, per_person_day, per_day, per_device, per_network_day, per_minute, "
    "speed_bp, gate, "
    "validity, valid_from, valid_to, valid_days, promise_minor, coalesce(claim_from, opened_at)"
)
_GIVE_BACK = (
    "UPDATE coupon_threshold_batch SET stock_left = stock_left + 1, issued = issued - 1, "
    "budget_used_minor = budget_used_minor - promise_minor WHERE id = ?"
)
# Selected from the contact, so that a coupon only ever goes to somebody who is there.
_INSERT = (
    "INSERT INTO coupon_threshold_coupon (uid, code, batch_id, contact_id, nth, state, valid_from, valid_to, "
    "claimed_at, day, source, actor, reason, grant_key, gated, sku, reserved_minor) "
    "SELECT ?, ?, CAST(? AS BIGINT), id, CAST(? AS BIGINT), 'claimed', CAST(? AS BIGINT), CAST(? AS BIGINT), "
    "CAST(? AS BIGINT), CAST(? AS BIGINT), ?, ?, ?, ?, CAST(? AS BIGINT), ?, CAST(? AS BIGINT) "
    "FROM contact WHERE id = ? AND state = 'active' ON CONFLICT DO NOTHING RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One claim: of which batch, for whom, under which grant key, from where."""

    batch: str
    contact_id: int
    grant_key: str
    source: str
    actor: str
    reason: str
    sku: str
    device: str
    network: str
    code: str


@dataclass(frozen=True, slots=True)
class _Taken:
    """What the batch said when it gave a piece away."""

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


class Claims:
    """The coupons of one brand's people; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self.gates = Gates(brand)
        self.breaker = Breaker(brand)

    def claim(
        self, batch: str, contact_id: int, *, key: str, source: str = "page", actor: str = "", reason: str = "",
        sku: str = "", device: str = "", network: str = "", code: str = "",
    ) -> CouponView:
        """Claim a coupon once per ``key``; the same claim again answers the first coupon.

        ``source``: page or api (the person asked), staff or reward (somebody
        else decided: the gate is not asked). ``sku`` binds the coupon to one
        article. ``device`` and ``network`` are keyed hashes of where a person
        claims from, empty where that is unknown. ``code`` is the one that the
        person entered, for a batch whose codes were handed out
        (:class:`..claims.typed.TypedCodes`). Many claims share a commit. Refusals are Conflict with the code
        not_open, closed, sold_out, day_sold_out, budget, limit, day_limit,
        device_limit, network_limit, slow_down, by_code or grant_key_used, Forbidden with the code gate, NotFound for an
        unknown batch or a person who is unknown or erased, and Invalid.
        """
        if source not in SOURCES:
            raise Invalid(f"source is one of {', '.join(SOURCES)}", field="source")
        wish = Wish(
            batch,
            contact_id,
            f"{source}:{_key(key)}",
            source,
            clean_text(actor, field="actor", max_length=200),
            clean_text(reason, field="reason", max_length=200),
            clean_text(sku, field="sku", max_length=200),
            clean_text(device, field="device", max_length=100),
            clean_text(network, field="network", max_length=100),
            code,
        )
        return self.brand.group(lambda: self._claim(wish))

    def claim_by_press(
        self, batch: str, contact_id: int, *, press: str, device: str = "", network: str = ""
    ) -> CouponView:
        """Claim a coupon by a press on a button of a page; refusals as :meth:`claim`'s.

        Where one coupon is all that a person may have, every press asks for that
        one, from whichever tab; only a coupon that was voided is not asked for
        again. Otherwise ``press``, the form's one-time key, names the wish.
        """
        return self.brand.group(
            lambda: self.claim(
                batch, contact_id, key=self._press_key(batch, contact_id, press), device=device, network=network
            )
        )

    def _press_key(self, batch: str, contact_id: int, press: str) -> str:
        row = execute("SELECT id, per_person FROM coupon_threshold_batch WHERE code = ?", (batch,)).fetchone()
        if row is None:
            raise NotFound(f"no coupon batch {batch[:60]!r}")
        batch_id, per_person = row
        if per_person == 1:
            # Two who count differently ask under different keys; the person's limit still gives them one.
            (voided,) = execute(
                "SELECT count(*) FROM coupon_threshold_coupon WHERE batch_id = ? AND contact_id = ? AND state = 'void'",
                (batch_id, contact_id),
            ).fetchone()
            press = f"only {voided}"
        return f"{batch}:{contact_id}:{press or secrets.token_hex(16)}"

    def _claim(self, wish: Wish) -> CouponView:
        for _ in range(_ATTEMPTS):
            now = self.brand.now()
            row = execute(_TAKE, (wish.batch, now, now, now)).fetchone()
            if row is None:
                return self._replayed(wish) or self._refuse_batch(wish.batch, now)
            taken = _Taken(*row)
            try:
                coupon = self._write(wish, taken, now)
            except (Conflict, Forbidden):
                execute(_GIVE_BACK, (taken.id,))
                # Whoever has the coupon already is told of it, whatever the limits say by now.
                found = self._replayed(wish)
                if found is not None:
                    return found
                raise
            if coupon is not None:
                self._tell(coupon)
                if taken.speed_bp is not None:
                    self.breaker.check(taken.id)
                return coupon
            execute(_GIVE_BACK, (taken.id,))
            found = self._replayed(wish)
            if found is not None:
                return found
            # The person was merged, or somebody took the same number or code a moment ago: look again.
            survivor = self.brand.contacts.survivor(wish.contact_id)
            if survivor != wish.contact_id:
                wish = replace(wish, contact_id=survivor)
            elif taken.per_person == 1:
                _refuse_limit(1)
        raise Conflict("too many claims of one person at the same moment; try again", code="busy")

    def _write(self, wish: Wish, taken: _Taken, now: int) -> CouponView | None:
        """Insert the coupon; None when a unique key or the contact's state refused it, with nothing written."""
        if (taken.codes == HANDED_OUT) != bool(wish.code):
            raise Conflict("this coupon is claimed by entering a code that was handed out", code="by_code")
        day = self.brand.day(now)
        gated = self._check_gate(wish, taken, now)
        nth = self._number(wish, taken, day)
        minute = None if wish.source in UNGATED_SOURCES else now // MINUTE_MS
        counted = counting(taken.id, day, minute, taken, wish.device, wish.network)
        take_counts(counted)
        code = self._code(wish, taken)
        if code is None:
            give_counts_back(counted)
            raise Conflict("the batch has no code left", code="sold_out")
        validity = Validity(taken.validity, taken.valid_from, taken.valid_to, taken.valid_days)
        valid_from, valid_to = validity.span(now, self.brand.zone)
        uid = secrets.token_hex(12)
        row = execute(
            _INSERT,
            (
                uid, code, taken.id, nth, valid_from, valid_to, now, day, wish.source, wish.actor, wish.reason,
                wish.grant_key, int(gated), wish.sku, taken.promise_minor, wish.contact_id,
            ),
        ).fetchone()  # fmt: skip
        if row is not None:
            return CouponView(
                int(row[0]), uid, code, taken.id, taken.code, taken.title, wish.contact_id, nth, "claimed", valid_from,
                valid_to, now, wish.source, wish.actor, wish.reason, wish.grant_key, int(gated), wish.sku,
                taken.promise_minor, None, None,
            )  # fmt: skip
        give_counts_back(counted)
        if taken.codes != MADE:
            give_code_back(code)
        return None

    def _code(self, wish: Wish, taken: _Taken) -> str | None:
        """The code of the coupon; None when there is none to be had."""
        if taken.codes == MADE:
            return new_code()
        if wish.code:
            return take_this_code(taken.id, wish.code)
        return take_code(taken.id, self.brand.handle.engine == "sqlite")

    def _check_gate(self, wish: Wish, taken: _Taken, now: int) -> bool:
        """Whether the person came through the batch's gate; raises Forbidden when it is closed to them."""
        if taken.gate is None or wish.source in UNGATED_SOURCES:
            return False
        steps = self.gates.steps(read_gate(json.loads(taken.gate)), wish.contact_id, taken.claims_since, now)
        if not steps.met:
            raise Forbidden(
                "this coupon is for people who have done its task: " + "; ".join(steps.missing), code="gate"
            )
        return True

    def _number(self, wish: Wish, taken: _Taken, day: int) -> int:
        """The number that this coupon gets among the person's coupons of the batch; raises Conflict at a limit."""
        if taken.per_person == 1 and taken.per_person_day is None:
            return 1
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

    def _tell(self, coupon: CouponView) -> None:
        told: dict[str, str | int] = {
            "batch": coupon.batch,
            "coupon": coupon.uid,
            "source": coupon.source,
            "gated": coupon.gated,
        }
        self.brand.emit(NAME, "claimed", coupon.contact_id, told, at=coupon.claimed_at)

    def _replayed(self, wish: Wish) -> CouponView | None:
        """The coupon that this grant key got before, or None; raises Conflict when it was used for another claim."""
        found = views.find("c.grant_key = ?", wish.grant_key)
        if found is None:
            return None
        same = found.batch == wish.batch and found.sku == wish.sku
        owner = None if found.contact_id is None else self.brand.contacts.survivor(found.contact_id)
        if not same or owner != self.brand.contacts.survivor(wish.contact_id):
            raise Conflict("this key was used for another claim", code="grant_key_used")
        return found

    def _refuse_batch(self, batch: str, now: int) -> NoReturn:
        """Say why the batch gave nothing away."""
        row = execute(
            "SELECT state, stock_left, claim_from, claim_to, valid_to FROM coupon_threshold_batch WHERE code = ?",
            (batch,),
        ).fetchone()
        if row is None:
            raise NotFound(f"no coupon batch {batch[:60]!r}")
        state, stock_left, claim_from, claim_to, valid_to = row
        zone = self.brand.zone
        if state == "closed" or (claim_to is not None and claim_to <= now):
            raise Conflict("the claims of this coupon are over", code="closed")
        if valid_to is not None and valid_to <= now:
            raise Conflict("the coupons of this batch have expired", code="closed")
        if state != "open":
            raise Conflict("this coupon cannot be claimed now; its batch is not open", code="not_open")
        if claim_from is not None and claim_from > now:
            raise Conflict(f"claims begin at {iso(claim_from, zone)}", code="not_open", opens_at=iso(claim_from, zone))
        if stock_left is not None and stock_left <= 0:
            raise Conflict("all coupons of this batch are gone", code="sold_out")
        raise Conflict("the budget of this coupon is promised in full", code="budget")

    # Reading -----------------------------------------------------------------

    def get(self, uid: str) -> CouponView:
        """A coupon by its uid; raises NotFound."""
        return views.by_uid(uid)

    def of(self, contact_id: int, *, after: int = 0, limit: int = 100) -> list[CouponView]:
        """A person's coupons, oldest first, with ids above ``after``; all states."""
        rows = execute(
            f"{views.SELECT}WHERE c.contact_id = ? AND c.id > ? ORDER BY c.id LIMIT ?", (contact_id, after, limit)
        ).fetchall()
        return [CouponView(*row) for row in rows]

    def page(self, batch_id: int, *, after: int = 0, limit: int = 200) -> list[CouponView]:
        """A batch's coupons, oldest first, with ids above ``after``."""
        rows = execute(
            f"{views.SELECT}WHERE c.batch_id = ? AND c.id > ? ORDER BY c.id LIMIT ?", (batch_id, after, limit)
        ).fetchall()
        return [CouponView(*row) for row in rows]

    def owner_uid(self, coupon: CouponView) -> str | None:
        """The uid of a coupon's owner, for views; None when they were erased."""
        if coupon.contact_id is None:
            return None
        row: tuple[Any, ...] = execute("SELECT uid FROM contact WHERE id = ?", (coupon.contact_id,)).fetchone()
        return str(row[0])


def _key(key: str) -> str:
    text = clean_text(key, field="key", max_length=150)
    if not text:
        raise Invalid("a claim needs a key that names it, so that it is made once", field="key")
    return text


def _refuse_limit(limit: int) -> NoReturn:
    if limit == 0:
        raise Conflict("this coupon is not given away one by one", code="limit")
    raise Conflict(f"one person may claim {limit} of this coupon", code="limit")
