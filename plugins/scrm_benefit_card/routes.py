"""The plugin's routes, below ``/api/v1/<brand>/plugins/benefit-card``; none of them tells a code."""

from __future__ import annotations

import dataclasses
from typing import Any

import flask

from scrm_core.api import (
    Brand,
    current_actor,
    current_brand,
    load_body,
    next_after,
    permission,
    query_number,
)

from .report import benefit_card_report
from .schemas import CardsBody, GiftBody, PoolBody, ReasonBody
from .service import NAME, BenefitCards
from .views import full_pool_view, gift_view, issue_view, pool_view

blueprint = flask.Blueprint("benefit_card", __name__)

READ = "benefit-card:read"
STOCK = "benefit-card:stock"
GIVE = "benefit-card:give"


def _here() -> tuple[Brand, BenefitCards]:
    brand = current_brand()
    return brand, BenefitCards(brand, brand.plugins[NAME].settings)


def _body(schema: Any) -> dict[str, Any]:
    return load_body(schema, flask.request.get_json())


@blueprint.get("/report")
@permission(READ)
def report() -> Any:
    """Where the cards of each pool are, and what they cost."""
    table = benefit_card_report(current_brand())
    return flask.jsonify(table.record())


@blueprint.get("/check")
@permission(READ)
def check() -> Any:
    """Where cards and what was given do not agree; an empty list is as it should be."""
    return flask.jsonify({"differences": _here()[1].differences()})


@blueprint.get("/pools")
@permission(READ)
def pool_list() -> Any:
    """Pools, oldest first."""
    brand, cards = _here()
    limit = query_number("limit", 50)
    found = cards.pools.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"pools": [pool_view(pool, brand) for pool in found], "next": next_after(found, limit)})


@blueprint.post("/pools")
@permission(STOCK)
def pool_create() -> Any:
    """Make a pool, once per code."""
    body = _body(PoolBody())
    brand, cards = _here()
    return flask.jsonify(pool_view(cards.pools.create(**body, actor=current_actor()), brand)), 201


@blueprint.get("/pools/<code>")
@permission(READ)
def pool_show(code: str) -> Any:
    """A pool with where its cards are."""
    _, cards = _here()
    return flask.jsonify(full_pool_view(cards.pools.get(code), cards))


@blueprint.post("/pools/<code>/cards")
@permission(STOCK)
def pool_fill(code: str) -> Any:
    """Add cards; each row that is refused is told with its place and reason, and changes nothing."""
    body = _body(CardsBody())
    _, cards = _here()
    return flask.jsonify(dataclasses.asdict(cards.pools.add(code, body["rows"], actor=current_actor())))


@blueprint.post("/pools/<code>/close")
@permission(STOCK)
def pool_close(code: str) -> Any:
    """Give no more cards of a pool."""
    brand, cards = _here()
    return flask.jsonify(pool_view(cards.pools.switch(code, "closed", actor=current_actor()), brand))


@blueprint.post("/pools/<code>/reopen")
@permission(STOCK)
def pool_reopen(code: str) -> Any:
    """Give cards of a closed pool again."""
    brand, cards = _here()
    return flask.jsonify(pool_view(cards.pools.switch(code, "open", actor=current_actor()), brand))


@blueprint.get("/issues")
@permission(READ)
def issue_list() -> Any:
    """Given cards, oldest first; of a ``pool``, a ``state`` or a person (``contact``) when asked."""
    brand, cards = _here()
    limit, args = query_number("limit", 50), flask.request.args
    uid = args.get("contact")
    found = cards.cards.page(
        pool=args.get("pool"),
        state=args.get("state"),
        contact_id=brand.contacts.get(uid).id if uid is not None else None,
        after=query_number("after", 0),
        limit=limit,
    )
    return flask.jsonify({"issues": [issue_view(issue, brand) for issue in found], "next": next_after(found, limit)})


@blueprint.post("/issues/<uid>/revoke")
@permission(GIVE)
def issue_revoke(uid: str) -> Any:
    """Take a given card back: to its pool while nobody has seen it, else as a loss."""
    body = _body(ReasonBody())
    brand, cards = _here()
    return flask.jsonify(issue_view(cards.cards.revoke(uid, reason=body["reason"], actor=current_actor()), brand))


@blueprint.get("/gifts")
@permission(READ)
def gift_list() -> Any:
    """Gifts for recipients of messages, oldest first."""
    _, cards = _here()
    limit = query_number("limit", 50)
    found = cards.gifts.page(after=query_number("after", 0), limit=limit)
    return flask.jsonify({"gifts": [gift_view(gift, cards) for gift in found], "next": next_after(found, limit)})


@blueprint.post("/gifts")
@permission(GIVE)
def gift_create() -> Any:
    """Give a card to each recipient of a plan who comes for it, once per code."""
    body = _body(GiftBody())
    _, cards = _here()
    return flask.jsonify(gift_view(cards.gifts.create(**body, actor=current_actor()), cards)), 201


@blueprint.get("/gifts/<code>")
@permission(READ)
def gift_show(code: str) -> Any:
    """A gift: how many the plan writes to, how many came, whether the cards are enough."""
    _, cards = _here()
    return flask.jsonify(gift_view(cards.gifts.get(code), cards))


@blueprint.post("/gifts/<code>/close")
@permission(GIVE)
def gift_close(code: str) -> Any:
    """End a gift; who has a card keeps it."""
    _, cards = _here()
    return flask.jsonify(gift_view(cards.gifts.close(code, actor=current_actor()), cards))
