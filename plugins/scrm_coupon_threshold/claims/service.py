"""Claims (领取) as others ask for them: one coupon per right and person, never more than there are."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, NotFound, clean_text, execute, new_uid

from ..models import NAME as NAME
from ..rules import new_code
from ..rules.codes import normalise_code
from . import views
from .crowd import Crowd
from .views import CouponView
from .wishes import SOURCES, Wish

if TYPE_CHECKING:
    from scrm_core.api import Brand


class Claims:
    """The coupons of one brand's people; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand
        self._crowd = Crowd(brand)

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
        (:class:`..claims.typed.TypedCodes`). Many claims share a commit, and those
        of one plain batch their statements. Refusals are Conflict with the code
        not_open, closed, sold_out, day_sold_out, budget, limit, day_limit,
        device_limit, network_limit, slow_down, by_code or grant_key_used, Forbidden
        with the code gate, NotFound for an unknown batch or a person who is unknown
        or erased, and Invalid.
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
            new_uid(self.brand.now()),
            new_code(),
        )
        return self.brand.group_many(self._crowd, wish)

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

    # Reading -----------------------------------------------------------------

    def get(self, uid: str) -> CouponView:
        """A coupon by its uid; raises NotFound."""
        return views.by_uid(uid)

    def by_code(self, code: str) -> CouponView:
        """A coupon by its code, as it is printed or typed; raises NotFound."""
        found = views.find("c.code = ?", normalise_code(code[:100])) if code[:100].isprintable() else None
        if found is None:
            raise NotFound("no such coupon")
        return found

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
