"""Two brands with coupons: acme gives them away, moonco has its own and must see nothing of acme's."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from scrm_core.brands import Brand
from scrm_core.clock import ManualClock, local_instant
from scrm_core.db.bulk import execute
from scrm_core.delivery import Delivery
from scrm_core.installation import Installation
from scrm_core.services.contacts import IdentityIn, LeadIn
from scrm_coupon_threshold import CouponThreshold
from scrm_coupon_threshold.claims.views import CouponView
from scrm_coupon_threshold.service import Coupons, coupons_of

PLUGIN = "\n[plugins.coupon-threshold]\n"
PLUGINS = (CouponThreshold,)

_LOG_IS_READABLE = "SELECT coalesce(max(xid), '0'::xid8) < pg_snapshot_xmin(pg_current_snapshot()) FROM event"

OFF_30 = {"kind": "threshold", "min_minor": 30_000, "off_minor": 3_000}


def definition(code: str, **changes: Any) -> dict[str, Any]:
    """满300减30, natural seven days, one per person."""
    return {
        "code": code,
        "title": "满300减30",
        "rule": OFF_30,
        "validity": {"kind": "natural", "days": 7},
        **changes,
    }


class CouponScene:
    """Acts on both brands through the plugin's services; times are ISO wall-clock times of the brand."""

    def __init__(self, installation: Installation, clock: ManualClock) -> None:
        self.installation = installation
        self.clock = clock
        self.acme = installation.brand("acme")
        self.moonco = installation.brand("moonco")
        self._people = 0

    def at(self, text: str, brand: Brand | None = None) -> int:
        """The instant of a wall-clock time; the clock is not moved."""
        return local_instant(datetime.fromisoformat(text), (brand or self.acme).zone)

    def go_to(self, text: str, brand: Brand | None = None) -> None:
        """Move the clock to a wall-clock time of acme, or of another brand."""
        self.clock.set(self.at(text, brand))

    def coupons(self, brand: Brand | None = None) -> Coupons:
        """The plugin's services of a brand; to be called inside the brand."""
        return coupons_of(brand or self.acme)

    def person(self, brand: Brand | None = None) -> int:
        """A new contact's id."""
        self._people += 1
        brand = brand or self.acme
        phone = f"+86138{self._people:08d}" if brand is self.acme else f"+1212555{self._people:04d}"
        with brand:
            lead = brand.contacts.capture_lead(
                LeadIn(
                    source="wecom",
                    reference=phone,
                    identities=(IdentityIn.of("phone", phone, ""),),
                    at=brand.now(),
                )
            )
            return int(lead.contact_id)

    def uid(self, contact_id: int, brand: Brand | None = None) -> str:
        """A contact's uid."""
        with brand or self.acme:
            return execute("SELECT uid FROM contact WHERE id = ?", (contact_id,)).fetchone()[0]

    def open(self, code: str, brand: Brand | None = None, **changes: Any) -> None:
        """Create a batch and open it."""
        with brand or self.acme:
            batches = self.coupons(brand).batches
            batches.create(definition(code, **changes))
            batches.open(code)

    def claim(self, code: str, contact_id: int, key: str = "", *, brand: Brand | None = None, **more: Any) -> CouponView:
        """Claim a coupon; without a key each call is a claim of its own."""
        self._people += not key
        with brand or self.acme:
            return self.coupons(brand).claims.claim(code, contact_id, key=key or f"claim {self._people}", **more)

    def deliver(self, brand: Brand | None = None) -> None:
        """Hand the brand's events to its plugins."""
        brand = brand or self.acme
        with brand:
            # PostgreSQL shows the log below the oldest transaction of the whole server: others may be running.
            while brand.handle.engine == "postgresql" and not execute(_LOG_IS_READABLE).fetchone()[0]:
                execute("SELECT pg_sleep(0.02)")
            step = Delivery(brand).drain()
        assert step.errors == []

    def rows(self, sql: str, *values: Any, brand: Brand | None = None) -> list[tuple[Any, ...]]:
        """What the database holds."""
        with brand or self.acme:
            return [tuple(row) for row in execute(sql, values).fetchall()]
