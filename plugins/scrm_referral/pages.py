"""The customer's page of a campaign, ``/p/<brand>/referral/c/<code>``: accept an invitation, sign up, see progress.

The words are neutral: nothing is promised for sharing, and no count of shares is kept.
"""

from __future__ import annotations

from typing import Any

import flask

from scrm_core.api import (
    Forbidden,
    NotFound,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    current_brand,
    device,
    need_consumer,
    network,
    surfaces,
)

from . import campaigns as rows
from .campaigns import Campaign
from .paths import MECHANICS
from .schemas import NAME
from .service import Referrals, referrals_of

pages = flask.Blueprint("referral_pages", __name__, template_folder="templates")

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "accept": "接受好友的邀请", "accepted": "已接受邀请", "join": "报名", "waiting": "候补第 {n} 位",
        "mine": "我的码", "staff": "接待专员", "qualified": "合格好友", "friends": "好友进度", "rungs": "奖励",
        "surface": "此活动不可作为微信内的外部链接打开", "left": "已退出活动",
        "locked": "进行中", "held": "审核中", "void": "不计入", "open": "未达到", "due": "待核准", "approved": "观察期",
        "granted": "已发放", "refused": "未通过", "lost": "已发放", "added": "已加好友", "joined_group": "已入群",
        "not_new": "邀请仅限新客", "self": "不能邀请自己",
        "circle": "对方由您邀请而来", "invited_already": "已接受其他好友的邀请",
        "not_open": "活动未开放", "qualified_state": "已计入",
        "pack": "已领礼包", "member": "已入会", "first_order": "已首单", "target": "目标人群",
    },
    "en": {
        "accept": "Accept your friend's invitation", "accepted": "Invitation accepted", "join": "Sign up",
        "waiting": "Number {n} on the wait-list", "mine": "My code", "staff": "Who looks after you",
        "qualified": "Friends who count", "friends": "Friends", "rungs": "Rewards", "left": "You left this campaign",
        "surface": "This campaign may not be opened as a link inside WeChat",
        "locked": "under way", "held": "being checked", "void": "does not count", "open": "not reached",
        "due": "being checked", "approved": "observed", "granted": "granted", "refused": "refused", "lost": "granted",
        "not_new": "invitations are for new customers", "self": "this is your own code",
        "circle": "you invited this friend", "invited_already": "another friend invited you first",
        "not_open": "the campaign is not open", "qualified_state": "counts",
        "added": "added", "joined_group": "in the group", "pack": "pack claimed", "member": "member",
        "first_order": "first order", "target": "target person",
    },
}  # fmt: skip

consumer_refusals(
    pages,
    {code: {lang: words[code] for lang, words in WORDS.items()} for code in ("surface", "not_open", "left")},
)


def _here(code: str) -> tuple[Referrals, Campaign]:
    consumer()  # whatever is refused from here on is told on a page, in the customer's language
    here = referrals_of(current_brand())
    campaign = here.campaigns.get(code)
    if campaign.state == "draft":
        raise NotFound(f"no campaign {code!r}")
    made, agent = campaign.definition, flask.request.headers.get("User-Agent", "")
    refused = surfaces.link_refusal(MECHANICS[made.template], made.surface, agent)
    if refused:
        raise Forbidden(refused, code="surface")
    return here, campaign


def _place(code: str) -> str:
    return f"/p/{current_brand().id}/{NAME}/c/{code}"


@pages.get("/c/<code>")
def show(code: str) -> Any:
    """The campaign for a visitor or the signed-in person."""
    here, campaign = _here(code)
    person = consumer()
    by = rows.by_code(flask.request.args.get("by", ""))
    invitation = by if by is not None and by.campaign_id == campaign.id else None
    progress = here.progress(code, person.contact_id) if person is not None else None
    mine = person is not None and invitation is not None and invitation.contact_id == person.contact_id
    return consumer_page(
        "referral_campaign.html", t=WORDS[consumer_language()], campaign=campaign.definition, code=code,
        progress=progress, by="" if invitation is None or mine else invitation.code,
        said=flask.request.args.get("said", ""),
    )  # fmt: skip


@pages.post("/c/<code>/accept")
def accept(code: str) -> Any:
    """Say by whose code one came; this locks the relation."""
    here, campaign = _here(code)
    person = need_consumer()
    _seen(here, campaign, person.contact_id)
    by = rows.by_code(flask.request.form.get("by", ""))
    if by is None or by.campaign_id != campaign.id:
        raise NotFound("this invitation does not exist")
    found = here.counting.touch(by.code or "", person.contact_id, "opened")
    return consumer_answer(found, f"{_place(code)}?said={found['reason'] or found['state']}")


@pages.post("/c/<code>/join")
def join(code: str) -> Any:
    """Sign up."""
    here, campaign = _here(code)
    person = need_consumer()
    _seen(here, campaign, person.contact_id)
    found = here.campaigns.sign_up(code, person.contact_id)
    return consumer_answer({"state": found.state, "link": here.campaigns.link(found)}, _place(code))


def _seen(here: Referrals, campaign: Campaign, contact_id: int) -> None:
    for kind, value in (("device", device()), ("network", network())):
        if value:
            here.add_trait(campaign.code, contact_id, kind, value)
