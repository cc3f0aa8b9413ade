"""What people do on the pages for customers: where, by which button, what is on record afterwards, what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mall import Mall

from scrm_coupon_threshold.carts.redeeming import redemptions


@dataclass
class Actor:
    """Somebody who is about to act: who, and what the act needs to know."""

    contact: int
    cookie: str
    place: str = ""
    about: Any = None


Ready = Callable[[Mall, Actor], str]
Recorded = Callable[[Mall, Actor], list[str]]
Shown = Callable[[Any, str], bool]


@dataclass(frozen=True)
class Act:
    """One act: ``ready`` prepares it and gives the page's path, ``recorded`` asks what is on record (the public door),
    ``shown`` whether a page that is opened at ``look`` (the same page, if empty) shows that.

    ``done`` is there as soon as the page knows; ``in_place`` tells that a script sends the form.
    """

    name: str
    button: str
    done: str
    ready: Ready
    recorded: Recorded
    shown: Shown
    look: str = ""
    fill: dict[str, str] = field(default_factory=dict)
    in_place: bool = True

    def __str__(self) -> str:
        return self.name


def _text(selector: str) -> Shown:
    return lambda page, record: record in page.locator(selector).first.inner_text()


def _there(selector: str) -> Shown:
    return lambda page, record: page.locator(selector.format(record)).count() > 0


def _page(path: str) -> Ready:
    return lambda mall, me: mall.path(path)


def _won(code: str) -> Recorded:
    return lambda mall, me: mall.prizes(me.cookie, code)


def _from_view(code: str, pick: Callable[[dict[str, Any]], Any]) -> Recorded:
    """What the game's own answer for a script holds, as a list of one where there is something."""

    def ask(mall: Mall, me: Actor) -> list[str]:
        found = pick(mall.view(me.cookie, code))
        return [str(found)] if found else []

    return ask


def _coupons(mall: Mall, me: Actor) -> list[str]:
    return [coupon.uid for coupon in mall.coupons(me.contact)]


def _friend(mall: Mall) -> Actor:
    return Actor(*mall.person("Li Lei"))


# Getting ready -------------------------------------------------------------------


def _with_water(mall: Mall, me: Actor) -> str:
    mall.act("nurture", "collect", me.contact, source="daily")
    return mall.game("nurture")


def _friends_bargain(mall: Mall, me: Actor) -> str:
    me.about = _friend(mall)
    uid = mall.act("bargain", "open", me.about.contact)["bargain"]
    return f"{mall.game('bargain')}?bargain={uid}"


def _own_bargain(mall: Mall, me: Actor) -> str:
    mall.act("bargain", "open", me.contact)
    return mall.game("bargain")


def _friends_team(mall: Mall, me: Actor) -> str:
    me.about = _friend(mall)
    seat = mall.act("team", "lead", me.about.contact)["ticket"]
    with mall.brand as brand:
        from scrm_interaction_games.games import purchases

        paid = {"source": "shop", "number": f"G-{seat}", "amount_minor": 3_990}
        team = purchases.pay(brand.plugins["interaction-games"].games, seat, **paid)["team"]
    return f"{mall.game('team')}?team={team}"


def _as_member(mall: Mall, me: Actor) -> str:
    mall.member(me.contact)
    return mall.game("gift")


def _invited(mall: Mall, me: Actor) -> str:
    me.about = _friend(mall)
    code = mall.act("friends", "start", me.about.contact)["code"]
    return f"{mall.game('friends')}?by={code}"


def _code_in_hand(mall: Mall, me: Actor) -> str:
    me.about = mall.code()
    return mall.path("coupon-threshold/mine")


def _coupon_at_the_counter(mall: Mall, me: Actor) -> str:
    me.about = mall.coupon(me.contact)
    return mall.path("coupon-threshold/clerk")


# What is on record ---------------------------------------------------------------


def _cuts(mall: Mall, me: Actor) -> list[str]:
    """The price after the cuts of friends, for each cut."""
    bargain = mall.view(me.about.cookie, "bargain")["bargain"]
    return [bargain["price"] for _ in bargain["helpers"]]


def _accepted(mall: Mall, me: Actor) -> list[str]:
    return ["accepted" for _ in mall.view(me.about.cookie, "friends")["invitees"]]


def _gifts(mall: Mall, me: Actor) -> list[str]:
    return ["7"] * mall.rewards(me.contact)


def _redeemed(mall: Mall, me: Actor) -> list[str]:
    with mall.brand:
        return [each.ticket for each in redemptions("r.coupon_id = ?", me.about.id)]


