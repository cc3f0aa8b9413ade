"""Swaps in the console: partners and how they fit, deals with their answers, ledger and settlement."""

from __future__ import annotations

from typing import Any, ClassVar

from scrm_core.api import (
    Column,
    ConsoleAct,
    ConsoleDone,
    ConsolePart,
    ConsoleQuery,
    ConsoleTemplate,
    NotFound,
    ReportTable,
    current_actor,
    current_brand,
    cut_page,
    execute,
    from_instant,
)

from .amending import shown
from .book import Deal
from .service import Swaps
from .terms import KINDS, UNITS

NAME = "cross-brand-swap"
READ, DEAL = f"{NAME}:read", f"{NAME}:deal"
ROWS = 30
STATES = {
    "open": ("proposed", "协商中"),
    "accepted": ("accepted, to be confirmed", "已接受，待确认"),
    "agreed": ("running", "进行中"),
    "declined": ("declined or withdrawn", "已拒绝或撤回"),
    "closed": ("closed, to be settled", "已结束，待结算"),
    "settled": ("settled", "已结算"),
    "disputed": ("disputed", "有争议"),
    "traffic": ("traffic", "互推引流"),
    "discount": ("discounts", "互换优惠"),
    "mutual": ("mutual", "相互权益"),
    "channel": ("brand and channel", "品牌与渠道"),
    "click": ("clicks", "点击"),
    "add": ("adds", "加友"),
    "retained_add": ("adds that stayed", "留存加友"),
    "first_order": ("first orders", "首单"),
    "a_to_b": ("a to b", "甲方 → 乙方"),
    "b_to_a": ("b to a", "乙方 → 甲方"),
    "shown": ("exposures", "曝光"),
    "a": ("a", "甲方"),
    "b": ("b", "乙方"),
    "us": ("us", "我方"),
    "them": ("them", "伙伴"),
    "offer": ("offer", "发起"),
    "counter": ("counter-offer", "还价"),
    "accept": ("accept", "接受"),
    "decline": ("decline", "拒绝"),
    "confirm": ("confirm", "确认"),
    "link": ("link", "追踪链接"),
    "stop": ("stop", "暂停"),
    "go on": ("go on", "恢复"),
    "close": ("close", "结束"),
    "settle": ("statement", "发送对账单"),
    "amend": ("dispute with own statement", "提出异议"),
    "dispute": ("dispute", "有争议"),
    "sign": ("sign", "签署"),
    "lost": ("taken back", "撤销计数"),
}


