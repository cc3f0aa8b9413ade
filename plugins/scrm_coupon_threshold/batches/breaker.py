"""The breaker (熔断): pauses a batch whose budget is used much faster than planned, for a person to look.

The plan spreads the budget evenly from the beginning of the claims to their
end. A batch's ``speed_bp`` says at how many times the plan (30000: three times)
it is paused, once ``speed_from_minor`` is used: the first hour of a campaign
is always fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import execute, iso, transactional

from ..models import NAME

if TYPE_CHECKING:
    from scrm_core.api import Brand

_BP = 10_000


class Breaker:
    """The breaker of one brand's batches; call it inside ``with brand:``."""

    def __init__(self, brand: Brand) -> None:
        self.brand = brand

    @transactional
    def check(self, batch_id: int | None = None) -> list[str]:
        """Pause open batches, or this one, that use their budget too fast; returns the codes of those paused."""
        now = self.brand.now()
        only, values = ("", ()) if batch_id is None else (" AND id = ?", (batch_id,))
        rows = execute(
            "SELECT id, code, budget_minor, speed_bp, speed_from_minor, coalesce(claim_from, opened_at), "
            "coalesce(claim_to, valid_to) FROM coupon_threshold_batch "
            f"WHERE state = 'open' AND speed_bp IS NOT NULL{only} ORDER BY id",
            values,
        ).fetchall()
        paused = []
        for batch, code, budget, speed_bp, least, since, until in rows:
            elapsed = min(max(now - since, 0), until - since)
            allowed = max(least, budget * elapsed * speed_bp // (_BP * max(until - since, 1)))
            if self._pause(batch, code, allowed, now):
                paused.append(code)
        return paused

    def _pause(self, batch_id: int, code: str, allowed: int, now: int) -> bool:
        row = execute(
            "UPDATE coupon_threshold_batch SET state = 'paused', pause_reason = ? "
            "WHERE id = ? AND state = 'open' AND budget_used_minor > ? RETURNING budget_used_minor",
            (f"budget used too fast: more than {allowed} by {iso(now, self.brand.zone)}", batch_id, allowed),
        ).fetchone()
        if row is None:
            return False
        self.brand.emit(NAME, "paused", None, {"batch": code, "used_minor": row[0], "allowed_minor": allowed})
        return True
