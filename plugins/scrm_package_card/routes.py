"""The plugin's routes, below ``/api/v1/<brand>/plugins/package-card``."""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import current_brand, permission

from .claims import NAME
from .report import card_report
from .schemas import (
    CampaignBody,
    LinkBody,
    ShipmentsBody,
    campaign_arguments,
    campaign_view,
    load,
    shipment,
)
from .service import PackageCards

blueprint = flask.Blueprint("package_card", __name__)

READ = "package-card:read"
WRITE = "package-card:write"


def _cards() -> PackageCards:
    brand = current_brand()
    return PackageCards(brand, brand.plugins[NAME].settings)


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """The card's figures, one row per campaign."""
    table = card_report(_cards())
    columns = [{"name": c.name, "title": c.title, "kind": c.kind} for c in table.columns]
    return flask.jsonify({"columns": columns, "rows": list(table.rows)})


@blueprint.get("/campaigns")
@permission(READ)
def campaigns() -> Any:
    """Every campaign, oldest first."""
    return flask.jsonify({"campaigns": [campaign_view(c) for c in _cards().campaigns()]})


@blueprint.post("/campaigns")
@permission(WRITE)
def create_campaign() -> Any:
    """Create a campaign; the same one again answers the same."""
    body = load(CampaignBody(), flask.request.get_json())
    campaign = _cards().create_campaign(**campaign_arguments(body))
    return flask.jsonify(campaign_view(campaign)), 201


@blueprint.post("/campaigns/<code>/links")
@permission(WRITE)
def create_link(code: str) -> Any:
    """Create a tracked link of a campaign for a channel and a variant."""
    body = load(LinkBody(), flask.request.get_json())
    link = _cards().add_link(code, body["channel"], body["target"], variant=body["variant"])
    answer = {"code": link.code, "path": f"/l/{link.code}", "channel": body["channel"], "variant": body["variant"]}
    return flask.jsonify(answer), 201


@blueprint.post("/campaigns/<code>/shipments")
@permission(WRITE)
def ship(code: str) -> Any:
    """Record shipped cards; the same ones again change nothing."""
    body = load(ShipmentsBody(), flask.request.get_json())
    cards = _cards()
    outcome = cards.ship(code, [shipment(row, cards.brand.zone) for row in body["shipments"]])
    rejected = [{"index": index, "reason": reason} for index, reason in outcome.rejected]
    return flask.jsonify({"created": outcome.created, "unchanged": outcome.unchanged, "rejected": rejected})
