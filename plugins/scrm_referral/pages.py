"""The customer's page of a campaign, ``/p/<brand>/referral/c/<code>``: accept an invitation, sign up, see
rules and progress.

The words are neutral: nothing is promised for sharing, and no count of shares is kept.
"""

from __future__ import annotations

import contextlib
from typing import Any

import flask

from scrm_core.api import (
    Forbidden,
    Invalid,
    NotFound,
    code_picture,
    consumer,
    consumer_answer,
    consumer_language,
    consumer_page,
    consumer_refusals,
    current_brand,
    device,
    iso,
    need_consumer,
    network,
    show_minor,
    surfaces,
)

from . import inviters as rows
from .campaigns import Campaign
from .ladder import Rung
from .paths import MECHANICS
from .poster import poster_of
from .schemas import NAME
from .service import Referrals, referrals_of

pages = flask.Blueprint("referral_pages", __name__, template_folder="templates")

WORDS: dict[str, dict[str, str]] = {
    "zh": {
        "accept": "接受好友的邀请", "accepted": "已接受邀请", "join": "报名", "waiting": "候补第 {n} 位",
        "mine": "我的链接", "code": "我的邀请码",
        "staff": "接待专员", "qualified": "合格好友", "friends": "好友进度", "rungs": "奖励",
        "surface": "此活动不可作为微信内的外部链接打开，请用浏览器打开或扫印制的码", "left": "已退出活动",
        "locked": "进行中", "held": "审核中", "void": "不计入", "open": "未达到", "due": "待核准", "approved": "观察期",
        "granted": "已发放", "refused": "未通过", "lost": "已发放", "added": "已加好友", "joined_group": "已入群",
        "not_new": "邀请仅限新客", "self": "不能邀请自己",
        "circle": "对方由您邀请而来", "invited_already": "已接受其他好友的邀请",
        "not_open": "活动未开放", "qualified_state": "已计入",
        "pack": "已领礼包", "member": "已入会", "first_order": "已首单", "target": "目标人群",
        "rules": "活动规则", "rung": "{n} 位合格好友：{what}",
        "worth": "价值 {} 的奖励", "reward": "奖励", "counts": "好友这样才算合格",
        "first": "奖励总值有限，先到先得",
        "highest": "只发放达到的最高一档", "audit": "奖励经人工核准后发放", "until": "截止 {at}", "from": "开始 {at}",
        "places": "剩余名额 {n}", "full": "名额已满，报名后按先后候补", "soon": "活动将于 {at} 开始",
        "over": "活动已于 {at} 结束", "next": "接下来请完成", "unnamed": "好友 {n}", "qr": "我的二维码",
        "poster": "我的海报", "my_campaigns": "我的邀请活动", "none": "还没有参加活动",
        "do_added": "添加品牌为好友", "do_joined_group": "加入群聊", "do_pack": "领取新人礼包", "do_member": "加入会员",
        "do_first_order": "完成首单", "do_target": "属于活动的目标人群", "least": "满 {amount}",
    },
    "en": {
        "accept": "Accept your friend's invitation", "accepted": "Invitation accepted", "join": "Sign up",
        "waiting": "Number {n} on the wait-list", "mine": "My link", "code": "My code", "staff": "Who looks after you",
        "qualified": "Friends who count", "friends": "Friends", "rungs": "Rewards", "left": "You left this campaign",
        "surface": "This campaign may not be opened as a link inside WeChat: use a browser or the printed code",
        "locked": "under way", "held": "being checked", "void": "does not count", "open": "not reached",
        "due": "being checked", "approved": "observed", "granted": "granted", "refused": "refused", "lost": "granted",
        "not_new": "invitations are for new customers", "self": "this is your own code",
        "circle": "you invited this friend", "invited_already": "another friend invited you first",
        "not_open": "the campaign is not open", "qualified_state": "counts",
        "added": "added", "joined_group": "in the group", "pack": "pack claimed", "member": "member",
        "first_order": "first order", "target": "target person",
        "rules": "Rules", "rung": "{n} friends who count: {what}", "reward": "a reward",
        "worth": "a reward worth {}", "counts": "A friend counts after these steps",
        "first": "Rewards are limited: first come, first served", "highest": "Only the highest rung reached is given",
        "audit": "Rewards are given after somebody looked", "until": "Until {at}", "from": "From {at}",
        "places": "Places left: {n}", "full": "All places are taken; who signs up waits in order",
        "soon": "The campaign opens at {at}", "over": "The campaign ended at {at}", "next": "What to do next",
        "unnamed": "Friend {n}", "qr": "My QR code",
        "poster": "My poster", "my_campaigns": "My invitations", "none": "You take part in no campaign yet",
        "do_added": "Add the brand as a friend", "do_joined_group": "Join the chat group",
        "do_pack": "Claim the newcomer pack", "do_member": "Become a member", "do_first_order": "Place a first order",
        "do_target": "Be one of the people the campaign is for", "least": "of at least {amount}",
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


def _phase(campaign: Campaign, now: int) -> str:
    """``open``, ``soon`` or ``over``."""
    if campaign.runs(now):
        return "open"
    return "soon" if now < campaign.began_at() and campaign.state == "open" else "over"


def _rules(here: Referrals, campaign: Campaign) -> dict[str, Any]:
    """What a customer is told beforehand: when, how many places, what a friend does, what is given for how many."""
    made, brand, t = campaign.definition, here.brand, WORDS[consumer_language()]

    def clock(instant: int) -> str:
        return (iso(instant, brand.zone) or "")[:16].replace("T", " ")

    ends = made.ends_at if campaign.closed_at is None else min(made.ends_at, campaign.closed_at)
    steps = []
    for gate in made.gates:
        least = t["least"].format(amount=show_minor(gate.min_minor, brand.currency)) if gate.min_minor > 1 else ""
        steps.append(f"{t[f'do_{gate.name}']} {least}".strip())
    return {
        "starts": clock(campaign.began_at()),
        "ends": clock(ends),
        "places": None if campaign.quota is None else max(campaign.quota - campaign.accepted, 0),
        "steps": steps,
        "ladder": [(rung.invites, _reward(here, rung, counted=True)) for rung in made.ladder],
        "limited": made.budget_minor is not None or any(rung.stock is not None for rung in made.ladder),
        "highest": made.mode == "highest",
    }


def _reward(here: Referrals, rung: Rung, *, counted: bool = False) -> str:
    """A rung's reward as a customer understands it: its title, else what it is worth, never the issuer's code of it."""
    t = WORDS[consumer_language()]
    if not rung.title:
        worth = show_minor(rung.value_minor, here.brand.currency)
        return t["worth"].format(worth) if rung.value_minor else t["reward"]
    return f"{rung.title} × {rung.quantity}" if counted and rung.quantity > 1 else rung.title


def _picture(link: str) -> str:
    # Without the library that draws it the page has everything else.
    with contextlib.suppress(Invalid):
        return code_picture(link, extra=NAME) if link else ""
    return ""


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
    rewards = {rung.invites: _reward(here, rung) for rung in campaign.definition.ladder}
    mine = person is not None and invitation is not None and invitation.contact_id == person.contact_id
    return consumer_page(
        "referral_campaign.html", t=WORDS[consumer_language()], campaign=campaign.definition, code=code,
        progress=progress, by="" if invitation is None or mine or invitation.state != "accepted" else invitation.code,
        said=flask.request.args.get("said", ""), phase=_phase(campaign, here.brand.now()),
        rules=_rules(here, campaign), rewards=rewards, qr=_picture(progress["link"] if progress else ""),
    )  # fmt: skip


@pages.get("/mine")
def mine() -> Any:
    """The campaigns that the signed-in person signed up for."""
    person, here = need_consumer(), referrals_of(current_brand())
    found = [each for each in here.campaigns.published() if rows.of_person(each.id, person.contact_id)]
    return consumer_page("referral_mine.html", t=WORDS[consumer_language()], campaigns=found)


@pages.get("/c/<code>/poster")
def poster(code: str) -> Any:
    """The signed-in person's own poster as PNG."""
    here, campaign = _here(code)
    picture = poster_of(here, campaign, here.accepted(code, need_consumer().contact_id))
    return flask.Response(picture, mimetype="image/png", headers={"Cache-Control": "no-store"})


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
