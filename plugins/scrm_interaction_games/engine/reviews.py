"""Review of held prizes (人工审核): a person approves or rejects, says why, and above a value a second one agrees."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, clean_text, execute, fetch_in, folded, transactional

from .tickets import DAY_MS

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaigns
    from .fulfilment import Fulfilment


class Reviews:
    """The queue of prizes that wait for a person's word; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any], campaigns: Campaigns, fulfilment: Fulfilment) -> None:
        self.brand = brand
        self.settings = settings
        self.campaigns = campaigns
        self.fulfilment = fulfilment

    def queue(self, *, after: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """Held prizes, first to last, with what was seen and who has approved already."""
        rows = execute(
            "SELECT d.id, d.uid, c.code, c.title, p.code, p.title, d.value_minor, k.uid, d.score, d.signals, d.at "
            "FROM interaction_games_draw d JOIN interaction_games_campaign c ON c.id = d.campaign_id "
            "JOIN interaction_games_prize p ON p.id = d.prize_id JOIN contact k ON k.id = d.contact_id "
            "WHERE d.state = 'held' AND d.id > ? ORDER BY d.id LIMIT ?",
            (after, limit),
        ).fetchall()
        names = (
            "id", "uid", "campaign", "title", "prize", "prize_title", "value_minor", "contact", "score", "signals",
            "at",
        )  # fmt: skip
        approved: dict[int, list[str]] = {row[0]: [] for row in rows}
        sql = "SELECT id, draw_id, actor FROM interaction_games_review WHERE draw_id IN ({in}) AND verdict = 'approved'"
        for _, draw_id, actor in sorted(fetch_in(sql, list(approved))):
            approved[draw_id].append(actor)
        found = []
        for row in rows:
            record = dict(zip(names, row, strict=True))
            record["signals"] = json.loads(record["signals"] or "[]")
            record["approved_by"] = approved[record["id"]]
            record["needed"] = self.needed(record["value_minor"])
            found.append(record)
        return found

    @staticmethod
    def waiting() -> int:
        """How many prizes are held; no more than a thousand and one are counted."""
        sql = "SELECT count(*) FROM (SELECT 1 FROM interaction_games_draw WHERE state = 'held' LIMIT 1001) t"
        return int(execute(sql).fetchone()[0])

    def needed(self, value_minor: int) -> int:
        """How many persons have to approve a prize of this value."""
        return 2 if value_minor >= self.settings["four_eyes_minor"] else 1

    def approve(self, uid: str, *, actor: str, reason: str = "") -> str:
        """A person approves; the prize is granted once as many agree as its value needs. Returns its state.

        The days to claim it begin now. Raises Conflict (``four_eyes``) when the
        same person approves twice, however they write their name, and for a prize
        that is not held.
        """
        return self._approve(uid, self._named(actor), clean_text(reason, field="reason", max_length=500))

    @transactional
    def _approve(self, uid: str, actor: str, reason: str) -> str:
        row = self._held(uid)
        if not self._word(row["id"], "approved", actor, reason):
            raise Conflict(f"{actor!r} has spoken already; another person is needed", code="four_eyes")
        if len(self._approvers(row["id"])) < self.needed(row["value_minor"]):
            return "held"
        campaign = self.campaigns.by_id(row["campaign_id"])
        prize = next(each for each in campaign.prizes if each.id == row["prize_id"])
        deadline = None if prize.claim_days is None else self.brand.now() + prize.claim_days * DAY_MS
        execute("UPDATE interaction_games_draw SET state = 'won', deadline = ? WHERE uid = ?", (deadline, uid))
        if deadline is not None and row["claimed_at"] is None:
            return "won"
        return self.fulfilment.grant(uid, row["contact_id"], prize, campaign, row["value_minor"])

    def reject(self, uid: str, *, actor: str, reason: str) -> str:
        """A person rejects: the prize is void, stock and budget return, and the player is told the reason."""
        actor, reason = self._named(actor), clean_text(reason, field="reason", max_length=500)
        if not reason:
            raise Invalid("reason: say why, the player is told", field="reason")
        return self._reject(uid, actor, reason)

    @transactional
    def _reject(self, uid: str, actor: str, reason: str) -> str:
        row = self._held(uid)
        self._word(row["id"], "rejected", actor, reason)
        self.fulfilment.void_row(row, reason, actor)
        return "void"

    def words(self, uid: str) -> list[dict[str, Any]]:
        """Who said what about a prize, first to last."""
        rows = execute(
            "SELECT r.verdict, r.reason, r.actor, r.at FROM interaction_games_review r "
            "JOIN interaction_games_draw d ON d.id = r.draw_id WHERE d.uid = ? ORDER BY r.id",
            (uid,),
        ).fetchall()
        return [dict(zip(("verdict", "reason", "actor", "at"), row, strict=True)) for row in rows]

    def _held(self, uid: str) -> dict[str, Any]:
        row = self.fulfilment.locked(uid)
        if row["state"] != "held":
            raise Conflict(f"draw {uid!r} is {row['state']}; only what is held is reviewed", code="state")
        return row

    def _word(self, draw_id: int, verdict: str, actor: str, reason: str) -> bool:
        said = execute(
            "INSERT INTO interaction_games_review (draw_id, verdict, reason, actor, person, at) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (draw_id, person) DO NOTHING",
            (draw_id, verdict, reason, actor, folded(actor), self.brand.now()),
        ).rowcount
        return bool(said)

    def _approvers(self, draw_id: int) -> list[str]:
        rows = execute(
            "SELECT actor FROM interaction_games_review WHERE draw_id = ? AND verdict = 'approved' ORDER BY id",
            (draw_id,),
        ).fetchall()
        return [row[0] for row in rows]

    @staticmethod
    def _named(actor: str) -> str:
        text = clean_text(actor, field="actor")
        if not text:
            raise Invalid("actor: a review has a person who answers for it", field="actor")
        return text
