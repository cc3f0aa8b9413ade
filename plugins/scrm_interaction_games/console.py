"""Games in the console: campaigns with odds, stock and pacing, held prizes, winners; each act is the service's own."""

from __future__ import annotations

from operator import itemgetter
from typing import ClassVar

from scrm_core.api import (
    Column,
    ConsoleAct,
    ConsoleDone,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    Invalid,
    ReportTable,
    current_actor,
    current_brand,
    cut_page,
    folded,
)

from .console_forms import Forms
from .engine import checking, winners
from .engine.definition import CampaignView
from .engine.registry import games
from .engine.standing import standing
from .schemas import NAME
from .service import Games, games_of

READ, WRITE = f"{NAME}:read", f"{NAME}:write"
PUBLISH, REVIEW = f"{NAME}:publish", f"{NAME}:review"
ROWS = 30
HELD = 20
STATES = {
    "draft": ("draft", "草稿"),
    "waiting": ("not begun", "未开始"),
    "running": ("running", "进行中"),
    "paused": ("paused", "已暂停"),
    "over": ("over", "已结束"),
    "revealed": ("over, seed published", "已结束并公布种子"),
    "held": ("under review", "审核中"),
    "won": ("to be delivered", "待发放"),
    "granted": ("delivered", "已发放"),
    "failed": ("delivery failed", "发放失败"),
    "void": ("taken back", "已取消"),
    "created": ("created", "已创建"),
    "changed": ("changed", "已修改"),
    "published": ("published", "已发布"),
    "resumed": ("resumed", "已恢复"),
    "ended": ("ended", "已结束"),
    "lengthened": ("lengthened", "已延期"),
    "stock added": ("stock added", "已增加库存"),
    "budget added": ("budget added", "已增加预算"),
}


