"""Stock, budget and the limits of prizes: each taken by one conditional statement in the draw's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrm_core.api import execute

from . import moves

if TYPE_CHECKING:
    from .definition import CampaignView, PrizeView

MINUTE_MS = 60_000

# Why a prize was not there. The shop ran out of it: the player keeps the chance.
SOLD_OUT = "sold_out"
PACED = "paced"
PER_DAY = "per_day"
BUDGET = "budget"
# The plugin that issues the prize refused to: it had none.
REFUSED = "refused"
SHORT = frozenset({SOLD_OUT, PACED, PER_DAY, BUDGET, REFUSED})
# The player's own limits: the published rules say so, and the chance is spent.
PER_PERSON = "per_person"
# What the issuer refuses to this person alone: otherwise their chance would return until another prize comes.
NOT_TO_THEM = "refused_person"


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


def limited(prize: PrizeView) -> bool:
    """Whether a prize can be out for somebody: it has a stock, a value, or a number per day or person."""
    return (
        prize.value_minor > 0
        or prize.stock_total is not None
        or prize.per_day is not None
        or prize.per_person is not None
    )


def winnable(campaign: CampaignView) -> tuple[int, ...]:
    """Ids of the prizes that a draw may end with, each of which can run out; empty when one never does.

    Drawn, promised, or what another one falls back to.
    """
    promised = campaign.guarantee
    waiting = [prize.code for prize in campaign.prizes if prize.weight and prize.wins]
    waiting += [promised.prize, promised.substitute] if promised else []
    found: dict[str, PrizeView] = {}
    while waiting:
        prize = campaign.prize(waiting.pop())
        if prize.code not in found:
            found[prize.code] = prize
            waiting += [prize.fallback] if prize.fallback else []
    priced = campaign.budget_minor is not None
    if any(each.stock_total is None and not (priced and each.value_minor) for each in found.values()):
        return ()
    return tuple(prize.id for prize in found.values())


class Stock:
    """Takes prizes of one campaign and gives them back; call it in a transaction.

    Rows are locked in one order: the campaign, the prize's day, the prize. What
    takes from a limited prize is numbered while the campaign's row is held;
    ``move`` is the number of what was begun last, None while it asked for nothing
    that is limited.
    """

    def __init__(self, campaign: CampaignView, now: int, day: int, bucket_minutes: int) -> None:
        self.campaign = campaign
        self.now = now
        self.day = day
        self.bucket_minutes = campaign.release_minutes or bucket_minutes
        self.move: int | None = None

    def begin(self) -> None:
        """A new draw, award or reservation: the first limited prize that it asks for gives it a number of its own."""
        self.move = None

    def take(self, prize: PrizeView, contact_id: int) -> str:
        """Take one win of a prize for a person; an empty text, or why it is not to be had."""
        if not limited(prize):
            return ""
        short = self._enter(prize)
        why = self._beyond_person(prize, contact_id) or short or self._take_day(prize)
        if not why:
            why = self._take_stock(prize)
            if why:
                self._return_day(prize, self.day)
        if why and not short:
            self._return_budget(prize)
        return why

    def give_back(self, prize: PrizeView, day: int, draw: str = "") -> None:
        """Put back one win that was taken on ``day``, by the ``draw`` with this uid: stock, day and budget."""
        if not limited(prize):
            return
        (number,) = execute(
            "UPDATE interaction_games_campaign SET moves = moves + 1, spent_minor = spent_minor - ? WHERE id = ? "
            "RETURNING moves",
            (prize.value_minor, self.campaign.id),
        ).fetchone()
        self._return_day(prize, day)
        if prize.stock_total is not None:
            execute(
                "UPDATE interaction_games_prize SET stock_left = stock_left + 1 WHERE id = ? "
                "AND stock_left < stock_total",
                (prize.id,),
            )
        moves.write(moves.Move(self.campaign.id, number, moves.RETURNED, day, self.now, prize.id, 1, draw))

    def put_back(self, prize: PrizeView) -> None:
        """Undo what :meth:`take` took a moment ago in this transaction: nobody ever had it, so it is no move."""
        self._return_budget(prize)
        self._return_day(prize, self.day)
        if prize.stock_total is not None:
            execute("UPDATE interaction_games_prize SET stock_left = stock_left + 1 WHERE id = ?", (prize.id,))

    def _enter(self, prize: PrizeView) -> str:
        """Lock the campaign, number what was begun and take the prize's value out of the budget."""
        fresh = int(self.move is None)
        if prize.value_minor or fresh:
            row = execute(
                "UPDATE interaction_games_campaign SET moves = moves + ?, spent_minor = spent_minor + ? WHERE id = ? "
                "AND (budget_minor IS NULL OR spent_minor + ? <= budget_minor) RETURNING moves",
                (fresh, prize.value_minor, self.campaign.id, prize.value_minor),
            ).fetchone()
            if row is None:
                self.move = moves.next_of(self.campaign.id) if fresh else self.move
                return BUDGET
            self.move = row[0]
        return ""

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
        # The end as it was published: a campaign that is lengthened keeps what is unlocked already.
        ends_at = self.campaign.paced_until or self.campaign.ends_at
        unlocked = released(total, starts_at, ends_at, self.now, self.bucket_minutes)
        taken = execute(
            "UPDATE interaction_games_prize SET stock_left = stock_left - 1 WHERE id = ? AND stock_left > 0 "
            "AND stock_total - stock_left < ?",
            (prize.id, unlocked),
        ).rowcount
        if taken:
            return ""
        (left,) = execute("SELECT stock_left FROM interaction_games_prize WHERE id = ?", (prize.id,)).fetchone()
        return PACED if left else SOLD_OUT
