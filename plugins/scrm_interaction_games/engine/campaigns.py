"""Campaigns: made as drafts, published once, changed afterwards only to the players' good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scrm_core.api import Conflict, Invalid, clean_text, execute, transactional

from . import checking, drafts, fairness, means, moves, registry, rules
from . import definition as definitions
from .book import Book, written
from .definition import CampaignView, Definition


class Campaigns(Book):
    """What is done to a brand's campaigns; use it inside ``with brand:``."""

    # Making ------------------------------------------------------------------

    def create(self, body: Any, *, actor: str) -> CampaignView:
        """Make a draft from a definition (see ``CampaignBody``); the same definition again answers the campaign.

        Raises Invalid naming the field at fault, and Conflict for a code that is taken.
        """
        known = self.same(definitions.read(self.brand, body))
        return known if known is not None else self._write(self.checked(body), clean_text(actor, field="actor"))

    def checked(self, body: Any) -> Definition:
        """A definition that could be made now; raises Invalid naming the field at fault."""
        made = definitions.read(self.brand, body)
        checking.check_definition(self.brand, self.settings, made)
        means.check(self.brand, made.chances)
        return made

    def dry_run(self, body: Any, *, rewrites: bool = False) -> dict[str, Any]:
        """Odds, pacing and cost of a definition before it is made; writes nothing. See :func:`drafts.dry_run`."""
        return drafts.dry_run(self, body, rewrites=rewrites)

    @transactional
    def rewrite(self, code: str, body: Any, *, actor: str) -> CampaignView:
        """Give a draft another definition, as whole as ``create`` takes it; the code stays.

        Raises Invalid naming the field at fault, and Conflict once the campaign was published: players read its rules.
        """
        actor = clean_text(actor, field="actor")
        campaign = self.hold(code)
        if campaign.state != "draft":
            raise Conflict(f"campaign {code!r} is {campaign.state}; only a draft is rewritten", code="state")
        made = self.checked(body)
        if made.code != code:
            raise Invalid(f"code: a campaign keeps its code {code!r}", field="code")
        draft, zone = drafts.as_draft(registry.game(self.brand, made.game), made), self.brand.zone
        if drafts.body_of(draft, zone) == drafts.body_of(campaign, zone):
            return campaign
        execute(
            "UPDATE interaction_games_campaign SET game = ?, title = ?, surface = ?, starts_at = ?, ends_at = ?, "
            "rules = ?, organiser = ?, organiser_contact = ?, settings = ?, definition = ?, total_weight = ?, "
            "budget_minor = ?, version = version + 1 WHERE id = ?",
            (*_columns(made), campaign.id),
        )
        execute("DELETE FROM interaction_games_prize WHERE campaign_id = ?", (campaign.id,))
        _write_prizes(campaign.id, made)
        self._noted(campaign, "changed", actor)
        return self.by_id(campaign.id)

    def same(self, made: Definition) -> CampaignView | None:
        """The campaign that was made from this very definition and has not been changed since, or None."""
        row = execute(
            "SELECT id FROM interaction_games_campaign WHERE code = ? AND game = ? AND title = ? AND surface = ? "
            "AND ends_at = ? AND rules = ? AND organiser = ? AND organiser_contact = ? AND total_weight = ? "
            "AND settings = ? AND definition = ?",
            (
                made.code, made.game, made.title, made.surface, made.ends_at, made.rules, made.organiser,
                made.organiser_contact, made.total_weight, written(made.settings), written(made.raw),
            ),
        ).fetchone()  # fmt: skip
        if row is None:
            return None
        found = self.by_id(row[0])
        started = made.starts_at in (None, found.starts_at)
        prizes = [replace(prize, id=0, stock_left=None) for prize in found.prizes]
        same = prizes == [replace(prize, id=0, stock_left=None) for prize in made.prizes]
        return found if started and same and found.budget_minor == made.budget_minor else None

    @transactional
    def _write(self, made: Definition, actor: str) -> CampaignView:
        row = execute(
            "INSERT INTO interaction_games_campaign (code, game, title, surface, state, starts_at, ends_at, rules, "
            "organiser, organiser_contact, settings, definition, total_weight, budget_minor, spent_minor, draws, "
            "commitment, table_hash, ruleset, rules_hash, moves, version, created_by, created_at) "
            "VALUES (?, ?, ?, ?, 'draft', ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '', '', '', '', 0, 1, ?, ?) "
            "ON CONFLICT (code) DO NOTHING RETURNING id",
            (made.code, *_columns(made), actor, self.brand.now()),
        ).fetchone()
        if row is None:
            raise Conflict(f"a campaign {made.code!r} is there already", code="code_taken")
        _write_prizes(row[0], made)
        campaign = self.by_id(row[0])
        self._noted(campaign, "created", actor)
        return campaign

    def _noted(
        self, campaign: CampaignView, what: str, actor: str, reason: str = "", *, detail: dict[str, Any] | None = None
    ) -> None:
        """Write down what somebody did, in the campaign's own log and in the brand's."""
        self.note(campaign.id, what, actor, reason, detail=detail)
        action = f"game_campaign.{what.replace(' ', '_')}"
        self.brand.audit.note(actor or "operator", action, f"game_campaign:{campaign.code}")

    # The life of a campaign --------------------------------------------------

    def publish(self, code: str, *, actor: str, confirm: bool = False) -> dict[str, Any]:
        """Publish a draft: from now on its odds, quantities, rules and commitment are told and stand.

        A campaign that was published already answers what was told then.
        Returns the commitment, the hashes of table and rules, the expected cost and
        what the game forecasts of itself (a plant: days to finish it). Raises
        Invalid naming what a draw still lacks, and unless ``confirm`` is given Conflict:
        ``overspend`` when the expected spend passes the budget, ``shortage`` when an
        issuer has not enough for all prizes now (of one without a limit: not for one).
        """
        actor = clean_text(actor, field="actor")
        campaign = self.get(code)
        if campaign.state == "published":
            game = registry.games(self.brand).get(campaign.game)
            return {**_told(campaign), **checking.cost(campaign), **checking.forecast(game, campaign)}
        game = registry.game(self.brand, campaign.game)
        checking.check_public(self.brand, self.settings, campaign, game)
        means.check(self.brand, campaign.chances)
        cost = checking.cost(campaign)
        if not confirm and cost["over_budget"]:
            raise Conflict(
                f"{cost['expected_draws']} draws are expected to cost {cost['expected_spend_minor']} minor units, "
                f"more than the budget of {campaign.budget_minor}; lower the odds, raise the budget, or confirm it",
                code="overspend",
            )
        lacking = [] if confirm else checking.shortages(self.brand, campaign)
        if lacking:
            raise Conflict(f"{'; '.join(lacking)}; or confirm that prizes may run out", code="shortage")
        told = self._publish(campaign, draws=bool(game.draws), actor=actor)
        return {**told, **cost, **checking.forecast(game, campaign)}

    @transactional
    def _publish(self, campaign: CampaignView, *, draws: bool, actor: str) -> dict[str, Any]:
        now = self.brand.now()
        table = [(prize.code, prize.weight) for prize in campaign.prizes]
        seed = fairness.new_seed() if draws else ""
        commit = fairness.commitment(seed) if draws else ""
        hashed = fairness.table_hash(table) if draws else ""
        starts_at = campaign.starts_at if campaign.starts_at is not None else now
        text = rules.rule_set(
            self.brand, campaign, seed=seed, starts_at=starts_at, minutes=self.settings["release_minutes"]
        )
        changed = execute(
            "UPDATE interaction_games_campaign SET state = 'published', published_at = ?, starts_at = ?, "
            "commitment = ?, table_hash = ?, ruleset = ?, rules_hash = ?, version = version + 1 "
            "WHERE id = ? AND state = 'draft' AND version = ? AND (starts_at IS NULL OR starts_at > ?)",
            (now, starts_at, commit, hashed, text, rules.digest(text), campaign.id, campaign.version, now),
        ).rowcount
        if not changed:
            raise Conflict(
                f"campaign {campaign.code!r} has changed meanwhile, or its start has come; look at it again",
                code="state",
            )
        if draws:
            execute("INSERT INTO interaction_games_seed (campaign_id, seed) VALUES (?, ?)", (campaign.id, seed))
        told = _told(self.by_id(campaign.id))
        detail = {**told, "table": [list(row) for row in table] if draws else []}
        self._noted(campaign, "published", actor, detail=detail)
        return told

    def pause(self, code: str, *, actor: str, reason: str) -> CampaignView:
        """Stop a published campaign for a while; what was won stays."""
        return self._turn(code, "paused", ("published",), actor, reason)

    def resume(self, code: str, *, actor: str) -> CampaignView:
        """Let a paused campaign go on."""
        return self._turn(code, "published", ("paused",), actor, "")

    def end(self, code: str, *, actor: str, reason: str) -> CampaignView:
        """End a campaign now, before its time."""
        return self._turn(code, "ended", ("published", "paused"), actor, reason)

    @transactional
    def _turn(self, code: str, state: str, before: tuple[str, ...], actor: str, reason: str) -> CampaignView:
        reason = clean_text(reason, field="reason")
        actor = clean_text(actor, field="actor")
        if state in ("paused", "ended") and not reason:
            raise Invalid("reason: say why, players are told", field="reason")
        campaign = self.get(code)
        ended = ", ended_at = ?" if state == "ended" else ""
        now = self.brand.now()
        marks = ", ".join("?" * len(before))
        changed = execute(
            f"UPDATE interaction_games_campaign SET state = ?{ended} WHERE id = ? AND state IN ({marks})",
            (state, *([now] if ended else []), campaign.id, *before),
        ).rowcount
        if not changed:
            raise Conflict(f"campaign {code!r} is {campaign.state}, not {' or '.join(before)}", code="state")
        self._noted(campaign, state if state != "published" else "resumed", actor, reason)
        return self.by_id(campaign.id)

    @transactional
    def reveal(self, code: str, *, actor: str) -> dict[str, Any]:
        """Publish the seed of a campaign that is over; from then on anybody checks its draws."""
        campaign = self.get(code)
        if campaign.state != "revealed":
            if campaign.phase(self.brand.now()) != "over":
                raise Conflict(f"campaign {code!r} is not over; its seed stays secret until then", code="not_over")
            self.mark_revealed(campaign, clean_text(actor, field="actor"))
        return {"code": code, "commitment": campaign.commitment, "seed": self.revealed_seed(code)}

    def mark_revealed(self, campaign: CampaignView, actor: str) -> None:
        """Write down that the seed is public now; call it in a transaction."""
        now = self.brand.now()
        changed = execute(
            "UPDATE interaction_games_campaign SET state = 'revealed', revealed_at = ?, "
            "ended_at = coalesce(ended_at, ?) WHERE id = ? AND state <> 'revealed'",
            (now, now, campaign.id),
        ).rowcount
        if changed:
            self._noted(campaign, "revealed", actor)

    # Changes to the players' good --------------------------------------------

    @transactional
    def lengthen(self, code: str, ends_at: int, *, actor: str) -> CampaignView:
        """Move the end of a published campaign to later; raises Conflict for anything else."""
        campaign = self.get(code)
        if campaign.phase(self.brand.now()) not in ("waiting", "running", "paused"):
            raise Conflict(f"campaign {code!r} is {campaign.state}; only a published one is lengthened", code="state")
        if ends_at <= campaign.ends_at:
            raise Conflict(
                f"campaign {code!r} is published: its end may only move to later", code="worse_for_players"
            )
        execute(
            "UPDATE interaction_games_campaign SET ends_at = ?, version = version + 1 WHERE id = ? AND ends_at < ?",
            (ends_at, campaign.id, ends_at),
        )
        self._noted(campaign, "lengthened", actor, detail={"from": campaign.ends_at, "to": ends_at})
        return self.by_id(campaign.id)

    @transactional
    def add_stock(self, code: str, prize: str, more: int, *, actor: str) -> CampaignView:
        """Add to the stock of a prize."""
        campaign = self.get(code)
        found = campaign.prize(prize)
        _more(more, "more")
        if campaign.phase(self.brand.now()) in ("over", "revealed"):
            raise Conflict(f"campaign {code!r} is over", code="state")
        if found.stock_total is None:
            raise Conflict(f"prize {prize!r} is without limit; there is nothing to add to", code="no_stock")
        self._move(campaign.id, moves.STOCK, more, prize_id=found.id)
        execute(
            "UPDATE interaction_games_prize SET stock_total = stock_total + ?, stock_left = stock_left + ? "
            "WHERE id = ?",
            (more, more, found.id),
        )
        self._noted(campaign, "stock added", actor, detail={"prize": prize, "more": more})
        return self.by_id(campaign.id)

    @transactional
    def add_budget(self, code: str, more_minor: int, *, actor: str) -> CampaignView:
        """Add to the budget, in minor units."""
        campaign = self.get(code)
        _more(more_minor, "more_minor")
        if campaign.budget_minor is None:
            raise Conflict(f"campaign {code!r} has no budget to add to", code="no_budget")
        self._move(campaign.id, moves.BUDGET, more_minor)
        execute(
            "UPDATE interaction_games_campaign SET budget_minor = budget_minor + ? WHERE id = ?",
            (more_minor, campaign.id),
        )
        self._noted(campaign, "budget added", actor, detail={"more_minor": more_minor})
        return self.by_id(campaign.id)

    def _move(self, campaign_id: int, what: str, amount: int, *, prize_id: int | None = None) -> None:
        """Lock a campaign that becomes larger; once it is published, that is one of its moves."""
        (state,) = execute(
            "UPDATE interaction_games_campaign SET version = version + 1 WHERE id = ? RETURNING state", (campaign_id,)
        ).fetchone()
        if state != "draft":
            now = self.brand.now()
            number = moves.next_of(campaign_id)
            moves.write(moves.Move(campaign_id, number, what, self.brand.day(now), now, prize_id, amount))


