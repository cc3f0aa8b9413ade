"""Campaigns as they are read: definitions kept in memory, seeds and tables of odds, and the log of what was done."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, ScrmError, execute

from . import checking, fairness, registry
from . import definition as definitions
from .definition import CampaignView, PrizeView
from .stock import winnable

if TYPE_CHECKING:
    from scrm_core.api import Brand

COLUMNS = (
    "id, code, game, title, surface, state, starts_at, ends_at, rules, organiser, organiser_contact, budget_minor, "
    "spent_minor, total_weight, commitment, table_hash, draws, version, published_at, ended_at, revealed_at"
)
_BY_CODE = f"SELECT {COLUMNS} FROM interaction_games_campaign WHERE code = ?"
_BY_ID = f"SELECT {COLUMNS} FROM interaction_games_campaign WHERE id = ?"
_PRIZES = (
    "SELECT id, code, title, kind, item, quantity, value_minor, weight, stock_total, stock_left, per_person, per_day, "
    "release, review, fallback, grade, claim_days FROM interaction_games_prize WHERE campaign_id = ? ORDER BY place"
)
_CACHED = 500


class _Cache:
    """Definitions that were read, by (database, campaign, version); the oldest goes when it is full."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[Any, ...], CampaignView] = {}

    def get(self, key: tuple[Any, ...]) -> CampaignView | None:
        return self._kept.get(key)

    def put(self, key: tuple[Any, ...], view: CampaignView) -> None:
        with self._lock:
            if key not in self._kept and len(self._kept) >= _CACHED:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = view


@dataclass(frozen=True, slots=True)
class CampaignRow:
    """A campaign in a list."""

    id: int
    code: str
    game: str
    title: str
    state: str
    starts_at: int | None
    ends_at: int
    budget_minor: int | None
    spent_minor: int
    draws: int

    def phase(self, now: int) -> str:
        """As of :meth:`CampaignView.phase`."""
        return definitions.phase_of(self.state, self.starts_at, self.ends_at, now)


