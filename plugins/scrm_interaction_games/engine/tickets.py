"""Chances to draw (抽奖机会): a ledger with expiry, the soonest to expire spent first, never below 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import Conflict, Invalid, clean_text, day_start, execute, surfaces

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .definition import CampaignView

DAY_MS = 86_400_000
NO_TICKET = "no_ticket"

_ADD = (
    "INSERT INTO interaction_games_ticket (campaign_id, contact_id, delta, remaining, lot_id, source, key, actor, "
    "expires_at, at, day) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (contact_id, campaign_id, key) DO NOTHING"
)
_DAILY = (
    "INSERT INTO interaction_games_ticket (campaign_id, contact_id, delta, remaining, source, key, actor, expires_at, "
    "at, day) SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 'daily', "
    "CAST(? AS TEXT), '', CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT) WHERE NOT EXISTS "
    "(SELECT 1 FROM interaction_games_ticket WHERE contact_id = ? AND campaign_id = ? AND source = 'daily' "
    "AND day >= ?) ON CONFLICT (contact_id, campaign_id, key) DO NOTHING"
)
_OPEN = "contact_id = ? AND campaign_id = ? AND remaining > 0 AND (expires_at IS NULL OR expires_at > ?)"
# The chances to begin with, one of them spent at once unless there are others, which may have to go first.
_START = (
    "INSERT INTO interaction_games_ticket (campaign_id, contact_id, delta, remaining, source, key, actor, at, day) "
    "SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT) - CASE WHEN EXISTS (SELECT 1 "
    f"FROM interaction_games_ticket WHERE {_OPEN}) THEN 0 ELSE 1 END, 'start', 'start', '', CAST(? AS BIGINT), "
    "CAST(? AS BIGINT) WHERE TRUE ON CONFLICT (contact_id, campaign_id, key) DO NOTHING RETURNING id, remaining"
)


class Tickets:
    """The chances of one campaign's players; call it in a transaction for anything that writes."""

    def __init__(self, brand: Brand, campaign: CampaignView, now: int) -> None:
        self.brand = brand
        self.campaign = campaign
        self.now = now
        self.day = brand.day(now)

    def balance(self, contact_id: int) -> int:
        """Chances that are there now, today's free ones included even when nobody asked for them yet."""
        (left,) = execute(
            f"SELECT coalesce(sum(remaining), 0) FROM interaction_games_ticket WHERE {_OPEN}",
            (contact_id, self.campaign.id, self.now),
        ).fetchone()
        return int(left) + self._not_given(contact_id)

    def grant(
        self,
        contact_id: int,
        count: int,
        source: str,
        key: str,
        *,
        expires_at: int | None = None,
        actor: str = "",
    ) -> bool:
        """Give chances once per key; False when the key was used before.

        Raises Invalid for a count below 1 and Conflict (``surface``) when
        sharing gives chances where that is forbidden.
        """
        source = clean_text(source, field="source", max_length=40)
        key = clean_text(key, field="key", max_length=120)
        if type(count) is not int or not 1 <= count <= 1_000:
            raise Invalid("count: 1 to 1,000 chances are given at once", field="count")
        if not source or not key:
            raise Invalid("key: chances have a source and a key that is unique for it", field="key")
        if source == "share":
            reason = surfaces.refusal("sharing_reward", self.campaign.surface)
            if reason:
                raise Conflict(reason, code="surface")
        days = self.campaign.chances.expires_days
        if expires_at is None and days is not None:
            expires_at = self.now + days * DAY_MS
        return self._add(contact_id, count, source, f"{source}:{key}", expires_at, actor=actor)

    def free(self, contact_id: int) -> None:
        """Give what everybody has: the chances to begin with, once, and today's, which end with the brand's day.

        Free chances of a day are given once, and never again after those of a
        later day: a clock that is moved back brings none.
        """
        chances = self.campaign.chances
        if chances.start:
            self._add(contact_id, chances.start, "start", "start", None)
        if chances.daily:
            tomorrow = day_start(self.day + 1, self.brand.zone)
            execute(
                _DAILY,
                (
                    self.campaign.id, contact_id, chances.daily, chances.daily, f"daily:{self.day}", tomorrow, self.now,
                    self.day, contact_id, self.campaign.id, self.day,
                ),
            )  # fmt: skip

    def spend(self, contact_id: int, key: str) -> int:
        """Spend the chance that expires soonest; returns the entry that it came from.

        Raises Conflict (``no_ticket``) when there is none.
        """
        row = execute(
            "UPDATE interaction_games_ticket SET remaining = remaining - 1 WHERE id = ("
            f"SELECT id FROM interaction_games_ticket WHERE {_OPEN} "
            "ORDER BY coalesce(expires_at, 9007199254740992), id LIMIT 1) AND remaining > 0 RETURNING id",
            (contact_id, self.campaign.id, self.now),
        ).fetchone()
        if row is None:
            raise Conflict("no chance is left", code=NO_TICKET)
        return self._spent(contact_id, key, row[0])

    def spend_first(self, contact_id: int, key: str) -> int:
        """Like :meth:`spend`, after giving what everybody has."""
        start = self.campaign.chances.start
        if not start or self.campaign.chances.daily:
            self.free(contact_id)
            return self.spend(contact_id, key)
        row = execute(
            _START,
            (
                self.campaign.id, contact_id, start, start, contact_id, self.campaign.id, self.now, self.now, self.day,
            ),
        ).fetchone()  # fmt: skip
        if row is not None and row[1] < start:
            return self._spent(contact_id, key, row[0])
        return self.spend(contact_id, key)

    def _spent(self, contact_id: int, key: str, lot: int) -> int:
        """Write down that a chance of an entry was spent; returns the entry."""
        if not self._add(contact_id, -1, "spent", f"spent:{key}", None, lot=lot):
            raise Conflict(f"the key {key!r} has spent a chance already", code="key_used")
        return lot

    def give_back(self, contact_id: int, lot: int, key: str) -> None:
        """Undo a spend of this very transaction or of a draw that is void: the chance returns to its entry."""
        if self._add(contact_id, 1, "returned", f"returned:{key}", None, lot=lot, open_=False):
            execute("UPDATE interaction_games_ticket SET remaining = remaining + 1 WHERE id = ?", (lot,))

    def revoke(self, contact_id: int, key: str, source: str) -> int:
        """Take back what is unused of the chances given under a key; returns how many."""
        row = execute(
            "SELECT id, remaining FROM interaction_games_ticket WHERE contact_id = ? AND campaign_id = ? AND key = ?",
            (contact_id, self.campaign.id, f"{source}:{key}"),
        ).fetchone()
        if row is None or not row[1]:
            return 0
        taken = execute(
            "UPDATE interaction_games_ticket SET remaining = 0 WHERE id = ? AND remaining = ?", row
        ).rowcount
        if not taken or not self._add(contact_id, -row[1], "revoked", f"revoked:{source}:{key}", None, lot=row[0]):
            return 0
        return int(row[1])

    def used_today(self, contact_id: int) -> int:
        """Draws of today that cost a chance."""
        row = execute(
            "SELECT day, day_draws FROM interaction_games_player WHERE campaign_id = ? AND contact_id = ?",
            (self.campaign.id, contact_id),
        ).fetchone()
        # A clock that was moved back finds the later day's row: that day's draws still count.
        return int(row[1]) if row is not None and row[0] >= self.day else 0

    def ledger(self, contact_id: int) -> list[tuple[int, str, str, int | None, int]]:
        """(delta, source, key, expires_at, at) of a person, first to last."""
        rows: list[tuple[int, str, str, int | None, int]] = execute(
            "SELECT delta, source, key, expires_at, at FROM interaction_games_ticket WHERE contact_id = ? "
            "AND campaign_id = ? ORDER BY id",
            (contact_id, self.campaign.id),
        ).fetchall()
        return rows

    def _not_given(self, contact_id: int) -> int:
        chances = self.campaign.chances
        left = chances.daily if chances.daily and not self._daily_given(contact_id) else 0
        if chances.start and not self._has(contact_id, "key = 'start'"):
            left += chances.start
        return left

    def _daily_given(self, contact_id: int) -> bool:
        return self._has(contact_id, "source = 'daily' AND day >= ?", self.day)

    def _has(self, contact_id: int, where: str, *params: int) -> bool:
        row = execute(
            f"SELECT 1 FROM interaction_games_ticket WHERE contact_id = ? AND campaign_id = ? AND {where} LIMIT 1",
            (contact_id, self.campaign.id, *params),
        ).fetchone()
        return row is not None

    def _add(
        self,
        contact_id: int,
        delta: int,
        source: str,
        key: str,
        expires_at: int | None,
        *,
        lot: int | None = None,
        actor: str = "",
        open_: bool = True,
    ) -> bool:
        remaining = delta if delta > 0 and open_ else 0
        row = (
            self.campaign.id, contact_id, delta, remaining, lot, source, key, actor, expires_at, self.now, self.day,
        )  # fmt: skip
        return bool(execute(_ADD, row).rowcount)
