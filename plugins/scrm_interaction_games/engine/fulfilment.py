"""From a win to the thing itself: prizes are rewards, granted once per draw, retried with the same key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, PluginError, Veto, clean_text, execute, transactional

from .stock import NOT_TO_THEM, REFUSED, Stock

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaigns
    from .definition import CampaignView, PrizeView

BATCH = 200
FIRST_RETRY_MS = 60_000
LONGEST_RETRY_MS = 6 * 3_600_000

_CHANGE = "UPDATE interaction_games_draw SET "


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of trying to grant a win: granted, won (to be tried again at ``retry_at``) or failed.

    Or one of the two refusals of :mod:`.stock`.
    """

    state: str
    reward: str = ""
    error: str = ""
    attempts: int = 0
    retry_at: int | None = None


class Fulfilment:
    """Grants what was won; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any], campaigns: Campaigns) -> None:
        self.brand = brand
        self.settings = settings
        self.campaigns = campaigns

    def attempt(
        self,
        uid: str,
        contact_id: int,
        prize: PrizeView,
        campaign: CampaignView,
        value_minor: int,
        attempts: int = 0,
        *,
        refusable: bool = False,
    ) -> Outcome:
        """Try to grant a win in the open transaction; what the issuer wrote before it failed is rolled back alone.

        A prize whose issuer fails stays won: a job tries again with the same key. A
        Veto is the issuer's own no; while nobody has been told of the win
        (``refusable``) it is the answer, afterwards one more failure.
        """
        try:
            reward = self.brand.rewards.grant(
                prize.kind,
                contact_id,
                item=prize.item,
                quantity=prize.quantity,
                grant_key=f"draw:{uid}",
                cost_minor=value_minor,
                reason=f"{campaign.code}: {prize.title}"[:200],
                actor="interaction-games",
            )
        except (PluginError, Veto, Conflict, Invalid, NotFound) as exc:
            if refusable and isinstance(exc, Veto):
                return Outcome(NOT_TO_THEM if exc.personal else REFUSED, error=str(exc)[:500])
            tried = attempts + 1
            state = "failed" if tried >= self.settings["grant_attempts"] else "won"
            wait = min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** (tried - 1))
            return Outcome(state, "", str(exc)[:500], tried, self.brand.now() + wait)
        return Outcome("granted", reward.uid, "", attempts, None)

    def grant(
        self, uid: str, contact_id: int, prize: PrizeView, campaign: CampaignView, value_minor: int, attempts: int = 0
    ) -> str:
        """Try to grant a win that is written down already; returns its state."""
        outcome = self.attempt(uid, contact_id, prize, campaign, value_minor, attempts)
        execute(
            f"{_CHANGE}state = ?, reward = ?, error = ?, attempts = ?, retry_at = ? WHERE uid = ?",
            (outcome.state, outcome.reward, outcome.error, outcome.attempts, outcome.retry_at, uid),
        )
        return outcome.state

    def retry(self) -> int:
        """Grant what is due to be tried again; returns how many became granted."""
        granted = 0
        rows = execute(
            "SELECT uid FROM interaction_games_draw WHERE state = 'won' "
            "AND (deadline IS NULL OR claimed_at IS NOT NULL) AND (retry_at IS NULL OR retry_at <= ?) "
            "ORDER BY id LIMIT ?",
            (self.brand.now(), BATCH),
        ).fetchall()
        for (uid,) in rows:
            granted += self._again(uid, ("won",)) == "granted"
        return granted

    def replay(self, uid: str) -> str:
        """Try a failed (or waiting) prize again now, by hand; returns its state. The grant is never made twice."""
        return self._again(uid, ("won", "failed"))

    @transactional
    def _again(self, uid: str, states: tuple[str, ...]) -> str:
        row = self.locked(uid)
        if row["state"] not in states:
            raise Conflict(f"draw {uid!r} is {row['state']}", code="state")
        if row["deadline"] is not None and row["claimed_at"] is None:
            raise Conflict(f"draw {uid!r} waits for the winner's address", code="unclaimed")
        campaign = self.campaigns.by_id(row["campaign_id"])
        return self.grant(
            uid, row["contact_id"], _prize(campaign, row["prize_id"]), campaign, row["value_minor"], row["attempts"]
        )

    def claim(self, uid: str, contact_id: int, address: str) -> str:
        """The winner gives the address of a prize that has to be claimed; returns the state.

        A prize under review takes it at any time: its days begin with the approval.
        Raises NotFound for a draw of somebody else's, Conflict when there is
        nothing to claim or the deadline has passed.
        """
        text = clean_text(address, field="address", max_length=500, multiline=True)
        if not text:
            raise Invalid("address: say where the prize is to be sent", field="address")
        return self._claim(uid, contact_id, text)

    @transactional
    def _claim(self, uid: str, contact_id: int, address: str) -> str:
        row = self.locked(uid)
        if row["contact_id"] != contact_id:
            raise NotFound(f"no draw {uid!r}")
        if row["deadline"] is None or row["state"] not in ("won", "held"):
            raise Conflict("this prize has nothing to claim", code="nothing_to_claim")
        if row["state"] == "won" and row["deadline"] <= self.brand.now():
            raise Conflict("the time to claim this prize has passed", code="forfeited")
        execute(
            f"{_CHANGE}address = ?, claimed_at = coalesce(claimed_at, ?) WHERE uid = ?",
            (address, self.brand.now(), uid),
        )
        if row["state"] == "held":
            return "held"
        campaign = self.campaigns.by_id(row["campaign_id"])
        return self.grant(
            uid, contact_id, _prize(campaign, row["prize_id"]), campaign, row["value_minor"], row["attempts"]
        )

    @transactional
    def void(self, uid: str, *, reason: str, actor: str) -> None:
        """Take a prize back before it was granted, for a reason that the player is told; stock and budget return.

        Raises Conflict for a prize that was granted: :meth:`take_back` reverses its reward.
        """
        why = clean_text(reason, field="reason", max_length=500)
        if not why:
            raise Invalid("reason: say why, the player is told", field="reason")
        row = self.locked(uid)
        if row["state"] not in ("won", "held", "failed"):
            raise Conflict(f"draw {uid!r} is {row['state']}; only what is not granted yet is voided", code="state")
        self.void_row(row, why, actor)

    @transactional
    def take_back(self, uid: str, *, reason: str, actor: str) -> bool:
        """Take a prize back, granted or not; its stock, its day's count and its money return to the campaign.

        True for one that is void already. False, with nothing changed, when its
        reward cannot be reversed (a coupon that was used, points that were spent):
        the brand bears the loss.
        """
        row = self.locked(uid)
        if row["state"] in ("none", "void"):
            return True
        if row["state"] == "granted":
            try:
                with self.brand.transaction():
                    self.brand.rewards.reverse(f"draw:{uid}", reason=reason, actor=actor)
            except (Conflict, PluginError, Veto):
                return False
        self.void_row(row, reason, actor)
        return True

    def void_row(self, row: dict[str, Any], reason: str, actor: str) -> None:
        """Void a locked draw; call it in a transaction."""
        execute(
            f"{_CHANGE}state = 'void', reason = ?, error = ? WHERE uid = ?",
            (reason, f"voided by {actor}"[:500], row["uid"]),
        )
        campaign = self.campaigns.by_id(row["campaign_id"])
        stock = Stock(campaign, self.brand.now(), row["day"], self.settings["release_minutes"])
        stock.give_back(_prize(campaign, row["prize_id"]), row["day"], row["uid"])

    def forfeit(self) -> int:
        """Void prizes that were not claimed in time; returns how many."""
        rows = execute(
            "SELECT uid FROM interaction_games_draw WHERE state = 'won' AND deadline <= ? AND claimed_at IS NULL "
            "ORDER BY id LIMIT ?",
            (self.brand.now(), BATCH),
        ).fetchall()
        return sum(self._forfeit(uid) for (uid,) in rows)

    @transactional
    def _forfeit(self, uid: str) -> bool:
        row = self.locked(uid)
        if row["state"] != "won" or row["claimed_at"] is not None:
            return False
        self.void_row(row, "not claimed in time", "deadline")
        return True

    def failed(self, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Prizes whose granting failed, or is waiting for the next try, first to last."""
        rows = execute(
            "SELECT d.id, d.uid, c.code, p.code, d.state, d.attempts, d.error, d.at FROM interaction_games_draw d "
            "JOIN interaction_games_campaign c ON c.id = d.campaign_id JOIN interaction_games_prize p "
            "ON p.id = d.prize_id WHERE d.state IN ('won', 'failed') AND d.attempts > 0 AND d.id > ? "
            "ORDER BY d.id LIMIT ?",
            (after, limit),
        ).fetchall()
        names = ("id", "uid", "campaign", "prize", "state", "attempts", "error", "at")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def locked(self, uid: str) -> dict[str, Any]:
        """A draw's row, held until the transaction ends; raises NotFound."""
        names = (
            "id", "uid", "campaign_id", "contact_id", "prize_id", "state", "value_minor", "attempts", "deadline",
            "claimed_at", "day",
        )  # fmt: skip
        row = execute(
            f"{_CHANGE}uid = uid WHERE uid = ? RETURNING {', '.join(names)}", (uid,)
        ).fetchone()
        if row is None:
            raise NotFound(f"no draw {uid!r}")
        return dict(zip(names, row, strict=True))


def _prize(campaign: CampaignView, prize_id: int) -> PrizeView:
    for prize in campaign.prizes:
        if prize.id == prize_id:
            return prize
    raise NotFound(f"campaign {campaign.code!r} has no prize {prize_id}")