def _task(*steps: str) -> Ready:
    def ready(mall: Mall, me: Actor) -> str:
        me.about = mall.task(me.contact, *steps, text="A plain word, no link")
        return mall.path(f"koc/w/{me.about}")

    return ready


def _stepped(state: str) -> Recorded:
    return lambda mall, me: mall.steps(me.about, state)


ACTS = [
    Act(
        "claim", "form[action$='/claim'] button", ".notice.good", _page("coupon-threshold/b/SPRING"), _coupons,
        _there("a[href$='/c/{}']"),
    ),
    Act(
        "code", "form[action$='/mine/code'] button", ".notice.good", _code_in_hand, _coupons, _there("a[href$='/c/{}']"),
        fill={"code": "{about}"}, in_place=False,
    ),
    Act(
        "redeem", "form[action$='/redeem'] button", "h1.done", _coupon_at_the_counter, _redeemed,
        _there("[data-reason=used]"), fill={"amount": "350.00", "ticket": "T-1"}, in_place=False,
    ),
    Act(
        "wheel", ".wheel-go", "[data-result][open]", _page("interaction-games/g/wheel"), _won("wheel"),
        _text(".last-draw"),
    ),
    Act(
        "egg", "[data-egg='2'] .egg", "[data-result][open]", _page("interaction-games/g/egg"), _won("egg"),
        _text("[data-egg='2'] [data-word]"),
    ),
    Act("grab", ".rush-go", "#result.good", _page("interaction-games/g/grab"), _won("grab"), _text(".rush-prize")),
    Act(
        "check-in", ".checkin-go", "#result.good", _page("interaction-games/g/checkin"), _won("checkin"),
        _there(".checkin-go[disabled]"),
    ),
    Act(
        "water", ".source:has-text('Daily visit') button", "#result.good", _page("interaction-games/g/nurture"),
        _from_view("nurture", lambda view: view["water"] // 10), _there(".source.done"),
    ),
    Act(
        "pour", ".garden-go", "#result.good", _with_water, _from_view("nurture", lambda view: view["growth"]),
        _text("[data-into]"),
    ),
    Act(
        "bargain", "[data-open] button", "#result.good", _page("interaction-games/g/bargain"),
        _from_view("bargain", lambda view: view["own"]), _there("[data-bargain='{}']"),
    ),
    Act("cut", "[data-help] button", "#result.good", _friends_bargain, _cuts, _text("[data-price]")),
    Act(
        "order", "[data-buy] button", "[data-order]", _own_bargain,
        _from_view("bargain", lambda view: (view["bargain"]["order"] or {}).get("ticket")), _text("[data-order]"),
    ),
    Act(
        "lead", "[data-lead] button", "#result.good", _page("interaction-games/g/team"),
        _from_view("team", lambda view: (view["seat"] or {}).get("ticket")), _there("[data-ticket='{}']"),
    ),
    Act(
        "join-team", "[data-take-seat] button", "#result.good", _friends_team,
        _from_view("team", lambda view: (view["seat"] or {}).get("ticket")), _there("[data-ticket='{}']"),
    ),
    Act("join-gift", "[data-claim] button", "#result.good", _as_member, _won("gift"), _there("[data-state=received]")),
    Act(
        "invite", "[data-start] button", "#result.good", _page("interaction-games/g/friends"),
        _from_view("friends", lambda view: view["code"]), _text("[data-code]"),
    ),
    Act(
        "accept", "[data-accept] button", "#result.good", _invited, _accepted, _there("[data-invitation=accepted]"),
    ),
    Act(
        "welfare", "form[action$='/claim'] button", ".notice.good", _page("interaction-games/w/spring"), _gifts,
        _there(".notice.good"), in_place=False,
    ),
    Act(
        "koc-accept", "form[action$='/accept'] button", ".notice.good", _task(), _stepped("accepted"),
        _there("[data-state={}]"),
    ),
    Act(
        "koc-submit", "form[action$='/submit'] button", ".notice.good", _task("accept"), _stepped("submitted"),
        _there("[data-state={}]"), fill={"text": "Two weeks of it: it does what it says"}, in_place=False,
    ),
    Act(
        "koc-publish", "form[action$='/publish'] button", ".notice.good", _task("accept", "approve"),
        _stepped("published"), _there("[data-state={}]"), fill={"link": "https://social.example/p/1"},
    ),
]  # fmt: skip
