"""Guesses (猜码): wrong codes and PINs are counted per subject; ten of them lock it for a while."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import execute

if TYPE_CHECKING:
    from scrm_core.api import Brand

MINUTE_MS = 60_000
_FAIL = (
    "INSERT INTO coupon_threshold_attempt (subject, failures, since, locked_until) VALUES (?, 1, ?, NULL) "
    "ON CONFLICT (subject) DO UPDATE SET "
    "failures = CASE WHEN coupon_threshold_attempt.since <= ? THEN 1 ELSE coupon_threshold_attempt.failures + 1 END, "
    "locked_until = CASE WHEN coupon_threshold_attempt.since > ? AND coupon_threshold_attempt.failures + 1 >= ? "
    "THEN CAST(? AS BIGINT) ELSE NULL END, "
    "since = CASE WHEN coupon_threshold_attempt.since <= ? THEN excluded.since ELSE coupon_threshold_attempt.since END"
)


def secret_of(brand: Brand) -> str:
    """The brand's newest signing secret, made when it is first needed."""
    row = execute(
        "SELECT secret FROM coupon_threshold_key WHERE retired_at IS NULL ORDER BY id DESC LIMIT 1"
    ).fetchone()
    if row is not None:
        return str(row[0])
    made = secrets.token_urlsafe(32)
    execute("INSERT INTO coupon_threshold_key (secret, created_at) VALUES (?, ?)", (made, brand.now()))
    return made


class Guesses:
    """Counts wrong codes in one brand; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.most = settings["guesses"]
        self.lock_ms = settings["lock_minutes"] * MINUTE_MS

    def locked_until(self, subjects: Iterable[str]) -> int | None:
        """Until when any of the subjects (``terminal:T1``, ``network:...``) is locked, or None."""
        now = self.brand.now()
        until = [
            row[0]
            for subject in subjects
            if (
                row := execute(
                    "SELECT locked_until FROM coupon_threshold_attempt WHERE subject = ? AND locked_until > ?",
                    (self._digest(subject), now),
                ).fetchone()
            )
        ]
        return max(until, default=None)

    def failed(self, subjects: Iterable[str]) -> None:
        """Count a wrong code for every subject; the last one allowed locks it. Old failures are forgotten."""
        now = self.brand.now()
        forgotten = now - self.lock_ms
        for subject in sorted(subjects):
            execute(
                _FAIL,
                (self._digest(subject), now, forgotten, forgotten, self.most, now + self.lock_ms, forgotten),
            )

    def forgive(self, subject: str) -> None:
        """Forget the failures of a subject that proved itself."""
        execute("DELETE FROM coupon_threshold_attempt WHERE subject = ?", (self._digest(subject),))

    def _digest(self, subject: str) -> str:
        row = execute("SELECT secret FROM coupon_threshold_key ORDER BY id LIMIT 1").fetchone()
        secret = str(row[0]) if row is not None else secret_of(self.brand)
        return hmac.new(secret.encode(), subject.encode(), hashlib.sha256).hexdigest()
