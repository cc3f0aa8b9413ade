"""Pools, given cards and gifts as JSON values, the same for routes and commands; none of them holds a code."""

from __future__ import annotations

from datetime import date
from typing import Any

from scrm_core.api import Brand, NotFound, iso

from .cards import IssueView
from .gifts import GiftView
from .pools import PoolView
from .report import benefit_card_report
from .service import BenefitCards


def pool_view(pool: PoolView, brand: Brand) -> dict[str, Any]:
    """A pool as JSON."""
    return {
        "code": pool.code,
        "title": pool.title,
        "state": pool.state,
        "face_minor": pool.face_minor,
        "cost_minor": pool.cost_minor,
        "warn_below": pool.warn_below,
        "link": pool.link,
        "terms": pool.terms,
        "actor": pool.actor,
        "created_at": iso(pool.created_at, brand.zone),
    }


def full_pool_view(pool: PoolView, cards: BenefitCards) -> dict[str, Any]:
    """A pool with where its cards are; ``givable`` are those left that are good long enough to be given."""
    (row,) = benefit_card_report(cards.brand, pool.code).rows
    figures = {name: value for name, value in row.items() if name not in ("pool", "title")}
    return {**pool_view(pool, cards.brand), **figures, "givable": cards.pools.left(pool.id)}


def issue_view(issue: IssueView, brand: Brand) -> dict[str, Any]:
    """A given card as JSON; ``contact`` is the person's uid, None once they were erased."""
    return {
        "uid": issue.uid,
        "pool": issue.pool,
        "contact": _uid(issue, brand),
        "state": issue.state,
        "gift": issue.gift,
        "face_minor": issue.face_minor,
        "cost_minor": issue.cost_minor,
        "expires": None if issue.expires_day is None else date.fromordinal(issue.expires_day).isoformat(),
        "grant_key": issue.grant_key,
        "given_at": iso(issue.given_at, brand.zone),
        "revealed_at": iso(issue.revealed_at, brand.zone),
        "ended_at": iso(issue.ended_at, brand.zone),
        "reason": issue.reason,
    }


def gift_view(gift: GiftView, cards: BenefitCards) -> dict[str, Any]:
    """A gift as JSON, with the address that the plan's landing page leads to."""
    brand, figures = cards.brand, cards.gifts.figures(gift)
    return {
        "code": gift.code,
        "title": gift.title,
        "pool": gift.pool,
        "owner": gift.owner,
        "plan": gift.plan,
        "until": date.fromordinal(gift.until).isoformat(),
        "state": gift.state,
        "waiting": figures.waiting,
        "reached": figures.reached,
        "claimed": figures.claimed,
        "left": figures.left,
        "missing": figures.missing,
        "url": f"{brand.installation.config.base_url}/p/{brand.id}/benefit-card/g/{gift.code}",
        "actor": gift.actor,
        "created_at": iso(gift.created_at, brand.zone),
    }


def _uid(issue: IssueView, brand: Brand) -> str | None:
    if issue.contact_id is None:
        return None
    try:
        return brand.contacts.get_by_id(issue.contact_id).uid
    except NotFound:
        return None
