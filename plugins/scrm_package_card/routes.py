"""The plugin's routes, below ``/api/v1/<brand>/plugins/package-card``."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import load_body, permission

from .charts import chart, svg
from .report import full_report
from .schemas import (
    CampaignBody,
    LinkBody,
    ShipmentsBody,
    campaign_arguments,
    campaign_view,
    outcome_view,
    shipment,
)
from .steps.routes import add_routes as add_step_routes
from .stock.routes import add_routes as add_stock_routes
from .stock.routes import cards_here, number_asked

blueprint = flask.Blueprint("package_card", __name__)

READ = "package-card:read"
WRITE = "package-card:write"


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """The card's figures by campaign, batch, kind, channel or arm (``by``), of one campaign or all."""
    asked = flask.request.args
    table = full_report(
        cards_here(), asked.get("by", "campaign"), campaign=asked.get("campaign"), days=number_asked("days", None)
    )
    return flask.jsonify(table.record())


@blueprint.get("/campaigns")
@permission(READ)
def campaigns() -> Any:
    """Campaigns, oldest first, at most ``limit``, from behind the one that ``next`` of the last page named."""
    limit = number_asked("limit", 200)
    found = cards_here().campaign_page(after=number_asked("after", 0) or 0, limit=limit or 0)
    onward = found[-1].id if len(found) == limit else None
    return flask.jsonify({"campaigns": [campaign_view(c) for c in found], "next": onward})


@blueprint.post("/campaigns")
@permission(WRITE)
def create_campaign() -> Any:
    """Create a campaign; the same one again answers the same."""
    body = load_body(CampaignBody(), flask.request.get_json())
    campaign = cards_here().create_campaign(**campaign_arguments(body))
    return flask.jsonify(campaign_view(campaign)), 201


@blueprint.post("/campaigns/<code>/links")
@permission(WRITE)
def create_link(code: str) -> Any:
    """Create a tracked link of a campaign for a channel and a variant."""
    body = load_body(LinkBody(), flask.request.get_json())
    link = cards_here().add_link(code, body["channel"], body["target"], variant=body["variant"])
    answer = {"code": link.code, "path": f"/l/{link.code}", "channel": body["channel"], "variant": body["variant"]}
    return flask.jsonify(answer), 201


@blueprint.post("/campaigns/<code>/shipments")
@permission(WRITE)
def ship(code: str) -> Any:
    """Record shipped cards; the same ones again change nothing."""
    body = load_body(ShipmentsBody(), flask.request.get_json())
    cards = cards_here()
    given = [shipment(row, cards.brand.zone) for row in body["shipments"]]
    outcome = cards.ship(code, given, dry_run=body["dry_run"])
    rejected = [{"index": index, "reason": reason} for index, reason in outcome.rejected]
    told = {"dry_run": True} if body["dry_run"] else {}
    return flask.jsonify({**outcome_view(outcome), "rejected": rejected, **told})


@blueprint.get("/campaigns/<code>/chart")
@permission(READ)
def draw(code: str) -> Any:
    """Recall and contribution per card as SVG, per day, arm, batch or channel (``by``)."""
    picture = chart(cards_here(), code, flask.request.args.get("by", "day"))
    return flask.Response(svg(picture), mimetype="image/svg+xml")


add_stock_routes(blueprint)
add_step_routes(blueprint)