def _columns(made: Definition) -> tuple[Any, ...]:
    """What of a definition stands in columns that a draft may change, in their order."""
    return (
        made.game, made.title, made.surface, made.starts_at, made.ends_at, made.rules, made.organiser,
        made.organiser_contact, written(made.settings), written(made.raw), made.total_weight, made.budget_minor,
    )  # fmt: skip


def _write_prizes(campaign_id: int, made: Definition) -> None:
    for place, prize in enumerate(made.prizes):
        execute(
            "INSERT INTO interaction_games_prize (campaign_id, code, place, title, kind, item, quantity, "
            "value_minor, weight, stock_total, stock_left, per_person, per_day, release, review, fallback, grade, "
            "claim_days) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                campaign_id, prize.code, place, prize.title, prize.kind, prize.item, prize.quantity,
                prize.value_minor, prize.weight, prize.stock_total, prize.stock_total, prize.per_person,
                prize.per_day, prize.release, int(prize.review), prize.fallback, prize.grade, prize.claim_days,
            ),
        )  # fmt: skip


def _told(campaign: CampaignView) -> dict[str, Any]:
    """What publishing tells: the fingerprints of seed, table and rules."""
    return {
        "code": campaign.code,
        "commitment": campaign.commitment,
        "table_hash": campaign.table_hash,
        "rules_hash": campaign.rules_hash,
    }


def _more(value: int, field: str) -> None:
    if type(value) is not int or not 1 <= value <= 2**53:
        raise Invalid(f"{field}: a whole number of at least 1 is expected; less is never published", field=field)
