"""What a campaign must have before it is made, published and played, and what it is expected to cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from marshmallow import RAISE, Schema

from scrm_core.api import Conflict, Invalid, RewardWanted, ScrmError, load_body, surfaces

from . import definition as definitions
from . import odds, registry

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .definition import CampaignView, Definition, PrizeView


class _NoSettings(Schema):
    """The settings of a game that has none."""

    class Meta:
        unknown = RAISE


def game_settings(game: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a game as its schema loads them; raises Invalid(field="settings...")."""
    schema = game.Settings
    return load_body((schema or _NoSettings)(), settings, at="settings")


def check_definition(brand: Brand, settings: dict[str, Any], made: Definition) -> None:
    """What a definition must have whatever becomes of it; raises Invalid naming the field."""
    game = registry.game(brand, made.game)
    if made.surface not in surfaces.SURFACES:
        raise Invalid(
            f"surface: {made.surface!r} is none of {', '.join(surfaces.SURFACES)}", field="surface"
        )
    for reason in surfaces.refusals(game.mechanics, made.surface):
        raise Invalid(f"surface: {reason}", field="surface")
    if made.chances.share:
        forbidden = surfaces.refusal("sharing_reward", made.surface)
        if forbidden:
            raise Invalid(f"chances.share: {forbidden}", field="chances.share")
    game_settings(game, made.settings)
    for place, prize in enumerate(made.prizes):
        _check_prize(brand, settings, f"prizes.{place}", prize, draws=bool(game.draws))
        _check_worth(brand, f"prizes.{place}", prize, draws=bool(game.draws), budget=made.budget_minor is not None)
    if game.draws:
        _check_refused(brand, settings)
        definitions.check_weights(made)
        if not any(prize.wins for prize in made.prizes):
            raise Invalid("prizes: a draw needs a prize", field="prizes")


def _check_refused(brand: Brand, settings: dict[str, Any]) -> None:
    """A tag that nobody can have keeps nobody out: a slip of the pen would let minors draw."""
    for tag in brand.tags.unknown(settings["refuse_tags"]):
        raise Invalid(
            f"refuse_tags: the brand has no tag {tag!r}, so nobody would be refused by it; "
            "correct it in the brand's file, or define the tag",
            field="refuse_tags",
        )


def _check_prize(brand: Brand, settings: dict[str, Any], at: str, prize: PrizeView, *, draws: bool) -> None:
    cap = settings["top_prize_minor"]
    if draws and cap is not None and prize.value_minor > cap:
        most = definitions.money(brand, cap)
        raise Invalid(
            f"{at}.value_minor: one prize of a draw is worth at most {most}", field=f"{at}.value_minor"
        )
    if not prize.wins:
        return
    try:
        brand.rewards.check(prize.kind, prize.item)
    except Conflict as exc:
        raise Invalid(f"{at}.kind: {exc.message}", field=f"{at}.kind", code="no_issuer") from exc
    except Invalid as exc:
        raise Invalid(f"{at}.item: {exc.message.removeprefix('item: ')}", field=f"{at}.item") from exc


def _check_worth(brand: Brand, at: str, prize: PrizeView, *, draws: bool, budget: bool) -> None:
    """A legal cap and a budget count ``value_minor``, so it is not below what the issuer says one win is worth."""
    if not prize.wins or not (draws or budget):
        return
    worth = brand.rewards.worth(prize.kind, prize.item, prize.quantity)
    if worth is not None and worth > prize.value_minor:
        raise Invalid(
            f"{at}.value_minor: one win is worth {definitions.money(brand, worth)} ({worth} minor units); "
            "the budget and the cap of prizes count no less",
            field=f"{at}.value_minor",
        )
    if worth is None and budget and not prize.value_minor:
        raise Invalid(
            f"{at}.value_minor: say what one win is worth; the budget cannot count it otherwise",
            field=f"{at}.value_minor",
        )


