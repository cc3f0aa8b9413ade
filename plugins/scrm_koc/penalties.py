"""Points off a score: late tasks, violations, and fraud by a person's word; once per key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, clean_text, execute, transactional

if TYPE_CHECKING:
    from scrm_core.api import Brand


class Penalties:
    """One brand's penalties; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    def late(self, contact_id: int, key: str, task: str) -> None:
        """A task was late."""
        self._add(contact_id, "late", self.settings["late_points"], key, task, "")

    def violation(self, contact_id: int, key: str, reason: str, actor: str) -> None:
        """A piece broke the rules."""
        self._add(contact_id, "violation", self.settings["violation_points"], key, reason, actor)

    @transactional
    def fraud(self, contact_id: int, points: int, *, key: str, reason: str, actor: str) -> None:
        """Take points off by hand, once per key.

        Raises Invalid without a reason or an actor, Conflict when the key was used for somebody or something else.
        """
        reason, actor = clean_text(reason, field="reason"), clean_text(actor, field="actor", max_length=200)
        key = clean_text(key, field="key", max_length=100)
        if type(points) is not int or not 1 <= points <= 100:
            raise Invalid("points is a whole number from 1 to 100", field="points")
        if not reason or not actor or not key:
            raise Invalid("points off by hand need a key, a reason and an actor", field="reason")
        person = self.brand.contacts.survivor(contact_id)
        self._add(person, "fraud", points, f"fraud:{key}", reason, actor)
        kept = execute("SELECT contact_id, points FROM koc_penalty WHERE key = ?", (f"fraud:{key}",)).fetchone()
        if kept != (person, points):
            raise Conflict(f"the key {key!r} was used for another penalty", code="key_used")

    @staticmethod
    def of(contact_id: int, *, limit: int = 50) -> list[dict[str, Any]]:
        """What was taken off a person's score, newest first: ``kind``, ``points``, ``reason``, ``actor``, ``at``."""
        rows = execute(
            "SELECT kind, points, reason, actor, at FROM koc_penalty WHERE contact_id = ? ORDER BY id DESC LIMIT ?",
            (contact_id, limit),
        ).fetchall()
        return [dict(zip(("kind", "points", "reason", "actor", "at"), row, strict=True)) for row in rows]

    def _add(self, contact_id: int, kind: str, points: int, key: str, reason: str, actor: str) -> None:
        now = self.brand.now()
        execute(
            "INSERT INTO koc_penalty (contact_id, kind, points, key, reason, actor, at, day) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (contact_id, kind, points, key, reason, actor, now, self.brand.day(now)),
        )
