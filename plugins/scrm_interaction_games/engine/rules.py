"""The rule set of a campaign as it is published: one canonical text whose hash stands beside the commitment."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from . import fairness

if TYPE_CHECKING:
    from scrm_core.api import Brand

    from .definition import CampaignView

FORMAT = "scrm rules 1"
_PRIZE = (
    "code", "title", "kind", "quantity", "value_minor", "weight", "per_person", "per_day", "release", "review",
    "fallback", "grade", "claim_days",
)  # fmt: skip


def rule_set(brand: Brand, campaign: CampaignView, *, seed: str, starts_at: int, minutes: int) -> str:
    """Everything that a campaign promises, in one text: keys in order, no spaces, letters as they are.

    Amounts are minor units, instants milliseconds since 1970, ``release_minutes``
    the length of a bucket of evenly released stock. Which coupon or article a
    prize is (``item``) is bound by :func:`sealed`, and told with the seed.
    """
    rules = {
        "format": FORMAT,
        "campaign": campaign.code,
        "game": campaign.game,
        "title": campaign.title,
        "surface": campaign.surface,
        "zone": brand.zone.key,
        "currency": brand.currency,
        "starts_at": starts_at,
        "ends_at": campaign.ends_at,
        "release_minutes": minutes,
        "rules": campaign.rules,
        "organiser": campaign.organiser,
        "organiser_contact": campaign.organiser_contact,
        "budget_minor": campaign.budget_minor,
        "total_weight": campaign.total_weight,
        "limits": _fields(campaign.limits),
        "chances": _fields(campaign.chances),
        "guarantee": _fields(campaign.guarantee) if campaign.guarantee else None,
        "prizes": [
            {
                **{name: getattr(prize, name) for name in _PRIZE},
                "stock": prize.stock_total,
                "item": sealed(seed, prize.code, prize.item),
            }
            for prize in campaign.prizes
        ],
    }
    return canonical(rules)


def sealed(seed: str, code: str, item: str) -> str:
    """What binds a prize to its item before the reveal, without telling a code that somebody could use elsewhere."""
    return fairness.digest(seed, f"item:{code}:{item}").hex() if seed and item else ""


def canonical(value: Any) -> str:
    """JSON in its one form: keys sorted, no spaces, no escapes but the needed ones."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _fields(part: Any) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.__dataclass_fields__}
