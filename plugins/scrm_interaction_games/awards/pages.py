"""The claim page of a welfare campaign (领福利), below ``/p/<brand>/interaction-games/w/<code>``.

Importing this module adds its pages to the plugin's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flask

from scrm_core.api import (
    NotFound,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    contended,
    current_brand,
    from_instant,
    need_consumer,
)

from ..pages.routes import pages, root, say_refusals
from .service import Awards

if TYPE_CHECKING:
    from .welfare import WelfareView

REFUSALS = {
    "not_claimable": {
        "zh": "这份福利由品牌直接发放，无需领取",
        "en": "This gift is given out; there is nothing to claim",
    },
    "not_in_audience": {"zh": "这份福利仅限部分会员", "en": "This gift is for other customers"},
    "welfare_closed": {"zh": "福利已经领完或活动已停止", "en": "The gifts are gone, or this has stopped"},
    "not_now": {"zh": "现在不在活动时间内", "en": "This is not on now"},
}
WORDS = {
    "zh": {
        "claim": "立即领取", "got": "你已领取这份福利", "join": "加入后即可领取", "when": "{} 至 {}",
        "draft": "活动还没有开始", "open": "进行中", "stopped": "福利已经领完或活动已停止", "ended": "活动已经结束",
        "early": "活动还没有开始", "late": "活动已经结束",
    },
    "en": {
        "claim": "Claim", "got": "You have got this gift", "join": "Join to claim", "when": "{} to {}",
        "draft": "This has not begun yet", "open": "On now", "stopped": "The gifts are gone, or this has stopped",
        "ended": "This has ended", "early": "This has not begun yet", "late": "This has ended",
    },
}  # fmt: skip

say_refusals(REFUSALS)


def _claimable(code: str) -> tuple[Awards, WelfareView]:
    """The campaign that people claim; a draft, and one that is given out, do not exist for them."""
    here = Awards.of(current_brand())
    found = here.welfare.get(code)
    if found.state == "draft" or not found.claim:
        raise NotFound("there is nothing at this address")
    return here, found


def _phase(found: WelfareView, now: int) -> str:
    if found.state != "open":
        return found.state
    return "early" if now < found.starts_at else "late" if now >= found.ends_at else "open"


def _local(instant: int) -> str:
    return f"{from_instant(instant, current_brand().zone):%Y-%m-%d %H:%M}"


@pages.get("/w/<code>")
def welfare_page(code: str) -> Any:
    """A welfare campaign as it stands before somebody."""
    here, found = _claimable(code)
    person = consumer()
    gift = None if person is None else here.welfare.gift_of(code, person.contact_id)
    words = WORDS[consumer_language()]
    return consumer_page(
        "games_welfare.html",
        welfare=found,
        t=words,
        phase=_phase(found, here.brand.now()),
        when=words["when"].format(_local(found.starts_at), _local(found.ends_at)),
        gift=gift,
        address=f"{root()}/w/{code}/claim",
    )


@pages.post("/w/<code>/claim")
@contended
def claim_welfare_page(code: str) -> flask.Response:
    """Claim the gift; the same person again gets the same answer."""
    person = need_consumer()
    here, found = _claimable(code)
    gift = here.welfare.claim(found.code, person.contact_id)
    return consumer_answer({"outcome": gift.outcome}, f"{root()}/w/{code}")
