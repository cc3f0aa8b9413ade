"""The plugin's routes, below ``/api/v1/<brand>/plugins/interaction-games``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask
from marshmallow import RAISE, Schema, fields

from scrm_core.api import Invalid, ReportTable, contended, current_actor, current_brand, iso, load_body, permission

from .awards.routes import add_routes as add_award_routes
from .engine import checking, records
from .engine.definition import instant_of
from .engine.standing import standing
from .games.shop_routes import add_routes as add_shop_routes
from .pages.routes import published
from .recommend import Option, goals, recommend
from .report import campaigns_report, prizes_report
from .schemas import NAME, MomentField
from .service import Games, games_of
from .winners import add_routes as add_winner_routes

if TYPE_CHECKING:
    from .engine.definition import CampaignView

READ = f"{NAME}:read"
WRITE = f"{NAME}:write"
PUBLISH = f"{NAME}:publish"
REVIEW = f"{NAME}:review"
PLAY = f"{NAME}:play"

blueprint = flask.Blueprint("interaction_games", __name__)


class _Body(Schema):
    class Meta:
        unknown = RAISE


class PublishBody(_Body):
    """``POST /campaigns/<code>/publish``."""

    confirm = fields.Boolean(truthy={True}, falsy={False}, load_default=False)


class ReasonBody(_Body):
    """What stops something and says why."""

    reason = fields.String(required=True)


class WordBody(_Body):
    """A reviewer's word."""

    reason = fields.String(load_default="")


class LengthenBody(_Body):
    """``POST /campaigns/<code>/lengthen``."""

    ends_at = MomentField(required=True)


class StockBody(_Body):
    """``POST /campaigns/<code>/stock``."""

    prize = fields.String(required=True)
    more = fields.Integer(required=True, strict=True)


class BudgetBody(_Body):
    """``POST /campaigns/<code>/budget``."""

    more_minor = fields.Integer(required=True, strict=True)


class TicketsBody(_Body):
    """``POST /campaigns/<code>/tickets``."""

    contact = fields.String(required=True)
    count = fields.Integer(required=True, strict=True)
    key = fields.String(required=True)
    source = fields.String(load_default="staff")
    expires_at = MomentField(load_default=None, allow_none=True)


class ActBody(_Body):
    """``POST /campaigns/<code>/acts/<action>``: a trusted server says who acts."""

    contact = fields.String(required=True)
    key = fields.String(required=True)
    data = fields.Dict(keys=fields.String(), load_default=dict)


class ShareBody(_Body):
    """``POST /campaigns/<code>/shares``."""

    contact = fields.String(required=True)
    key = fields.String(required=True)


def games_here() -> Games:
    """The service of the request's brand."""
    return games_of(current_brand())


@blueprint.get("/campaigns")
@permission(READ)
def list_campaigns() -> Any:
    """All campaigns, drafts included."""
    games = games_here()
    return flask.jsonify({"campaigns": [campaign_record(games, each) for each in games.campaigns.list()]})


@blueprint.post("/campaigns")
@permission(WRITE)
def create_campaign() -> Any:
    """Make a draft from a definition."""
    games = games_here()
    made = games.create(flask.request.get_json(), actor=current_actor())
    return flask.jsonify(campaign_record(games, made)), 201


@blueprint.post("/campaigns/dry-run")
@permission(READ)
def dry_run_campaign() -> Any:
    """Odds, pacing and cost of a definition, and what keeps it from being published; writes nothing."""
    return flask.jsonify(games_here().campaigns.dry_run(flask.request.get_json()))


@blueprint.post("/campaigns/<code>/rewrite")
@permission(WRITE)
def rewrite_campaign(code: str) -> Any:
    """Give a draft another definition, as whole as the first; the code stays."""
    games = games_here()
    made = games.campaigns.rewrite(code, flask.request.get_json(), actor=current_actor())
    return flask.jsonify(campaign_record(games, made))


@blueprint.get("/campaigns/<code>")
@permission(READ)
def show_campaign(code: str) -> Any:
    """A campaign with its prizes, stock, published odds and log."""
    games = games_here()
    campaign = games.campaigns.get(code)
    record = campaign_record(games, campaign)
    zone = games.brand.zone
    record["published"] = published(games, campaign)
    record["stock"] = {prize.code: prize.stock_left for prize in games.campaigns.prizes(campaign.id)}
    record["log"] = [{**each, "at": iso(each["at"], zone)} for each in games.campaigns.log(campaign.id)]
    return flask.jsonify(record)


@blueprint.get("/campaigns/<code>/odds")
@permission(READ)
def show_odds(code: str) -> Any:
    """Expected cost, and how often each prize is won with the guarantee counted."""
    games = games_here()
    return flask.jsonify(checking.cost(games.campaigns.get(code)))


@blueprint.get("/campaigns/<code>/standing")
@permission(READ)
def show_standing(code: str) -> Any:
    """Each prize's odds, stock against the pacing, and what became of its wins (of the first 200,000)."""
    games = games_here()
    return flask.jsonify({"prizes": standing(games, games.campaigns.get(code))})