class Pages(Forms):
    """What games show in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "campaigns": ConsolePart("show_campaigns", {"en": "Games: campaigns", "zh": "互动游戏活动"}, READ),
        "campaign": ConsolePart(
            "show_campaign", {"en": "Games: a campaign", "zh": "互动游戏活动详情"}, READ,
            acts={
                "publish": ConsoleAct("open_up", PUBLISH), "pause": ConsoleAct("pause_it", PUBLISH),
                "resume": ConsoleAct("resume_it", PUBLISH), "stop": ConsoleAct("stop_it", PUBLISH),
                "stock": ConsoleAct("add_stock", PUBLISH), "budget": ConsoleAct("add_budget", PUBLISH),
            },
            menu=False,
        ),
        "new": ConsolePart(
            "show_new", {"en": "Games: a new campaign", "zh": "新建互动游戏活动"}, WRITE,
            acts={
                "preview": ConsoleAct("preview_new", WRITE), "row": ConsoleAct("another_row", WRITE),
                "create": ConsoleAct("create_campaign", WRITE),
            },
            menu=False,
        ),
        "change": ConsolePart(
            "show_change", {"en": "Games: change a draft", "zh": "修改互动游戏草稿"}, WRITE,
            acts={
                "preview": ConsoleAct("preview_change", WRITE), "row": ConsoleAct("another_row", WRITE),
                "change": ConsoleAct("change_campaign", WRITE),
            },
            menu=False,
        ),
        "held": ConsolePart(
            "show_held", {"en": "Games: held prizes", "zh": "互动游戏待审奖品"}, REVIEW,
            acts={"approve": ConsoleAct("approve_held", REVIEW), "reject": ConsoleAct("reject_held", REVIEW)},
        ),
        "winners": ConsolePart(
            "show_winners", {"en": "Games: winners", "zh": "互动游戏中奖名单"}, READ,
            acts={"again": ConsoleAct("deliver_again", WRITE), "void": ConsoleAct("void_prize", REVIEW)}, menu=False,
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "games": ConsolePart("show_totals", {"en": "Games", "zh": "互动游戏"}, "reports:read"),
    }

    # Campaigns ------------------------------------------------------------------------

    def show_campaigns(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Campaigns, newest first, with what is left of the budget."""
        here, before = _here(), query.position("before")
        shown, older = cut_page(here.campaigns.page(before=before, limit=ROWS + 1), ROWS)
        context = {"campaigns": shown, "now": here.brand.now(), "before": before, "older": older}
        return ConsoleTemplate("console_campaigns.html", context, _words(here))

    def show_campaign(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One campaign: its odds as published, stock and pacing, budget, and what was done to it."""
        here = _here()
        campaign = here.campaigns.get(query.asked("code"))
        told = checking.cost(campaign)
        context = {
            "campaign": campaign,
            "phase": campaign.phase(here.brand.now()),
            "prizes": standing(here, campaign),
            "rates": told["rates"],
            "told": told,
            "log": list(here.campaigns.log(campaign.id))[-50:],
            "version": version(campaign),
        }
        return ConsoleTemplate("console_campaign.html", context, _words(here))

    def open_up(self, query: ConsoleQuery) -> ConsoleDone:
        """Publish a draft."""
        campaign = _unchanged(query)
        _here().publish(campaign.code, current_actor(), confirm="confirm" in query.form)
        return _done(campaign, "published")

    def pause_it(self, query: ConsoleQuery) -> ConsoleDone:
        """Stop a campaign for a while."""
        campaign = _unchanged(query)
        _here().pause(campaign.code, actor=current_actor(), reason=query.reason())
        return _done(campaign, "paused")

    def resume_it(self, query: ConsoleQuery) -> ConsoleDone:
        """Let a paused campaign go on."""
        campaign = _unchanged(query)
        _here().resume(campaign.code, actor=current_actor())
        return _done(campaign, "resumed")

    def stop_it(self, query: ConsoleQuery) -> ConsoleDone:
        """End a campaign now."""
        campaign = _unchanged(query)
        _here().end(campaign.code, actor=current_actor(), reason=query.reason())
        return _done(campaign, "stopped")

    def add_stock(self, query: ConsoleQuery) -> ConsoleDone:
        """Add to the stock of a prize."""
        campaign = _unchanged(query)
        prize, more = query.chosen("prize"), query.whole("more")
        _here().campaigns.add_stock(campaign.code, prize, more, actor=current_actor())
        return _done(campaign, "stocked")

    def add_budget(self, query: ConsoleQuery) -> ConsoleDone:
        """Add to the budget, which is typed in major units."""
        campaign = _unchanged(query)
        _here().campaigns.add_budget(campaign.code, query.money("budget"), actor=current_actor())
        return _done(campaign, "funded")

    # Held prizes ----------------------------------------------------------------------

    def show_held(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Prizes that the signals held, oldest first, with what was seen and who has approved."""
        here, after = _here(), query.position("after")
        shown, older = cut_page(here.reviews.queue(after=after, limit=HELD + 1), HELD, key=itemgetter("id"))
        held = [
            {**each, "mine": any(folded(name) == folded(current_actor()) for name in each["approved_by"])}
            for each in shown
        ]
        return ConsoleTemplate("console_held.html", {"held": held, "after": after, "older": older}, STATES)

    def approve_held(self, query: ConsoleQuery) -> ConsoleDone:
        """Approve the prizes that were ticked."""
        uids = query.ticked("uid", HELD)
        for uid in uids:
            _here().reviews.approve(uid, actor=current_actor(), reason=query.text("reason"))
        return ConsoleDone(args={"done": "approved", "count": str(len(uids))})

    def reject_held(self, query: ConsoleQuery) -> ConsoleDone:
        """Reject the prizes that were ticked; their players are told the reason."""
        uids = query.ticked("uid", HELD)
        for uid in uids:
            _here().reviews.reject(uid, actor=current_actor(), reason=query.text("reason"))
        return ConsoleDone(args={"done": "rejected", "count": str(len(uids))})

    # Winners --------------------------------------------------------------------------

    def show_winners(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Winners of a campaign, newest first, masked, with the state of the delivery."""
        here, before = _here(), query.position("before")
        campaign = here.campaigns.get(query.asked("code"))
        shown, older = cut_page(winners.before(campaign, before, limit=ROWS + 1), ROWS, key=itemgetter("id"))
        context = {"campaign": campaign, "winners": shown, "before": before, "older": older}
        return ConsoleTemplate("console_winners.html", context, STATES)

    def deliver_again(self, query: ConsoleQuery) -> ConsoleDone:
        """Try to give a prize again whose delivery failed; it is never given twice."""
        state = _here().fulfilment.replay(_winner(query))
        return ConsoleDone(args={"code": query.asked("code"), "done": "again", "state": state})

    def void_prize(self, query: ConsoleQuery) -> ConsoleDone:
        """Take a prize back before it was given; its player is told the reason."""
        _here().fulfilment.void(_winner(query), reason=query.reason(), actor=current_actor())
        return ConsoleDone(args={"code": query.asked("code"), "done": "voided"})

    def show_totals(self) -> ReportTable:
        """Campaigns that run, and prizes that wait for a person."""
        here = _here()
        columns = (
            Column("held", "Prizes under review 待审奖品", "count"),
            Column("running", "Campaigns that run 进行中活动", "count"),
        )
        phases = [each.phase(here.brand.now()) for each in here.campaigns.page(limit=1_000)]
        return ReportTable(columns, [{"held": here.reviews.waiting(), "running": phases.count("running")}])


def _here() -> Games:
    return games_of(current_brand())


def version(campaign: CampaignView) -> str:
    """What two people may change of a campaign, as text: a form carries it."""
    return f"{campaign.state}|{campaign.version}"


def _unchanged(query: ConsoleQuery) -> CampaignView:
    """The campaign of a form, held, as whoever sent the form saw it; raises Conflict when somebody changed it since."""
    campaign = _here().campaigns.hold(query.asked("code"))
    query.expect(version(campaign), "somebody changed the campaign since you opened the page 已有人修改了这个活动")
    return campaign


def _words(here: Games) -> dict[str, tuple[str, str]]:
    """Words for states and acts, and what the games are called, also those of other plugins."""
    return STATES | {kind: (game.title["en"], game.title["zh"]) for kind, game in games(here.brand).items()}


def _winner(query: ConsoleQuery) -> str:
    uid = query.chosen("uid")
    if not uid:
        raise Invalid("uid: choose a winner 请选择中奖人", field="uid")
    return uid


def _done(campaign: CampaignView, what: str) -> ConsoleDone:
    return ConsoleDone(args={"code": campaign.code, "done": what})
