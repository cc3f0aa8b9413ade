"""Stock, budget and the limits of prizes: each taken by one conditional statement in the draw's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import execute

if TYPE_CHECKING:
    from .definition import CampaignView, PrizeView

MINUTE_MS = 60_000

# Why a prize was not there. The shop ran out of it: the player keeps the chance.
SOLD_OUT = "sold_out"
PACED = "paced"
PER_DAY = "per_day"
BUDGET = "budget"
SHORT = frozenset({SOLD_OUT, PACED, PER_DAY, BUDGET})
# The player's own limits: the published rules say so, and the chance is spent.
PER_PERSON = "per_person"
COOL_DOWN = "cool_down"


def released(total: int, starts_at: int, ends_at: int, now: int, bucket_minutes: int) -> int:
    """How much of an evenly released stock is unlocked at an instant.

    The campaign is cut into buckets of equal length; with the beginning of
    each, its share is unlocked, rounded up, and what nobody won rolls over.
    The last share is unlocked when the last bucket begins.
    """
    bucket = bucket_minutes * MINUTE_MS
    buckets = max(1, -(-(ends_at - starts_at) // bucket))
    begun = min(buckets, max(0, now - starts_at) // bucket + 1)
    return -(-total * begun // buckets)


class Stock:
    """Takes prizes of one campaign and gives them back; call it in a transaction."""

    def __init__(self, campaign: CampaignView, now: int, day: int, bucket_minutes: int) -> None:
        self.campaign = campaign
        self.now = now
        self.day = day
        self.bucket_minutes = bucket_minutes

    def take(self, prize: PrizeView, contact_id: int) -> str:
        """Take one win of a prize for a person; an empty text, or why it is not to be had."""
        why = self._beyond_person(prize, contact_id) or self._take_day(prize)
        if why:
            return why
        why = self._take_budget(prize)
        if not why:
            why = self._take_stock(prize)
            if why:
                self._return_budget(prize)
        if why:
            self._return_day(prize, self.day)
        return why

    def give_back(self, prize: PrizeView, day: int) -> None:
        """Put one win of a prize back that was taken on ``day``: stock, day and budget."""
        if prize.stock_total is not None:
            execute(
                "UPDATE interaction_games_prize SET stock_left = stock_left + 1 WHERE id = ? "
                "AND stock_left < stock_total",
                (prize.id,),
            )
        self._return_day(prize, day)
        self._return_budget(prize)

    def any_left(self) -> bool:
        """Whether any prize of the campaign has stock now that the budget can still pay."""
        left = self.campaign.budget_minor
        if left is not None:
            (spent,) = execute(
                "SELECT spent_minor FROM interaction_games_campaign WHERE id = ?", (self.campaign.id,)
            ).fetchone()
            left -= spent
        rows = execute(
            "SELECT code, weight, value_minor, stock_left FROM interaction_games_prize WHERE campaign_id = ? "
            "AND kind <> 'none'",
            (self.campaign.id,),
        ).fetchall()
        promised = self.campaign.guarantee
        promises = {promised.prize, promised.substitute} if promised else set()
        return any(
            (weight or code in promises) and (stock is None or stock > 0) and (left is None or value <= left)
            for code, weight, value, stock in rows
        )

    def _beyond_person(self, prize: PrizeView, contact_id: int) -> str:
        if prize.per_person is None:
            return ""
        # The player's row is locked by this transaction, so nobody else counts for them now.
        (had,) = execute(
            "SELECT count(*) FROM interaction_games_draw WHERE prize_id = ? AND contact_id = ? AND state <> 'void'",
            (prize.id, contact_id),
        ).fetchone()
        return PER_PERSON if had >= prize.per_person else ""

    def _take_day(self, prize: PrizeView) -> str:
        if prize.per_day is None:
            return ""
        if prize.per_day < 1:
            return PER_DAY
        taken = execute(
            "INSERT INTO interaction_games_prize_day (prize_id, day, taken) VALUES (?, ?, 1) "
            "ON CONFLICT (prize_id, day) DO UPDATE SET taken = interaction_games_prize_day.taken + 1 "
            "WHERE interaction_games_prize_day.taken < ?",
            (prize.id, self.day, prize.per_day),
        ).rowcount
        return "" if taken else PER_DAY

    def _return_day(self, prize: PrizeView, day: int) -> None:
        if prize.per_day is not None:
            execute(
                "UPDATE interaction_games_prize_day SET taken = taken - 1 WHERE prize_id = ? AND day = ? AND taken > 0",
                (prize.id, day),
            )

    def _take_budget(self, prize: PrizeView) -> str:
        if not prize.value_minor:
            return ""
        taken = execute(
            "UPDATE interaction_games_campaign SET spent_minor = spent_minor + ? WHERE id = ? "
            "AND (budget_minor IS NULL OR spent_minor + ? <= budget_minor)",
            (prize.value_minor, self.campaign.id, prize.value_minor),
        ).rowcount
        return "" if taken else BUDGET

    def _return_budget(self, prize: PrizeView) -> None:
        if prize.value_minor:
            execute(
                "UPDATE interaction_games_campaign SET spent_minor = spent_minor - ? WHERE id = ?",
                (prize.value_minor, self.campaign.id),
            )

    def _take_stock(self, prize: PrizeView) -> str:
        if prize.stock_total is None:
            return ""
        if prize.release == "even":
            return self._take_released(prize)
        taken = execute(
            "UPDATE interaction_games_prize SET stock_left = stock_left - 1 WHERE id = ? AND stock_left > 0",
            (prize.id,),
        ).rowcount
        return "" if taken else SOLD_OUT

    def _take_released(self, prize: PrizeView) -> str:
        starts_at = self.campaign.starts_at if self.campaign.starts_at is not None else self.now
        (total,) = execute("SELECT stock_total FROM interaction_games_prize WHERE id = ?", (prize.id,)).fetchone()
        unlocked = released(total, starts_at, self.campaign.ends_at, self.now, self.bucket_minutes)
        taken = execute(
            "UPDATE interaction_games_prize SET stock_left = stock_left - 1 WHERE id = ? AND stock_left > 0 "
            "AND stock_total - stock_left < ?",
            (prize.id, unlocked),
        ).rowcount
        if taken:
            return ""
        (left,) = execute("SELECT stock_left FROM interaction_games_prize WHERE id = ?", (prize.id,)).fetchone()
        return PACED if left else SOLD_OUT