@blueprint.get("/campaigns/<code>/draws")
@permission(READ)
def show_draws(code: str) -> Any:
    """The published file of draws, which anybody can check once the seed is in it."""
    return flask.jsonify(games_here().published_file(code))


@blueprint.post("/campaigns/<code>/publish")
@permission(PUBLISH)
def publish_campaign(code: str) -> Any:
    """Publish a draft; ``confirm`` accepts an expected spend above the budget, and prizes that may run out."""
    body = load_body(PublishBody(), flask.request.get_json() if flask.request.content_length else {})
    return flask.jsonify(games_here().publish(code, current_actor(), confirm=body["confirm"]))


@blueprint.post("/campaigns/<code>/pause")
@permission(PUBLISH)
def pause_campaign(code: str) -> Any:
    """Stop a campaign for a while."""
    games = games_here()
    body = load_body(ReasonBody(), flask.request.get_json())
    return flask.jsonify(campaign_record(games, games.pause(code, actor=current_actor(), reason=body["reason"])))


@blueprint.post("/campaigns/<code>/resume")
@permission(PUBLISH)
def resume_campaign(code: str) -> Any:
    """Let a paused campaign go on."""
    games = games_here()
    return flask.jsonify(campaign_record(games, games.resume(code, actor=current_actor())))


@blueprint.post("/campaigns/<code>/end")
@permission(PUBLISH)
def end_campaign(code: str) -> Any:
    """End a campaign now."""
    games = games_here()
    body = load_body(ReasonBody(), flask.request.get_json())
    return flask.jsonify(campaign_record(games, games.end(code, actor=current_actor(), reason=body["reason"])))


@blueprint.post("/campaigns/<code>/reveal")
@permission(PUBLISH)
def reveal_campaign(code: str) -> Any:
    """Publish the seed of a campaign that is over."""
    return flask.jsonify(games_here().reveal(code, actor=current_actor()))


@blueprint.post("/campaigns/<code>/lengthen")
@permission(PUBLISH)
def lengthen_campaign(code: str) -> Any:
    """Move the end to later."""
    games = games_here()
    body = load_body(LengthenBody(), flask.request.get_json())
    ends_at = instant_of(games.brand, body["ends_at"])
    return flask.jsonify(campaign_record(games, games.campaigns.lengthen(code, ends_at, actor=current_actor())))


@blueprint.post("/campaigns/<code>/stock")
@permission(PUBLISH)
def add_stock(code: str) -> Any:
    """Add to the stock of a prize."""
    games = games_here()
    body = load_body(StockBody(), flask.request.get_json())
    changed = games.campaigns.add_stock(code, body["prize"], body["more"], actor=current_actor())
    return flask.jsonify(campaign_record(games, changed))


@blueprint.post("/campaigns/<code>/budget")
@permission(PUBLISH)
def add_budget(code: str) -> Any:
    """Add to the budget."""
    games = games_here()
    body = load_body(BudgetBody(), flask.request.get_json())
    changed = games.campaigns.add_budget(code, body["more_minor"], actor=current_actor())
    return flask.jsonify(campaign_record(games, changed))


@blueprint.post("/campaigns/<code>/tickets")
@permission(WRITE)
def give_tickets(code: str) -> Any:
    """Give a person chances once per key; the same key again gives nothing more."""
    games = games_here()
    body = load_body(TicketsBody(), flask.request.get_json())
    expires_at = instant_of(games.brand, body["expires_at"]) if body["expires_at"] is not None else None
    balance = games.grant_tickets(
        code, _contact(body["contact"]), body["count"], key=body["key"], source=body["source"],
        actor=current_actor(), expires_at=expires_at,
    )  # fmt: skip
    return flask.jsonify({"contact": body["contact"], "balance": balance})


@blueprint.post("/campaigns/<code>/acts/<action>")
@permission(PLAY)
@contended
def act(code: str, action: str) -> Any:
    """Act for a person, as a trusted server such as a mini program's backend; the same key gets the first answer."""
    body = load_body(ActBody(), flask.request.get_json())
    answer = games_here().act(code, action, _contact(body["contact"]), key=body["key"], data=body["data"])
    return flask.jsonify(answer)


@blueprint.post("/campaigns/<code>/shares")
@permission(PLAY)
@contended
def share(code: str) -> Any:
    """A person shared the campaign, as a trusted server saw it: their chances for it, once a day."""
    body = load_body(ShareBody(), flask.request.get_json())
    return flask.jsonify(games_here().share(code, _contact(body["contact"]), key=body["key"]))


@blueprint.get("/campaigns/<code>/view")
@permission(PLAY)
def view(code: str) -> Any:
    """What a person (``?contact=``), or a visitor, sees of a campaign now."""
    uid = flask.request.args.get("contact", "")
    return flask.jsonify(games_here().view(code, _contact(uid) if uid else None))