def check_public(brand: Brand, settings: dict[str, Any], campaign: CampaignView, game: Any) -> None:
    """What a draft must have to be published now; raises Conflict for no draft, Invalid naming the field."""
    now = brand.now()
    if campaign.state != "draft":
        raise Conflict(f"campaign {campaign.code!r} is {campaign.state}; only a draft is published", code="state")
    if campaign.ends_at <= now:
        raise Invalid("ends_at: the campaign would be over before it is published", field="ends_at")
    if campaign.starts_at is not None and campaign.starts_at <= now:
        raise Invalid(
            "starts_at: odds, quantities and the commitment are published before the start, which has passed; "
            "leave the start away to begin at once",
            field="starts_at",
        )
    if game.draws:
        _check_refused(brand, settings)
        for name in ("rules", "organiser", "organiser_contact"):
            if not getattr(campaign, name):
                raise Invalid(f"{name}: a draw is published with its rules, organiser and contact", field=name)
    for place, prize in enumerate(campaign.prizes):
        _check_prize(brand, settings, f"prizes.{place}", prize, draws=bool(game.draws))
        _check_worth(brand, f"prizes.{place}", prize, draws=bool(game.draws), budget=campaign.budget_minor is not None)
    for problem in getattr(game, "check", lambda campaign: ())(campaign):
        raise Invalid(problem, field="settings")


def shortages(brand: Brand, campaign: CampaignView) -> list[str]:
    """What the issuers of its prizes lack to give them all, a sentence each."""
    wanted = [
        RewardWanted(prize.kind, prize.item, prize.quantity, prize.stock_total)
        for prize in campaign.prizes
        if prize.wins
    ]
    return brand.rewards.shortages(wanted, most_minor=campaign.budget_minor)


def cost(campaign: CampaignView) -> dict[str, Any]:
    """Expected cost of a draw and of all expected draws, guarantee included, as exact fractions and minor units."""
    prizes = definitions.priced(campaign.prizes)
    promised = definitions.promise(campaign.guarantee)
    if not campaign.total_weight:
        return {"expected_cost_minor": None, "expected_draws": campaign.expected_draws,
                "expected_spend_minor": None, "over_budget": False, "rates": {}}  # fmt: skip
    each = odds.expected_cost(prizes, campaign.total_weight, promised)
    rates = odds.rates(prizes, campaign.total_weight, promised)
    spend = None
    if campaign.expected_draws is not None:
        spend = odds.expected_spend(prizes, campaign.total_weight, campaign.expected_draws, promised)
    over = spend is not None and campaign.budget_minor is not None and spend > campaign.budget_minor
    return {
        "expected_cost_minor": round(float(each), 2),
        "expected_draws": campaign.expected_draws,
        "expected_spend_minor": None if spend is None else round(float(spend), 2),
        "over_budget": over,
        "rates": {code: float(rate) for code, rate in rates.items()},
    }


def forecast(game: Any, campaign: CampaignView) -> dict[str, Any]:
    """What a game that can say so expects of its players, for the operator."""
    forecast = getattr(game, "forecast", None)
    return dict(forecast(campaign)) if callable(forecast) else {}


def problems(brand: Brand, campaigns: Iterable[CampaignView]) -> Iterator[str]:
    """Why campaigns that are not over cannot be played with the brand's configuration as it is."""
    known = registry.games(brand)
    for campaign in campaigns:
        if campaign.phase(brand.now()) == "over":
            continue
        if campaign.game not in known:
            yield f"campaign {campaign.code!r}: no enabled plugin offers the game {campaign.game!r}"
        else:
            found = getattr(known[campaign.game], "problems", lambda campaign: ())(campaign)
            yield from (f"campaign {campaign.code!r}: {problem}" for problem in found)
        for prize, exc in _refused(brand, campaign):
            if not _known(brand, prize, exc):
                yield (
                    f"campaign {campaign.code!r}, prize {prize.code!r}: {exc.message}; switch it on again, "
                    "and end the campaign before you switch it off"
                )


def warnings(brand: Brand, campaigns: Iterable[CampaignView]) -> Iterator[str]:
    """Prizes whose issuer would refuse them now, as of a coupon batch that was closed."""
    for campaign in campaigns:
        if campaign.phase(brand.now()) != "over":
            for prize, exc in _refused(brand, campaign):
                if _known(brand, prize, exc):
                    yield (
                        f"campaign {campaign.code!r}, prize {prize.code!r}: {exc.message}; nobody can be given it: "
                        "let it be issued again, or end the campaign"
                    )


def _known(brand: Brand, prize: Any, refusal: ScrmError) -> bool:
    """Whether the brand's issuer has the prize, though it gives it to nobody now."""
    return refusal.code != "no_issuer" and brand.rewards.item(prize.kind, prize.item) is not None


def _refused(brand: Brand, campaign: CampaignView) -> Iterator[tuple[Any, ScrmError]]:
    """Prizes that could not be granted now, with what their issuer says."""
    for prize in campaign.prizes:
        if prize.wins:
            try:
                brand.rewards.check(prize.kind, prize.item)
            except ScrmError as exc:
                yield prize, exc
