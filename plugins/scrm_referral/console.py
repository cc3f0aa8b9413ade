"""Referral in the console: the audit queue, campaigns, and how they fare; each act is the service's own function."""

from __future__ import annotations

from typing import ClassVar

from scrm_core.api import (
    Column,
    Conflict,
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
    typed_money,
)

from . import inviters as rows
from . import relations
from .campaigns import Campaign, Campaigns
from .console_forms import Forms
from .console_words import STATES, WORDS
from .figures import figures
from .ladder import costs
from .rungs import STATES as RUNG_STATES
from .service import Referrals, referrals_of

READ = "referral:read"
WRITE = "referral:write"
REVIEW = "referral:review"
ROWS = 20
"""So many rewards or invitees stand on a page: each is looked at, one after the other."""
PEOPLE = 50
_LISTED = ("held", "qualified", "locked", "void")


class Pages(Forms):
    """What referral shows in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "audit": ConsolePart(
            "show_rewards", {"en": "Referral: audit", "zh": "老带新审核"}, READ,
            acts={"approve": ConsoleAct("approve", REVIEW), "refuse": ConsoleAct("refuse", REVIEW)},
        ),
        "reward": ConsolePart(
            "show_reward", {"en": "Referral: a reward", "zh": "老带新奖励"}, READ,
            acts={"approve": ConsoleAct("approve", REVIEW), "refuse": ConsoleAct("refuse", REVIEW)}, menu=False,
        ),
        "invitees": ConsolePart(
            "show_invitees", {"en": "Referral: invitees", "zh": "老带新好友"}, READ,
            acts={"approve": ConsoleAct("approve_invitees", REVIEW), "refuse": ConsoleAct("refuse_invitees", REVIEW)},
            menu=False,
        ),
        "campaigns": ConsolePart("show_campaigns", {"en": "Referral: campaigns", "zh": "老带新活动"}, READ),
        "campaign": ConsolePart(
            "show_campaign", {"en": "Referral: a campaign", "zh": "老带新活动详情"}, READ,
            acts={
                "publish": ConsoleAct("open_up", WRITE), "close": ConsoleAct("shut", WRITE),
                "enlarge": ConsoleAct("enlarge", WRITE), "fund": ConsoleAct("fund", WRITE),
                "restock": ConsoleAct("restock", WRITE),
            },
            menu=False,
        ),
        "new": ConsolePart(
            "show_new", {"en": "Referral: a new campaign", "zh": "新建老带新活动"}, WRITE,
            acts={
                "preview": ConsoleAct("preview_new", WRITE), "row": ConsoleAct("another_rung", WRITE),
                "create": ConsoleAct("create_campaign", WRITE),
            },
            menu=False,
        ),
        "change": ConsolePart(
            "show_change", {"en": "Referral: change a draft", "zh": "修改老带新草稿"}, WRITE,
            acts={
                "preview": ConsoleAct("preview_change", WRITE), "row": ConsoleAct("another_rung", WRITE),
                "change": ConsoleAct("change_campaign", WRITE),
            },
            menu=False,
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "waiting": ConsolePart("show_waiting", {"en": "Referral: to do", "zh": "老带新待处理"}, "reports:read"),
    }

    # The audit queue ------------------------------------------------------------------

    def show_rewards(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Rewards that wait for staff, or of one state: who has spoken, how many must, and the highest score."""
        here = _here()
        state, after = query.asked("state"), query.position("after")
        shown, older = cut_page(here.rungs.queue(state=state, after=after, limit=ROWS + 1), ROWS)
        told, inviters = here.rungs.told(shown), rows.by_ids(due.inviter_id for due in shown)
        campaigns = here.campaigns.by_ids(due.campaign_id for due in shown)
        held = relations.waiting()
        context = {
            "rewards": [
                {
                    "due": due,
                    "campaign": campaigns[due.campaign_id],
                    "inviter": inviters[due.inviter_id],
                    "said": told[due.id][0],
                    "score": told[due.id][1],
                    "needed": campaigns[due.campaign_id].definition.needed(due.value_minor),
                    "mine": _spoken(told[due.id][0]),
                }
                for due in shown
            ],
            "names": here.brand.contacts.names(each.contact_id for each in inviters.values()),
            "state": state,
            "states": RUNG_STATES,
            "held": sum(held.values()),
            "after": after,
            "older": older,
        }
        return ConsoleTemplate("console_audit.html", context, WORDS)

    def show_reward(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One reward with the invitees behind it, the proof of each gate and every signal."""
        here = _here()
        due = here.rungs.get(query.asked("uid"))
        inviter, behind = rows.by_id(due.inviter_id), here.rungs.behind(due)
        said = here.rungs.reviews(due)
        campaign = here.campaigns.by_id(due.campaign_id)
        context = {
            "due": due,
            "campaign": campaign,
            "inviter": inviter,
            "said": said,
            "needed": campaign.definition.needed(due.value_minor),
            "mine": _spoken(said),
            "invitees": behind,
            "steps": relations.steps_of([each.id for each in behind]),
            "names": here.brand.contacts.names([inviter.contact_id, *(each.contact_id for each in behind)]),
        }
        return ConsoleTemplate("console_reward.html", context, WORDS)

    def approve(self, query: ConsoleQuery) -> ConsoleDone:
        """Approve the rewards that were ticked."""
        return _review_rewards(query, "approve")

    def refuse(self, query: ConsoleQuery) -> ConsoleDone:
        """Refuse the rewards that were ticked."""
        return _review_rewards(query, "refuse")

    def show_invitees(self, query: ConsoleQuery) -> ConsoleTemplate:
        """A campaign's invitees of a state, those held first of all, with gates, evidence, signals and score."""
        here = _here()
        held = relations.waiting()
        code, state = query.asked("campaign"), query.args.get("state", "held")
        inviter, after = query.asked("inviter"), query.position("after")
        listed = here.campaigns.page(limit=PEOPLE)
        # Also older ones that somebody waits for: nothing else leads to them.
        known = {each.id for each in listed}
        waited = sorted(each for each, count in held.items() if count and each not in known)[:PEOPLE]
        listed = [*listed, *here.campaigns.by_ids(waited).values()]
        campaign = here.campaigns.get(code) if code else next((each for each in listed if held.get(each.id)), None)
        campaign = campaign or (listed[0] if listed else None)
        found: list[relations.Relation] = []
        if campaign is not None:
            person = here.brand.contacts.get(inviter).id if inviter else None
            found = relations.page(campaign.id, state=state, inviter=person, after=after, limit=ROWS + 1)
        shown, older = cut_page(found, ROWS)
        inviters = rows.by_ids(each.inviter_id for each in shown)
        people = [*(each.contact_id for each in shown), *(each.contact_id for each in inviters.values())]
        ids = [each.id for each in shown]
        context = {
            "campaign": campaign,
            "campaigns": listed,
            "held": held,
            "invitees": shown,
            "inviters": inviters,
            "steps": relations.steps_of(ids),
            "said": relations.reviews_of(ids),
            "names": here.brand.contacts.names(people),
            "state": state,
            "states": _LISTED,
            "inviter": inviter,
            "after": after,
            "older": older,
        }
        return ConsoleTemplate("console_invitees.html", context, WORDS)

    def approve_invitees(self, query: ConsoleQuery) -> ConsoleDone:
        """Let the held invitees count that were ticked."""
        return _review_invitees(query, "approve")

    def refuse_invitees(self, query: ConsoleQuery) -> ConsoleDone:
        """Refuse the invitees that were ticked."""
        return _review_invitees(query, "refuse")

    # Campaigns ------------------------------------------------------------------------

    def show_campaigns(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Campaigns, newest first, with places, money and what waits."""
        before = query.position("before")
        shown, older = cut_page(_here().campaigns.page(before=before, limit=ROWS + 1), ROWS)
        context = {"campaigns": shown, "held": relations.waiting(), "before": before, "older": older}
        return ConsoleTemplate("console_campaigns.html", context, WORDS)

    def show_campaign(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One campaign: places, ladder, stock, figures, and who signed up."""
        here = _here()
        campaign = here.campaigns.get(query.asked("code"))
        after = query.position("after")
        shown, older = cut_page(here.campaigns.inviters(campaign.code, after=after, limit=PEOPLE + 1), PEOPLE)
        made = campaign.definition
        context = {
            "campaign": campaign,
            "ladder": [(rung, cost) for rung, cost in zip(made.ladder, costs(made.ladder, made.mode), strict=True)],
            "stock": here.campaigns.stocks(campaign),
            "figures": figures(here.brand, campaign),
            "held": relations.waiting().get(campaign.id, 0),
            "inviters": shown,
            "names": here.brand.contacts.names(each.contact_id for each in shown),
            "after": after,
            "older": older,
            "major": typed_money,
            "version": version(campaign),
        }
        return ConsoleTemplate("console_campaign.html", context, WORDS)

    def open_up(self, query: ConsoleQuery) -> ConsoleDone:
        """Publish a draft."""
        campaign = _unchanged(query)
        _here().campaigns.publish(campaign.code, actor=current_actor(), confirm="confirm" in query.form)
        return _done(campaign.code, "published")

    def shut(self, query: ConsoleQuery) -> ConsoleDone:
        """Take no more sign-ups and invitees."""
        campaign = _unchanged(query)
        _here().campaigns.close(campaign.code, actor=current_actor())
        return _done(campaign.code, "closed")

    def enlarge(self, query: ConsoleQuery) -> ConsoleDone:
        """Add places."""
        campaign = _unchanged(query)
        places = _raised("quota", query.whole("quota"), campaign.quota)
        _here().campaigns.enlarge(campaign.code, places, actor=current_actor())
        return _done(campaign.code, "enlarged")

    def fund(self, query: ConsoleQuery) -> ConsoleDone:
        """Raise the budget, which is typed in major units."""
        campaign = _unchanged(query)
        budget = _raised("budget", query.money("budget"), campaign.budget_minor)
        _here().campaigns.fund(campaign.code, budget, actor=current_actor())
        return _done(campaign.code, "funded")

    def restock(self, query: ConsoleQuery) -> ConsoleDone:
        """Raise the stock of a rung."""
        campaign, invites = _unchanged(query), query.whole("invites")
        there = _here().campaigns.stocks(campaign).get(invites, (None, 0))[0]
        stock = _raised("stock", query.whole("stock"), there)
        _here().campaigns.restock(campaign.code, invites, stock, actor=current_actor())
        return _done(campaign.code, "restocked")

    # The card -------------------------------------------------------------------------

    def show_waiting(self) -> ReportTable:
        """What waits for staff, and how many campaigns run; nothing of a single person."""
        here = _here()
        columns = (
            Column("rewards", "Rewards to approve 待核准奖励", "count"),
            Column("held", "Invitees held 待审好友", "count"),
            Column("running", "Campaigns that run 进行中活动", "count"),
        )
        figures = {
            "rewards": here.rungs.waiting(),
            "held": sum(relations.waiting().values()),
            "running": here.campaigns.count_running(),
        }
        return ReportTable(columns, [figures])


def _here() -> Referrals:
    return referrals_of(current_brand())


def _raised(field: str, typed: int, there: int | None) -> int:
    """What was typed, unless there is just as much already: the page would say that there is more."""
    if typed == there:
        raise Invalid(f"{field}: it is only raised, and this is what there is already 与当前数值相同", field=field)
    return typed


def _spoken(said: list[dict[str, object]]) -> bool:
    """Whether the user is among those who have spoken: another person is needed."""
    return any(folded(str(each["actor"])) == folded(current_actor()) for each in said)


def _seen(query: ConsoleQuery, uid: str, state: str) -> None:
    """Tell the second of two people: what they looked at is not what there is now."""
    if query.form.get(f"seen.{uid}") != state:
        words = STATES[state][query.language == "zh"]
        raise Conflict(f"{uid}: somebody dealt with it since you opened the page 已有人处理: {words}", code="changed")


def _review_rewards(query: ConsoleQuery, verdict: str) -> ConsoleDone:
    here, uids = _here(), query.ticked("uid", ROWS)
    for campaign_id in sorted({here.rungs.get(uid).campaign_id for uid in uids}):
        rows.hold(campaign_id)
    for uid in uids:
        _seen(query, uid, here.rungs.get(uid).state)
        here.rungs.review(uid, verdict, reason=query.text("reason"), actor=current_actor())
    return ConsoleDone(args=_back(query, ("uid", "state"), f"{verdict}d", len(uids)))


def _review_invitees(query: ConsoleQuery, verdict: str) -> ConsoleDone:
    here, uids = _here(), query.ticked("uid", ROWS)
    for campaign_id in sorted({here.counting.get(uid).campaign_id for uid in uids}):
        rows.hold(campaign_id)
    for uid in uids:
        _seen(query, uid, here.counting.get(uid).state)
        here.counting.review(uid, verdict, reason=query.text("reason"), actor=current_actor())
    return ConsoleDone(args=_back(query, ("campaign", "state", "inviter"), f"{verdict}d", len(uids)))


def _back(query: ConsoleQuery, kept: tuple[str, ...], done: str, count: int) -> dict[str, str]:
    return {**{name: query.args[name] for name in kept if query.args.get(name)}, "done": done, "count": str(count)}


def _unchanged(query: ConsoleQuery) -> Campaign:
    """The campaign of a form, held, as whoever sent the form saw it; raises Conflict when somebody changed it since."""
    campaign = _here().campaigns.held(query.asked("code"))
    query.expect(version(campaign), "somebody changed the campaign since you opened the page 已有人修改了这个活动")
    return campaign


def version(campaign: Campaign) -> str:
    """What two people may change of a campaign, as text: a form carries it."""
    stock = ",".join(f"{invites}:{there[0]}" for invites, there in sorted(Campaigns.stocks(campaign).items()))
    return f"{campaign.state}|{campaign.quota}|{campaign.budget_minor}|{stock}"


def _done(code: str, what: str) -> ConsoleDone:
    return ConsoleDone("campaign", {"code": code, "done": what})
