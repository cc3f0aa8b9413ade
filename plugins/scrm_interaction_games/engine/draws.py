"""A draw and the award of a certain prize: chance, number, stock, budget, record and grant in one transaction."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, Invalid, NotFound, clean_text, execute, new_uid

from . import fairness, moves, players, records
from .fulfilment import Outcome
from .records import AwardView, DrawView, Facts
from .screening import screen
from .stock import NOT_TO_THEM, PER_PERSON, REFUSED, SHORT, Stock
from .tickets import DAY_MS, NO_TICKET, Tickets

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .campaigns import Campaigns
    from .definition import CampaignView, Guarantee, PrizeView
    from .fulfilment import Fulfilment
    from .players import PlayerRow

log = logging.getLogger("scrm.plugin.interaction-games")

HOUR_MS = 3_600_000
_NONE = Outcome("none")
_CLIENT_SEED = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(slots=True)
class _Trial:
    """A draw or an award while it is decided: whose it is, what became of the prize, and what its issuers refused."""

    uid: str
    contact_id: int
    device: str
    network: str
    refused: dict[str, str] = field(default_factory=dict)
    """Code of a prize -> the refusal of its issuer."""
    outcome: Outcome = _NONE
    deadline: int | None = None
    score: int = 0
    signals: list[str] = field(default_factory=list)
    said: str = ""
    """What the last issuer that refused said."""


class Draws:
    """Draws of one campaign, in the open transaction of one act."""

    def __init__(
        self,
        brand: Brand,
        settings: dict[str, Any],
        campaigns: Campaigns,
        fulfilment: Fulfilment,
        campaign: CampaignView,
        now: int,
    ) -> None:
        self.brand = brand
        self.settings = settings
        self.campaigns = campaigns
        self.fulfilment = fulfilment
        self.campaign = campaign
        self.now = now
        self.day = brand.day(now)
        self.stock = Stock(campaign, now, self.day, settings["release_minutes"])
        self.tickets = Tickets(brand, campaign, now)

    # Draws -------------------------------------------------------------------

    def draw(
        self,
        contact_id: int,
        key: str,
        *,
        client_seed: str,
        ticket: bool,
        device: str,
        network: str,
        fresh: bool = False,
    ) -> DrawView:
        """Draw once per key; the same key again answers the first draw. ``fresh``: it is the own
        draw of an act, which runs once per key and is refused as a whole when the draw is.

        Raises Conflict: ``no_ticket``, ``day_limit``, ``person_limit``,
        ``total_limit``, ``cool_down`` (after a win), ``sold_out`` (nothing is left
        to win). Nothing is written then, no number is made and the chance stays.
        Once there is a number, the draw is written down whatever becomes of it.
        """
        seed_of_client = _client_seed(client_seed)
        if fresh:
            # The act refuses what its own draw refuses, so it needs no savepoint of its own.
            return self._draw(contact_id, f"act:{key}", seed_of_client, ticket, device, network)
        known = self.find(contact_id, f"draw:{key}")
        if known is not None:
            return known
        with self.brand.transaction():
            return self._draw(contact_id, f"draw:{key}", seed_of_client, ticket, device, network)

    def _draw(
        self, contact_id: int, key: str, client_seed: str, ticket: bool, device: str, network: str
    ) -> DrawView:
        campaign = self.campaign
        self.stock.begin()
        player = players.begin_draw(campaign.id, contact_id, self.now, self.day, self.campaigns.winnable(campaign))
        self._hold_limits(player)
        if not player.left:
            # Before there is a number: whoever is refused learns nothing of what it would have been.
            raise Conflict("every prize of this game is gone; the chance is kept", code="sold_out")
        uid = new_uid(self.now)
        lot = self._spend_one(contact_id, uid, first=player.day_draws == 1) if ticket else None
        x = fairness.number(
            self.campaigns.secret_seed(campaign.id), campaign.code, player.uid, player.n, client_seed,
            campaign.total_weight,
        )  # fmt: skip
        picked = campaign.prize(self.campaigns.odds_table(campaign).pick(x))
        trial = _Trial(uid, contact_id, device, network)
        prize, why = self._decide(picked, player, trial)
        counted = not (prize is None and why.split(" ")[-1] in SHORT)
        if not counted:
            self._uncount(player, contact_id, lot, uid)
        elif prize is not None:
            self._remember_win(player, prize, why)
        facts = Facts(uid, contact_id, player.uid, "draw", player.n, key, client_seed, x, picked.code, why, counted)
        return self._record(facts, prize, trial)

    def _spend_one(self, contact_id: int, uid: str, *, first: bool) -> int:
        """Spend a chance; on a day's first draw, or when there is none, those that everybody has are given first."""
        if not first:
            try:
                return self.tickets.spend(contact_id, uid)
            except Conflict as refused:
                if refused.code != NO_TICKET:
                    raise
        return self.tickets.spend_first(contact_id, uid)

    def _uncount(self, player: PlayerRow, contact_id: int, lot: int | None, uid: str) -> None:
        """The shop was out of what was drawn: the chance returns, and the number stays used."""
        players.uncount(player)
        if lot is not None:
            self.tickets.give_back(contact_id, lot, uid)
        if self.campaign.limits.total is not None:
            execute("UPDATE interaction_games_campaign SET draws = draws - 1 WHERE id = ?", (self.campaign.id,))

    def _remember_win(self, player: PlayerRow, prize: PrizeView, why: str) -> None:
        promised = self.campaign.guarantee
        guaranteed = promised is not None and (prize.grade == promised.grade or "substitute" in why)
        if guaranteed or self.campaign.limits.cool_down_hours:
            players.won(player, self.now, guaranteed=guaranteed)

    def _hold_limits(self, player: PlayerRow) -> None:
        """The limits on draws; the player's counters include this draw already."""
        limits = self.campaign.limits
        if limits.per_day is not None and player.day_draws > limits.per_day:
            raise Conflict(f"{limits.per_day} draws a day are allowed; come back tomorrow", code="day_limit")
        if limits.per_person is not None and player.draws > limits.per_person:
            raise Conflict(f"{limits.per_person} draws in all are allowed", code="person_limit")
        cool_down = limits.cool_down_hours * HOUR_MS
        if cool_down and player.last_win_at is not None and self.now - player.last_win_at < cool_down:
            raise Conflict(
                f"after a win the next draw comes {limits.cool_down_hours} hours later",
                code="cool_down",
                until=player.last_win_at + cool_down,
            )
        if limits.total is not None:
            changed = execute(
                "UPDATE interaction_games_campaign SET draws = draws + 1 WHERE id = ? AND draws < ?",
                (self.campaign.id, limits.total),
            ).rowcount
            if not changed:
                raise Conflict("all draws of this game have been made", code="total_limit")

    def spend(self, contact_id: int, key: str) -> None:
        """Spend a chance for something else than a draw; raises Conflict (``no_ticket``)."""
        with self.brand.transaction():
            players.lock(self.campaign.id, contact_id, self.now)
            self.tickets.spend_first(contact_id, _key(key))

    def _decide(self, picked: PrizeView, player: PlayerRow, trial: _Trial) -> tuple[PrizeView | None, str]:
        """The prize that is given and why it is not simply the picked one.

        What is out becomes its fallback or nothing; the odds of the others stay
        as published. A promise that cannot be kept now stays due, and what the
        number points to is decided as on any other draw.
        """
        promised = self.campaign.guarantee
        if promised is None or player.misses < promised.draws:
            return self._plain(picked, trial)
        if picked.grade == promised.grade and not self._obtain(picked, trial):
            return picked, ""
        prize, why = self._promised(promised, trial)
        if prize is not None:
            return prize, why
        prize, rest = self._plain(picked, trial)
        return prize, f"{why} picked {rest}".rstrip()

    def _plain(self, picked: PrizeView, trial: _Trial) -> tuple[PrizeView | None, str]:
        """What the number points to, or its fallback when it is out."""
        if not picked.wins:
            return None, ""
        why = self._obtain(picked, trial)
        return self._fallback(picked, why, trial) if why else (picked, "")

    def _promised(self, promised: Guarantee, trial: _Trial) -> tuple[PrizeView | None, str]:
        """The promised win, or its substitute; none when both are out."""
        prize, substitute = self.campaign.prize(promised.prize), self.campaign.prize(promised.substitute)
        why = self._obtain(prize, trial)
        if not why:
            return prize, "guarantee"
        again = self._obtain(substitute, trial)
        if not again:
            return substitute, f"guarantee {why} substitute"
        return None, f"guarantee {why} {again}"

    def _fallback(self, prize: PrizeView, why: str, trial: _Trial) -> tuple[PrizeView | None, str]:
        step = prize
        while step.fallback:
            step = self.campaign.prize(step.fallback)
            if not self._obtain(step, trial):
                return step, f"{why} fallback"
        return None, why

    def _obtain(self, prize: PrizeView, trial: _Trial) -> str:
        """Take one win of a prize and grant or hold it; an empty text, or why it is not to be had.

        Its issuer may have less than the campaign counts (a coupon batch that others
        claim too, money for red packets): what it refuses is out, like a stock.
        """
        if prize.code in trial.refused:
            return trial.refused[prize.code]
        why = self.stock.take(prize, trial.contact_id)
        if why:
            return why
        self._settle(prize, trial)
        why = trial.outcome.state
        if why not in (REFUSED, NOT_TO_THEM):
            return ""
        trial.refused[prize.code] = why
        trial.said = trial.outcome.error
        trial.outcome = _NONE
        self.stock.put_back(prize)
        return why

    def _settle(self, prize: PrizeView, trial: _Trial, *, promised: bool = False) -> None:
        """Grant what was taken, hold it for review or let it wait for its winner's address.

        ``promised``: it was kept for this person, so an issuer's refusal takes nothing away from them.
        """
        score, signals = self._screened(prize, trial.contact_id, trial.device, trial.network)
        trial.score, trial.signals = score, signals
        if prize.review:
            trial.signals = [*signals, "every win of this prize is reviewed"]
        trial.deadline = self.now + prize.claim_days * DAY_MS if prize.claim_days is not None else None
        if prize.review or score >= self.settings["hold_score"]:
            trial.outcome = Outcome("held")
        elif trial.deadline is not None:
            trial.outcome = Outcome("won")
        else:
            trial.outcome = self.fulfilment.attempt(
                trial.uid, trial.contact_id, prize, self.campaign, prize.value_minor, refusable=not promised
            )

    # Awards ------------------------------------------------------------------

    def award(
        self, contact_id: int, code: str, key: str, *, reason: str, device: str, network: str
    ) -> AwardView:
        """Give a certain prize once per person and key; the same key again answers the first award.

        Raises Conflict (``sold_out``, or ``prize_limit`` when the person has had
        as many as one may have), and writes nothing then.
        """
        key = _key(key)
        known = self.find(contact_id, f"award:{key}")
        if known is not None:
            return known
        prize = self.campaign.prize(code)
        if not prize.wins:
            raise Invalid(f"prize {code!r} is the one that stands for none", field="prize")
        reason = clean_text(reason, field="reason", max_length=500)
        with self.brand.transaction():
            player = players.lock(self.campaign.id, contact_id, self.now)
            # Asked again under the lock: the same award may have come twice at once.
            known = self.find(contact_id, f"award:{key}")
            if known is not None:
                return known
            self.stock.begin()
            trial = _Trial(new_uid(self.now), contact_id, device, network)
            if self._use_reservation(prize, contact_id, key):
                self._settle(prize, trial, promised=True)
            else:
                why = self._obtain(prize, trial)
                if trial.said:
                    log.warning("campaign %s: no %s, its issuer says: %s", self.campaign.code, prize.code, trial.said)
                self._had(prize, why)
            facts = Facts(
                trial.uid, contact_id, player.uid, "award", None, f"award:{key}", "", None, prize.code, "", True, reason
            )
            return self._record(facts, prize, trial)

    def reserve(self, contact_id: int, code: str, key: str, until: int) -> None:
        """Keep one win of a prize for a person until an instant; once per key, an expired one anew.

        Raises Conflict (``sold_out``) when there is none.
        """
        key = _key(key)
        prize = self.campaign.prize(code)
        with self.brand.transaction():
            players.lock(self.campaign.id, contact_id, self.now)
            row = execute(
                "SELECT id, state FROM interaction_games_reservation WHERE contact_id = ? AND campaign_id = ? "
                "AND key = ?",
                (contact_id, self.campaign.id, key),
            ).fetchone()
            if row is not None and row[1] != "released":
                return
            self.stock.begin()
            self._had(prize, self.stock.take(prize, contact_id))
            if self.stock.move is not None:
                moves.write(
                    moves.Move(self.campaign.id, self.stock.move, moves.RESERVED, self.day, self.now, prize.id)
                )
            if row is not None:
                execute(
                    "UPDATE interaction_games_reservation SET state = 'open', prize_id = ?, until = ?, at = ? "
                    "WHERE id = ?",
                    (prize.id, until, self.now, row[0]),
                )
                return
            execute(
                "INSERT INTO interaction_games_reservation (campaign_id, contact_id, prize_id, key, state, until, at) "
                "VALUES (?, ?, ?, ?, 'open', ?, ?)",
                (self.campaign.id, contact_id, prize.id, key, until, self.now),
            )

    def release(self, contact_id: int, key: str) -> bool:
        """Give a reservation back; False when there is none that is open."""
        with self.brand.transaction():
            row = execute(
                "UPDATE interaction_games_reservation SET state = 'released' WHERE contact_id = ? "
                "AND campaign_id = ? AND key = ? AND state = 'open' RETURNING prize_id, at",
                (contact_id, self.campaign.id, _key(key)),
            ).fetchone()
            if row is None:
                return False
            self._return(row[0], row[1])
        return True

    def release_expired(self) -> int:
        """Give back reservations of this campaign whose time has passed; returns how many."""
        with self.brand.transaction():
            rows = execute(
                "UPDATE interaction_games_reservation SET state = 'released' WHERE campaign_id = ? "
                "AND state = 'open' AND until <= ? RETURNING prize_id, at",
                (self.campaign.id, self.now),
            ).fetchall()
            for prize_id, at in rows:
                self._return(prize_id, at)
        return len(rows)

    def _return(self, prize_id: int, at: int) -> None:
        for prize in self.campaign.prizes:
            if prize.id == prize_id:
                self.stock.give_back(prize, self.brand.day(at))

    def _use_reservation(self, prize: PrizeView, contact_id: int, key: str) -> bool:
        used = execute(
            "UPDATE interaction_games_reservation SET state = 'used' WHERE contact_id = ? AND campaign_id = ? "
            "AND key = ? AND prize_id = ? AND state = 'open'",
            (contact_id, self.campaign.id, key, prize.id),
        ).rowcount
        return bool(used)

    @staticmethod
    def _had(prize: PrizeView, why: str) -> None:
        """Raise Conflict for a prize that was not to be had."""
        if why == NOT_TO_THEM:
            raise Conflict(f"{prize.title!r} is not given to this person (again)", code="prize_limit")
        if why == PER_PERSON:
            raise Conflict(f"one person gets {prize.title!r} {prize.per_person} times at most", code="prize_limit")
        if why:
            raise Conflict(f"{prize.title!r} is gone", code="sold_out", why=why)

    # Writing and reading -----------------------------------------------------

    def _record(self, facts: Facts, prize: PrizeView | None, trial: _Trial) -> DrawView:
        """Write a draw or an award down as it stands."""
        outcome = trial.outcome
        execute(
            "INSERT INTO interaction_games_draw (uid, campaign_id, contact_id, player, kind, n, key, client_seed, x, "
            "picked, prize_id, why, state, counted, move, value_minor, reason, reward, error, attempts, retry_at, "
            "deadline, address, device, network, score, signals, at, day, refused) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?)",
            (
                facts.uid, self.campaign.id, facts.contact_id, facts.player, facts.kind, facts.n, facts.key,
                facts.client_seed, facts.x, facts.picked, prize.id if prize else None, facts.why, outcome.state,
                int(facts.counted), self.stock.move, prize.value_minor if prize else 0, facts.reason, outcome.reward,
                outcome.error or trial.said, outcome.attempts, outcome.retry_at, trial.deadline, trial.device,
                trial.network, trial.score, json.dumps(trial.signals) if trial.signals else None, self.now, self.day,
                " ".join(f"{code}:{why}" for code, why in trial.refused.items()) or None,
            ),
        )  # fmt: skip
        return records.view(self.campaign, facts, prize, outcome.state, trial.deadline, self.now, self.stock.move)

    def _screened(self, prize: PrizeView, contact_id: int, device: str, network: str) -> tuple[int, list[str]]:
        if prize.value_minor < self.settings["screen_from_minor"]:
            return 0, []
        return screen(self.brand, self.campaign.id, contact_id, device=device, network=network, now=self.now)

    def find(self, contact_id: int, key: str) -> DrawView | None:
        """The draw of a person with this key, or None."""
        row = execute(
            f"{records.FROM}WHERE d.contact_id = ? AND d.campaign_id = ? AND d.key = ?",
            (contact_id, self.campaign.id, key),
        ).fetchone()
        return records.draw_view(row, self.campaign) if row is not None else None

    def get(self, uid: str) -> DrawView:
        """The draw with this uid in this campaign; raises NotFound."""
        row = execute(f"{records.FROM}WHERE d.uid = ? AND d.campaign_id = ?", (uid, self.campaign.id)).fetchone()
        if row is None:
            raise NotFound(f"no draw {uid!r}")
        return records.draw_view(row, self.campaign)


def _client_seed(text: str) -> str:
    """The player's part of the number, as the player's own device made it; raises Invalid for anything else.

    Without one it is empty and never made here: who knows the seed could look for a
    part that does not win.
    """
    if text and not _CLIENT_SEED.match(text):
        raise Invalid("client_seed: 1 to 64 letters, digits, _ and - are expected", field="client_seed")
    return text


def _key(key: str) -> str:
    text = clean_text(key, field="key", max_length=150)
    if not text:
        raise Invalid("key: an award has a key that is unique for it", field="key")
    return text