class Pages:
    """What swaps show in the console: mixed into the plugin."""

    console_pages: ClassVar[dict[str, ConsolePart]] = {
        "deals": ConsolePart(
            "show_deals", {"en": "Swaps", "zh": "异业互换"}, READ,
            acts={"propose": ConsoleAct("propose_deal", DEAL), "profile": ConsoleAct("tell_profile", DEAL)},
        ),
        "deal": ConsolePart(
            "show_deal", {"en": "Swaps: a deal", "zh": "异业互换详情"}, READ,
            acts={
                "accept": ConsoleAct("accept_deal", DEAL), "counter": ConsoleAct("counter_deal", DEAL),
                "withdraw": ConsoleAct("withdraw_deal", DEAL), "amend": ConsoleAct("amend_deal", DEAL),
                "sign": ConsoleAct("sign_deal", DEAL),
            },
            menu=False,
        ),
    }  # fmt: skip
    console_cards: ClassVar[dict[str, ConsolePart]] = {
        "swaps": ConsolePart("show_totals", {"en": "Swaps", "zh": "异业互换"}, "reports:read"),
    }

    def show_deals(self, query: ConsoleQuery) -> ConsoleTemplate:
        """Deals, newest first; partners and how they fit; a form to propose."""
        here, before = _here(), query.position("before")
        page, older = cut_page(here.newest(before=before, limit=ROWS + 1), ROWS)
        partners = [] if before else [(name, *_fit(here, name)) for name in here.brand.partners.names()]
        context = {
            "deals": page,
            "partners": partners,
            "kinds": KINDS,
            "units": UNITS,
            "before": before,
            "older": older,
        }
        return ConsoleTemplate("console_deals.html", context, STATES)

    def propose_deal(self, query: ConsoleQuery) -> ConsoleDone:
        """Offer a partner a deal."""
        terms = _terms(query) | {"deal": query.text("deal"), "kind": query.chosen("kind")}
        made = _here().offer(query.chosen("partner"), terms, **_answer(query), actor=current_actor())
        return _done(made, "proposed")

    def tell_profile(self, query: ConsoleQuery) -> ConsoleDone:
        """Tell a partner this brand's profile."""
        _here().send_profile(query.chosen("partner"), actor=current_actor())
        return ConsoleDone(args={"done": "told"})

    def show_deal(self, query: ConsoleQuery) -> ConsoleTemplate:
        """One deal: terms, ledger with its imbalance, settlement, steps."""
        here = _here()
        deal = here.deal(query.asked("code"))
        zone = here.brand.zone
        context = {
            "deal": deal,
            "terms": deal.terms,
            "brought": here.ledger.brought(deal),
            "told": deal.told.get("totals") or {},
            "ours": here.settling.ours(deal) if deal.told else None,
            "stands": shown(deal),
            "steps": here.steps(deal.code, limit=50),
            "units": UNITS,
            "version": version(deal),
            "local": lambda instant: f"{from_instant(instant, zone):%Y-%m-%dT%H:%M}",
        }
        return ConsoleTemplate("console_deal.html", context, STATES)

    def accept_deal(self, query: ConsoleQuery) -> ConsoleDone:
        """Accept the partner's proposal."""
        deal = _unchanged(query)
        return _done(_here().accept(deal.code, **_answer(query), actor=current_actor()), "accepted")

    def counter_deal(self, query: ConsoleQuery) -> ConsoleDone:
        """Answer the partner's proposal with other terms of the same kind."""
        deal = _unchanged(query)
        terms = _terms(query) | {"kind": deal.terms["kind"]}
        return _done(_here().counter(deal.code, terms, **_answer(query), actor=current_actor()), "countered")

    def withdraw_deal(self, query: ConsoleQuery) -> ConsoleDone:
        """Decline the partner's proposal, or withdraw one's own."""
        deal = _unchanged(query)
        reason = query.text("reason")
        return _done(_here().contracts.decline(deal.code, reason=reason, actor=current_actor()), "withdrawn")

    def amend_deal(self, query: ConsoleQuery) -> ConsoleDone:
        """Dispute: send the partner a statement as this brand's books have it."""
        deal = _unchanged(query)
        return _done(_here().settling.amend(deal.code, actor=current_actor()), "amended")

    def sign_deal(self, query: ConsoleQuery) -> ConsoleDone:
        """Sign the statement of the partner's that was looked at."""
        deal = _unchanged(query)
        said = query.chosen("digest")
        return _done(_here().settling.sign(deal.code, said, actor=current_actor()), "signed")

    def show_totals(self) -> ReportTable:
        """Deals that run, that wait for this brand's answer, that are stopped by imbalance, that are disputed."""
        row = execute(
            "SELECT coalesce(sum(CASE WHEN state = 'agreed' THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN state = 'open' AND turn = 'us' THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN state = 'agreed' AND (open_in = 0 OR open_out = 0) THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN state = 'disputed' THEN 1 ELSE 0 END), 0) FROM cross_brand_swap_deal"
        ).fetchone()
        columns = (
            Column("running", "Deals that run 进行中", "count"),
            Column("answer", "to be answered 待回复", "count"),
            Column("stopped", "stopped by imbalance 失衡暂停", "count"),
            Column("disputed", "disputed 有争议", "count"),
        )
        names = ("running", "answer", "stopped", "disputed")
        return ReportTable(columns, [dict(zip(names, map(int, row), strict=True))])


def _here() -> Swaps:
    brand = current_brand()
    return Swaps(brand, brand.plugin(NAME).settings)


def _fit(here: Swaps, partner: str) -> tuple[Any, str]:
    """How a partner fits, or why nobody knows."""
    try:
        return here.fit(partner, "traffic"), ""
    except NotFound as missing:
        return None, missing.message


def _terms(query: ConsoleQuery) -> dict[str, Any]:
    """The terms of a form but for code and kind; times are the brand's wall clock."""
    numbers = {name: query.whole(name) for name in ("quota", "imbalance", "window_days", "keep_days")}
    times = {name: query.instant(name) for name in ("from_at", "until_at")}
    return {**numbers, **times, "unit": query.chosen("unit"), "note": query.text("note")}


def _answer(query: ConsoleQuery) -> dict[str, str]:
    return {name: query.text(name) for name in ("target", "words", "despite")}


def version(deal: Deal) -> str:
    """What a deal was when somebody looked at it, as text: a form carries it."""
    return f"{deal.state}|{deal.turn}|{deal.version}|{deal.amended.get('round', 0)}|{deal.amended.get('by', '')}"


def _unchanged(query: ConsoleQuery) -> Deal:
    """The deal of a form, locked, as whoever sent the form saw it; raises Conflict when it has moved on since."""
    here = _here()
    deal = here.lock(here.deal(query.asked("code")))
    query.expect(version(deal), "the deal has moved on since you opened the page 您打开页面后，互换已有变化")
    return deal


def _done(deal: Deal, what: str) -> ConsoleDone:
    return ConsoleDone("deal", {"code": deal.code, "done": what})
