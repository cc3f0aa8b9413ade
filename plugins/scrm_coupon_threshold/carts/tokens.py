"""Tokens of coupon QR codes (动态券码): signed, good for a minute, so that a screenshot cannot be sold on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import itsdangerous

from scrm_core.api import NotFound, execute, transactional

from ..claims.views import CouponView, by_uid
from .guessing import secret_of

if TYPE_CHECKING:
    from scrm_core.api import Brand

PREFIX = "ct."
_SALT = "coupon-threshold.token"


class Tokens:
    """Makes and reads the tokens of one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.seconds = settings["token_seconds"]

    def issue(self, coupon_uid: str, contact_id: int) -> str:
        """A token for the QR code of a coupon, shown to its owner; raises NotFound for everybody else's.

        Writes nothing once the brand has its secret: a page shows its QR code while others write.
        """
        coupon = by_uid(coupon_uid)
        survivor = self.brand.contacts.survivor
        if coupon.contact_id is None or survivor(coupon.contact_id) != survivor(contact_id):
            raise NotFound("no such coupon")
        ends = self.brand.now() + self.seconds * 1_000
        signed = itsdangerous.URLSafeSerializer(secret_of(self.brand), salt=_SALT).dumps([coupon.uid, ends])
        return PREFIX + str(signed)

    def read(self, text: str) -> tuple[CouponView | None, bool]:
        """(coupon, in time) of a token; (None, False) for one that this brand did not sign."""
        rows = execute("SELECT secret FROM coupon_threshold_key WHERE retired_at IS NULL ORDER BY id DESC").fetchall()
        for (secret,) in rows:
            try:
                uid, ends = itsdangerous.URLSafeSerializer(secret, salt=_SALT).loads(text.removeprefix(PREFIX))
            except itsdangerous.BadData:
                continue
            now, lifetime = self.brand.now(), self.seconds * 1_000
            try:
                # Ending too late is out of time too: its clock was ahead, and has been set back since. Clocks of
                # two machines may differ by a lifetime.
                return by_uid(uid), now < ends <= now + 2 * lifetime
            except NotFound:
                return None, False
        return None, False

    @transactional
    def renew(self) -> None:
        """Retire every key and make a new one: tokens shown before are worth nothing from now on."""
        execute("UPDATE coupon_threshold_key SET retired_at = ? WHERE retired_at IS NULL", (self.brand.now(),))
        secret_of(self.brand)