class Book:
    """A brand's campaigns as they are; :class:`campaigns.Campaigns` changes them. Use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings
        self._cache = _Cache()
        self._seeds: dict[int, str] = {}
        self._tables: dict[int, fairness.OddsTable] = {}
        self._winnable: dict[int, tuple[int, ...]] = {}

    def get(self, code: str) -> CampaignView:
        """The campaign with this code; raises NotFound."""
        row = execute(_BY_CODE, (code,)).fetchone()
        if row is None:
            raise NotFound(f"no campaign {code!r}")
        return self._view(row)

    def hold(self, code: str) -> CampaignView:
        """The campaign with this code, which nobody else changes until the transaction ends; raises NotFound."""
        execute("UPDATE interaction_games_campaign SET version = version WHERE code = ?", (code,))
        return self.get(code)

    def by_id(self, campaign_id: int) -> CampaignView:
        """The campaign with this id; raises NotFound."""
        row = execute(_BY_ID, (campaign_id,)).fetchone()
        if row is None:
            raise NotFound(f"no campaign {campaign_id}")
        return self._view(row)

    def list(self, *, game: str = "", states: Iterable[str] = ()) -> list[CampaignView]:
        """Campaigns in the order of their making; of one game or of some states when given."""
        wanted = set(states)
        rows = execute(f"SELECT {COLUMNS} FROM interaction_games_campaign ORDER BY id").fetchall()
        return [
            self._view(row) for row in rows if (not game or row[2] == game) and (not wanted or row[5] in wanted)
        ]

    def page(self, *, before: int = 0, limit: int = 50) -> Sequence[CampaignRow]:
        """Campaigns without their definitions, newest first; ``before`` is the last id of the page before."""
        where, values = ("WHERE id < ? ", (before,)) if before else ("", ())
        rows = execute(
            "SELECT id, code, game, title, state, starts_at, ends_at, budget_minor, spent_minor, draws "
            f"FROM interaction_games_campaign {where}ORDER BY id DESC LIMIT ?",
            (*values, limit),
        ).fetchall()
        return [CampaignRow(*row) for row in rows]

    def prizes(self, campaign_id: int) -> tuple[PrizeView, ...]:
        """The campaign's prizes in the order of drawing, with their stock as it is now."""
        return tuple(_prize(row) for row in execute(_PRIZES, (campaign_id,)).fetchall())

    def _view(self, row: tuple[Any, ...]) -> CampaignView:
        key = (row[0], row[1], row[17])
        known = self._cache.get(key)
        if known is not None:
            view = definitions.again(known, row)
            self._cache.put(key, view)
            return view
        raw, settings, ruleset, rules_hash = execute(
            "SELECT definition, settings, ruleset, rules_hash FROM interaction_games_campaign WHERE id = ?", (row[0],)
        ).fetchone()
        try:
            read = checking.game_settings(registry.game(self.brand, row[2]), json.loads(settings))
        except ScrmError:
            read = json.loads(settings)  # its plugin is switched off: it can be looked at but not played
        view = definitions.view(row, self.prizes(row[0]), json.loads(raw), read, ruleset, rules_hash)
        if view.state != "draft":
            self._cache.put(key, view)
        return view

    def revealed_seed(self, code: str) -> str | None:
        """The seed once it is public, or None (also for a campaign without draws)."""
        row = execute(
            "SELECT s.seed FROM interaction_games_seed s JOIN interaction_games_campaign c ON c.id = s.campaign_id "
            "WHERE c.code = ? AND c.state = 'revealed'",
            (code,),
        ).fetchone()
        return None if row is None else str(row[0])

    def secret_seed(self, campaign_id: int) -> str:
        """The seed for drawing; it never leaves the engine."""
        known = self._seeds.get(campaign_id)
        if known is None:
            row = execute("SELECT seed FROM interaction_games_seed WHERE campaign_id = ?", (campaign_id,)).fetchone()
            if row is None:
                raise NotFound("this campaign draws nothing; it has no seed")
            known = self._seeds[campaign_id] = str(row[0])
        return known

    def odds_table(self, campaign: CampaignView) -> fairness.OddsTable:
        """The cumulative table of a published campaign's weights, built once: they never change again."""
        table = self._tables.get(campaign.id)
        if table is None:
            table = fairness.OddsTable([(prize.code, prize.weight) for prize in campaign.prizes])
            self._tables[campaign.id] = table
        return table

    def winnable(self, campaign: CampaignView) -> tuple[int, ...]:
        """Prizes of a published campaign of which one has to be left, see :func:`stock.winnable`; found once."""
        found = self._winnable.get(campaign.id)
        if found is None:
            found = self._winnable[campaign.id] = winnable(campaign)
        return found

    def log(self, campaign_id: int) -> Iterator[dict[str, Any]]:
        """What was done to a campaign, first to last."""
        rows = execute(
            "SELECT what, actor, reason, detail, at FROM interaction_games_log WHERE campaign_id = ? ORDER BY id",
            (campaign_id,),
        ).fetchall()
        for what, actor, reason, detail, at in rows:
            yield {"what": what, "actor": actor, "reason": reason, "detail": json.loads(detail), "at": at}

    def note(
        self, campaign_id: int, what: str, actor: str, reason: str = "", *, detail: dict[str, Any] | None = None
    ) -> None:
        """Write down what was done to a campaign; call it in a transaction."""
        execute(
            "INSERT INTO interaction_games_log (campaign_id, what, actor, reason, detail, at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (campaign_id, what, actor, reason, written(detail or {}), self.brand.now()),
        )


def _prize(row: tuple[Any, ...]) -> PrizeView:
    head, review, tail = row[:13], bool(row[13]), row[14:]
    return PrizeView(*head, review, *tail)  # type: ignore[call-arg]


def written(value: Any) -> str:
    """A JSON value as its one text."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