@blueprint.get("/draws/<uid>")
@permission(READ)
def show_draw(uid: str) -> Any:
    """A draw, the checks of its number and decision, and what reviewers said."""
    games = games_here()
    campaign, draw = records.by_uid(games.campaigns, uid)
    found = games.verify(uid)[1] if draw.kind == "draw" else []
    return flask.jsonify(
        {
            "campaign": campaign.code,
            **draw.shown(),
            "checks": [{"name": c.name, "holds": c.holds, "detail": c.detail} for c in found],
            "words": games.reviews.words(uid),
        }
    )


@blueprint.get("/recommend")
@permission(READ)
def recommended() -> Any:
    """The main and assisting games for ``?goal=``, on the surfaces that ``?surface=`` names or on all."""
    brand = current_brand()
    args = flask.request.args
    options = recommend(brand, args.get("goal", ""), on=tuple(args.getlist("surface")))
    return flask.jsonify({"goals": goals(brand), "options": [option_record(option) for option in options]})


@blueprint.get("/reviews")
@permission(REVIEW)
def list_reviews() -> Any:
    """Held prizes that wait for a person's word; ``after`` is the ``cursor`` of the page before."""
    queue = games_here().reviews.queue(after=_number("after"))
    return flask.jsonify({"held": queue, "cursor": queue[-1]["id"] if queue else None})


@blueprint.post("/draws/<uid>/approve")
@permission(REVIEW)
def approve(uid: str) -> Any:
    """Approve a held prize."""
    body = load_body(WordBody(), flask.request.get_json() if flask.request.content_length else {})
    state = games_here().reviews.approve(uid, actor=current_actor(), reason=body["reason"])
    return flask.jsonify({"uid": uid, "state": state})


@blueprint.post("/draws/<uid>/reject")
@permission(REVIEW)
def reject(uid: str) -> Any:
    """Reject a held prize."""
    body = load_body(ReasonBody(), flask.request.get_json())
    state = games_here().reviews.reject(uid, actor=current_actor(), reason=body["reason"])
    return flask.jsonify({"uid": uid, "state": state})


@blueprint.post("/draws/<uid>/void")
@permission(REVIEW)
def void(uid: str) -> Any:
    """Take a prize back before it is granted."""
    body = load_body(ReasonBody(), flask.request.get_json())
    games_here().fulfilment.void(uid, reason=body["reason"], actor=current_actor())
    return flask.jsonify({"uid": uid, "state": "void"})


@blueprint.get("/failed")
@permission(READ)
def list_failed() -> Any:
    """Prizes whose granting failed; ``after`` is the ``cursor`` of the page before."""
    rows = games_here().fulfilment.failed(after=_number("after"))
    return flask.jsonify({"failed": rows, "cursor": rows[-1]["id"] if rows else None})


@blueprint.post("/draws/<uid>/replay")
@permission(WRITE)
def replay(uid: str) -> Any:
    """Try to grant a failed prize again; it is never granted twice."""
    return flask.jsonify({"uid": uid, "state": games_here().fulfilment.replay(uid)})


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """Campaigns with plays, wins, cost and the test of their odds."""
    return flask.jsonify(_table(campaigns_report(games_here())))


@blueprint.get("/report/prizes")
@permission(READ)
def report_prizes() -> Any:
    """Prizes with the published odds beside what was drawn."""
    return flask.jsonify(_table(prizes_report(games_here())))


add_award_routes(blueprint)
add_shop_routes(blueprint)
add_winner_routes(blueprint, games_here, READ)


def campaign_record(games: Games, campaign: CampaignView) -> dict[str, Any]:
    """A campaign as the API shows it; the seed is never part of it."""
    zone = games.brand.zone
    return {
        "code": campaign.code,
        "game": campaign.game,
        "title": campaign.title,
        "surface": campaign.surface,
        "state": campaign.state,
        "phase": campaign.phase(games.brand.now()),
        "starts_at": iso(campaign.starts_at, zone),
        "ends_at": iso(campaign.ends_at, zone),
        "budget_minor": campaign.budget_minor,
        "spent_minor": campaign.spent_minor,
        "total_weight": campaign.total_weight,
        "commitment": campaign.commitment,
        "table_hash": campaign.table_hash,
        "rules_hash": campaign.rules_hash,
        "published_at": iso(campaign.published_at, zone),
    }


def option_record(option: Option) -> dict[str, Any]:
    """A recommended game as the API shows it."""
    return {
        "game": option.game,
        "title": option.title,
        "role": option.role,
        "usable": option.usable,
        "problems": list(option.problems),
        "surfaces": list(option.surfaces),
        "refusals": {surface: list(reasons) for surface, reasons in option.refusals.items()},
        "source": option.source,
    }


def _table(table: ReportTable) -> dict[str, Any]:
    return table.record()


def _contact(uid: str) -> int:
    return int(current_brand().contacts.get(uid).id)


def _number(name: str) -> int:
    text = flask.request.args.get(name, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 16):
        raise Invalid(f"{name} is a whole number", field=name)
    return int(text)
