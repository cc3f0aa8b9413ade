"""What a campaign would be before it is made: its odds, pacing and cost, and what keeps it from being published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scrm_core.api import Invalid, ScrmError, execute, iso

from . import checking, registry
from .definition import CampaignView, Definition
from .stock import released

if TYPE_CHECKING:
    from .campaigns import Campaigns

DAY_MS = 86_400_000
_WHY = {
    "ends_at": "活动结束时间已过",
    "starts_at": "开始时间已过；留空则发布即开始",
    "rules": "抽奖活动发布前须填写规则、主办方和联系方式",
    "organiser": "抽奖活动发布前须填写规则、主办方和联系方式",
    "organiser_contact": "抽奖活动发布前须填写规则、主办方和联系方式",
}


def as_draft(game: Any, made: Definition) -> CampaignView:
    """A definition as the draft that it would be."""
    return CampaignView(
        id=0, code=made.code, game=made.game, title=made.title, surface=made.surface, state="draft",
        starts_at=made.starts_at, ends_at=made.ends_at, settings=checking.game_settings(game, made.settings),
        rules=made.rules, organiser=made.organiser, organiser_contact=made.organiser_contact,
        budget_minor=made.budget_minor, spent_minor=0, total_weight=made.total_weight,
        expected_draws=made.expected_draws, limits=made.limits, chances=made.chances, guarantee=made.guarantee,
        prizes=made.prizes, commitment="", table_hash="", draws=0, version=1, published_at=None, ended_at=None,
        revealed_at=None,
    )  # fmt: skip


def body_of(campaign: CampaignView, zone: Any) -> dict[str, Any]:
    """The definition of a campaign as ``create`` takes it; times are text by the brand's clock."""
    prizes = []
    for prize in campaign.prizes:
        row = {name: getattr(prize, name) for name in prize.__dataclass_fields__}
        row["stock"] = row.pop("stock_total")
        prizes.append({name: value for name, value in row.items() if name not in ("id", "stock_left")})
    members = (
        "code", "game", "title", "surface", "rules", "organiser", "organiser_contact", "budget_minor", "total_weight",
        "expected_draws", "settings",
    )  # fmt: skip
    parts = {
        name: {each: getattr(part, each) for each in part.__dataclass_fields__} if part is not None else None
        for name, part in (
            ("limits", campaign.limits), ("chances", campaign.chances), ("guarantee", campaign.guarantee),
        )
    }  # fmt: skip
    times = {"starts_at": iso(campaign.starts_at, zone), "ends_at": iso(campaign.ends_at, zone)}
    return {**{name: getattr(campaign, name) for name in members}, **times, **parts, "prizes": prizes}


def most_minor(made: Definition) -> int | None:
    """What all prizes there are cost; None where a prize of some value has no stock."""
    total = 0
    for prize in made.prizes:
        if prize.wins and prize.value_minor:
            if prize.stock_total is None:
                return None
            total += prize.stock_total * prize.value_minor
    return total


def dry_run(campaigns: Campaigns, body: Any, *, rewrites: bool = False) -> dict[str, Any]:
    """What a definition would be, see the fields; raises Invalid as ``create`` does, and writes nothing.

    ``prizes``: ``odds`` as they would be published, ``rate`` with the guarantee, of a stock that is released evenly
    what is unlocked at once and after a day. ``most_minor``: what all prizes cost, ``worst_minor`` the same within
    the budget; None is without limit. ``notes`` are sentences in both languages.
    """
    made = campaigns.checked(body)
    brand = campaigns.brand
    game = registry.game(brand, made.game)
    draft = as_draft(game, made)
    cost, most = checking.cost(draft), most_minor(made)
    limits = [limit for limit in (most, made.budget_minor) if limit is not None]
    rates = cost.pop("rates")
    found: dict[str, Any] = {
        "code": made.code, "game": made.game, "title": made.title, **cost,
        "budget_minor": made.budget_minor, "most_minor": most, "worst_minor": min(limits, default=None),
        "prizes": [{**_prize(campaigns, made, each), "rate": rates.get(each.code)} for each in made.prizes],
        "forecast": checking.forecast(game, draft),
    }  # fmt: skip
    notes = _notes(campaigns, made, draft, game, found, rewrites)
    return {**found, "notes": [{"kind": kind, "en": en, "zh": zh} for kind, en, zh in notes]}


def _prize(campaigns: Campaigns, made: Definition, prize: Any) -> dict[str, Any]:
    pacing: dict[str, int | None] = {"at_once": prize.stock_total, "after_a_day": prize.stock_total}
    if prize.release == "even" and prize.stock_total is not None:
        begin = made.starts_at if made.starts_at is not None else campaigns.brand.now()
        for name, at in (("at_once", begin), ("after_a_day", begin + DAY_MS)):
            minutes = campaigns.settings["release_minutes"]
            pacing[name] = released(prize.stock_total, begin, max(begin + 1, made.ends_at), at, minutes)
    return {
        "code": prize.code, "title": prize.title, "kind": prize.kind, "value_minor": prize.value_minor,
        "odds": prize.weight / made.total_weight if made.total_weight else None, "stock": prize.stock_total,
        "release": prize.release, **pacing,
    }  # fmt: skip


def _notes(
    campaigns: Campaigns, made: Definition, draft: CampaignView, game: Any, found: dict[str, Any], rewrites: bool
) -> Iterator[tuple[str, str, str]]:
    brand = campaigns.brand
    if not rewrites and _known(made.code) and campaigns.same(made) is None:
        words = f"code: a campaign {made.code!r} is there already, with another definition"
        yield "problem", words, f"活动编码 {made.code} 已被占用"
    try:
        checking.check_public(brand, campaigns.settings, draft, game)
    except Invalid as error:
        yield "problem", error.message, _WHY.get(error.field or "", f"发布前须修正：{error.message}")
    try:
        yield from (("shortage", each, f"奖品不足：{each}") for each in checking.shortages(brand, draft))
    except ScrmError as error:
        yield "problem", error.message, f"奖品无法发放：{error.message}"
    if found["over_budget"]:
        yield "shortage", "the expected draws cost more than the budget; publishing asks to confirm it", (
            "预计抽奖次数的花费超出预算，发布时须确认"
        )
    if found["worst_minor"] is None:
        yield "warning", "nothing limits what the prizes cost: give them a stock, or set a budget", (
            "奖品成本没有上限：请设置库存或预算"
        )
    if game.draws and made.expected_draws is None:
        yield "warning", "expected_draws: without it nobody knows what the draws will cost", (
            "未填写预计抽奖次数，无法估算总花费"
        )


def _known(code: str) -> bool:
    return execute("SELECT 1 FROM interaction_games_campaign WHERE code = ?", (code,)).fetchone() is not None
