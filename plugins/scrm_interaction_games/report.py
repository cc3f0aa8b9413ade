"""What games brought: plays and players, wins against the published odds, and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrm_core.api import Column, MetricsQuery, MetricValue, ReportTable, execute

from .engine import fit

if TYPE_CHECKING:
    from .engine.definition import CampaignView
    from .service import Games

CAMPAIGN_COLUMNS = (
    Column("campaign", "Campaign 活动"),
    Column("game", "Game 玩法"),
    Column("phase", "State 状态"),
    Column("players", "Players 参与人数", "count"),
    Column("draws", "Draws 抽奖次数", "count"),
    Column("wins", "Wins 中奖", "count"),
    Column("held", "Under review 审核中", "count"),
    Column("waiting", "To be granted 待发放", "count"),
    Column("spent_minor", "Cost 成本", "money"),
    Column("budget_minor", "Budget 预算", "money"),
    Column("chi_square", "Chi-square 卡方"),
    Column("p", "p of the published odds 概率检验"),
)
PRIZE_COLUMNS = (
    Column("campaign", "Campaign 活动"),
    Column("prize", "Prize 奖品"),
    Column("odds", "Published odds 公布概率", "rate"),
    Column("picked", "Drawn 抽中", "count"),
    Column("rate", "Drawn rate 实际概率", "rate"),
    Column("given", "Given 发出", "count"),
    Column("refused", "Refused by the issuer 发放方拒发", "count"),
    Column("refusal", "What it said last 最近原因"),
    Column("stock_left", "Left 剩余", "count"),
    Column("cost_minor", "Cost 成本", "money"),
)


def campaigns_report(games: Games) -> ReportTable:
    """One row per campaign that was published."""
    rows = []
    for campaign in _published(games):
        counts = _counts(campaign.id)
        drawn = _picked(campaign.id)
        result = fit.test([(prize.code, prize.weight) for prize in campaign.prizes], drawn) if drawn else None
        rows.append(
            {
                "campaign": campaign.code,
                "game": campaign.game,
                "phase": campaign.phase(games.brand.now()),
                **counts,
                "spent_minor": campaign.spent_minor,
                "budget_minor": campaign.budget_minor,
                "chi_square": _short(result.chi_square if result else None),
                "p": _short(result.p if result else None),
            }
        )
    return ReportTable(CAMPAIGN_COLUMNS, rows)


def prizes_report(games: Games) -> ReportTable:
    """One row per prize of each published campaign: the published odds beside what was drawn."""
    rows = []
    for campaign in _published(games):
        picked = _picked(campaign.id)
        draws = sum(picked.values())
        given = _given(campaign.id)
        refused = _refused(campaign.id)
        for prize in games.campaigns.prizes(campaign.id):
            count, cost = given.get(prize.id, (0, 0))
            rows.append(
                {
                    "campaign": campaign.code,
                    "prize": prize.code,
                    "odds": prize.weight / campaign.total_weight if campaign.total_weight else None,
                    "picked": picked.get(prize.code, 0),
                    "rate": picked.get(prize.code, 0) / draws if draws else None,
                    "given": count,
                    "refused": refused.get(prize.code, (0, ""))[0],
                    "refusal": refused.get(prize.code, (0, ""))[1],
                    "stock_left": prize.stock_left,
                    "cost_minor": cost,
                }
            )
    return ReportTable(PRIZE_COLUMNS, rows)


def games_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Draws, wins and cost per brand-local day and campaign; players are those of the day."""
    rows = execute(
        "SELECT d.day, c.code, sum(CASE WHEN d.kind = 'draw' THEN 1 ELSE 0 END), "
        "sum(CASE WHEN d.state IN ('none', 'void') THEN 0 ELSE 1 END), count(DISTINCT d.contact_id), "
        "sum(CASE WHEN d.state IN ('none', 'void') THEN 0 ELSE d.value_minor END) "
        "FROM interaction_games_draw d JOIN interaction_games_campaign c ON c.id = d.campaign_id "
        "WHERE d.day BETWEEN ? AND ? GROUP BY d.day, c.code ORDER BY d.day, c.code",
        (query.first_day, query.last_day),
    ).fetchall()
    for day, code, draws, wins, players, cost in rows:
        yield MetricValue("draws", day, int(draws), code)
        yield MetricValue("wins", day, int(wins), code)
        yield MetricValue("players", day, int(players), code)
        yield MetricValue("cost", day, int(cost), code)


def _published(games: Games) -> list[CampaignView]:
    return games.campaigns.list(states=("published", "paused", "ended", "revealed"))


def _counts(campaign_id: int) -> dict[str, int]:
    row = execute(
        "SELECT count(DISTINCT contact_id), coalesce(sum(CASE WHEN kind = 'draw' THEN 1 ELSE 0 END), 0), "
        "coalesce(sum(CASE WHEN state IN ('none', 'void') THEN 0 ELSE 1 END), 0), "
        "coalesce(sum(CASE WHEN state = 'held' THEN 1 ELSE 0 END), 0), "
        "coalesce(sum(CASE WHEN state IN ('won', 'failed') THEN 1 ELSE 0 END), 0) "
        "FROM interaction_games_draw WHERE campaign_id = ?",
        (campaign_id,),
    ).fetchone()
    return dict(zip(("players", "draws", "wins", "held", "waiting"), map(int, row), strict=True))


def _picked(campaign_id: int) -> dict[str, int]:
    """How often the numbers pointed to each prize: what the published odds speak of, whatever was given."""
    rows = execute(
        "SELECT picked, count(*) FROM interaction_games_draw WHERE campaign_id = ? AND kind = 'draw' GROUP BY picked",
        (campaign_id,),
    ).fetchall()
    return {code: int(count) for code, count in rows}


def _given(campaign_id: int) -> dict[int, tuple[int, int]]:
    rows = execute(
        "SELECT prize_id, count(*), sum(value_minor) FROM interaction_games_draw WHERE campaign_id = ? "
        "AND prize_id IS NOT NULL AND state <> 'void' GROUP BY prize_id",
        (campaign_id,),
    ).fetchall()
    return {prize_id: (int(count), int(cost)) for prize_id, count, cost in rows}


def _refused(campaign_id: int) -> dict[str, tuple[int, str]]:
    """Code of a prize -> how often its issuer refused it while a draw was decided, and what was said last."""
    rows = execute(
        "SELECT r.refused, r.times, d.error FROM (SELECT refused, count(*) AS times, max(id) AS last "
        "FROM interaction_games_draw WHERE campaign_id = ? AND refused IS NOT NULL GROUP BY refused) r "
        "JOIN interaction_games_draw d ON d.id = r.last ORDER BY r.last",
        (campaign_id,),
    ).fetchall()
    found: dict[str, tuple[int, str]] = {}
    for codes, times, said in rows:
        told = [each.partition(":")[0] for each in codes.split()]
        for code in told:
            before, known = found.get(code, (0, ""))
            # What is kept is what the last issuer said.
            found[code] = (before + int(times), said if code == told[-1] else known)
    return found


def _short(value: float | None) -> Any:
    return None if value is None else f"{value:.4g}"
