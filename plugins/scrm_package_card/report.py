"""The card's two figures (数据监测): recall rate 引流召回率 and contribution per card 单卡贡献率, and what they cost.

Everything is computed from what is stored now, so a refund lowers the
contribution and a merge never counts a person twice. One statement per figure
answers for all campaigns and groups.

* shipped: cards shipped; signed: those whose parcel is known to be signed for.
* adds: distinct persons attributed to the campaign. A person belongs to the
  batch, channel and arm of their first attributed lead, so groups add up.
* new: those whose first lead ever is that one, and who were no member before it.
* recall = new / shipped; gross recall = adds / shipped; by signed = new / signed.
* orders, contribution: the new persons' valid orders with payment in
  (lead, lead + N days of 24 hours], net of refunds.
* contribution per card = contribution / shipped.
* cost = cards shipped x their unit cost + what was spent besides (hook gifts);
  unknown while a shipped card came from no batch, because its price is.
* net = contribution x margin share - cost.

Whatever is divided by nothing is None: unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from scrm_core.api import Column, Invalid, MetricsQuery, MetricValue, OrderEffect, ReportTable, execute

from .claims import DAY_MS, NAME
from .service import Campaign, PackageCards

BY = ("campaign", "batch", "kind", "channel", "arm")
MOST_ROWS = 1_000
MOST_NAMED = 200

COLUMNS = (
    Column("campaign", "Campaign 活动"),
    Column("shipped", "Cards shipped 发卡数", "count"),
    Column("new", "New persons 新客", "count"),
    Column("recall", "Recall rate 引流召回率", "rate"),
    Column("days", "Days counted 统计天数", "count"),
    Column("orders", "Orders 订单数", "count"),
    Column("contribution_minor", "Contribution 贡献", "money"),
    Column("contribution_per_card_minor", "Contribution per card 单卡贡献率", "money"),
)
MORE_COLUMNS = (
    Column("signed", "Signed 签收数", "count"),
    Column("missed", "No card left 缺卡", "count"),
    Column("scanners", "Scanners 扫码人数", "count"),
    Column("adds", "Adds 加好友数", "count"),
    Column("members", "Members 入会数", "count"),
    Column("first_orders", "First orders 首单人数", "count"),
    Column("gross_recall", "Gross recall 总召回率", "rate"),
    Column("recall_by_signed", "Recall by signed 签收召回率", "rate"),
    Column("scan_rate", "Scan rate 扫码率", "rate"),
    Column("add_rate", "Add rate 加粉率", "rate"),
    Column("card_cost_minor", "Cost of cards 卡片成本", "money"),
    Column("spend_minor", "Other costs 其他成本", "money"),
    Column("cost_minor", "Cost 总成本", "money"),
    Column("cost_per_card_minor", "Cost per card 单卡成本", "money"),
    Column("cost_per_new_minor", "Cost per added contact 单个新客成本", "money"),
    Column("cost_per_first_order_minor", "Cost per first order 单个首单成本", "money"),
    Column("net_minor", "Net contribution 净贡献", "money"),
    Column("net_per_card_minor", "Net per card 单卡净贡献", "money"),
)

# What a row is grouped by, in the words of each statement.
_SHIPMENT_BY = {
    **{"campaign": "''", "batch": "coalesce(b.code, '')", "kind": "coalesce(b.kind, '')"},
    **{"channel": "s.channel", "arm": "s.arm"},
}
_PERSON_BY = _SHIPMENT_BY | {"channel": "p.channel", "arm": "p.arm"}
_MISS_BY = dict.fromkeys(BY, "''") | {"arm": "m.arm"}
_VISIT_BY = {
    **{"campaign": "''", "batch": "coalesce(b.code, own.code, '')", "kind": "coalesce(b.kind, own.kind, '')"},
    **{"channel": "c.code", "arm": "l.variant"},
}
_SPEND_BY = _SHIPMENT_BY | {"channel": "coalesce(b.channel, '')", "arm": "coalesce(b.arm, '')"}

# Per campaign and person the first attributed lead, and whether the person was new then.
_PERSON = """
WITH ranked AS (
  SELECT campaign_id, contact_id, at, day, batch_id, channel, arm,
    row_number() OVER (PARTITION BY campaign_id, contact_id ORDER BY at, id) AS place
  FROM package_card_lead WHERE state = 'attributed'
), person AS (
  SELECT r.campaign_id, r.contact_id, r.at, r.day, r.batch_id, r.channel, r.arm,
    CASE WHEN (c.lead_at IS NULL OR c.lead_at >= r.at)
      AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.contact_id = r.contact_id AND m.joined_at < r.at)
    THEN 1 ELSE 0 END AS is_new
  FROM ranked r JOIN contact c ON c.id = r.contact_id WHERE r.place = 1
)
"""


@dataclass(frozen=True, slots=True)
class Rates:
    """``recall`` is a fraction rounded to 4 places; ``per_card`` minor units rounded to 2."""

    recall: float | None
    per_card: float | None


def rates(shipped: int, new: int, contribution_minor: int) -> Rates:
    """The two quotients over cards shipped (not printed, not signed); None when none shipped."""
    return Rates(_share(new, shipped), _each(contribution_minor, shipped))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _each(minor: int | None, count: int) -> float | None:
    return round(minor / count, 2) if count and minor is not None else None


@dataclass(slots=True)
class Figures:
    """The counts of one campaign and group; money in minor units."""

    shipped: int = 0
    signed: int = 0
    unpriced: int = 0
    missed: int = 0
    scanners: int = 0
    adds: int = 0
    new: int = 0
    members: int = 0
    orders: int = 0
    first_orders: int = 0
    contribution: int = 0
    card_cost: int = 0
    spend: int = 0


def card_report(cards: PackageCards) -> ReportTable:
    """One row per campaign, oldest first, with the two figures alone."""
    rows = figures(cards, "campaign")
    names = [column.name for column in COLUMNS]
    return ReportTable(COLUMNS, [{name: row[name] for name in names} for row in rows])


def full_report(
    cards: PackageCards, by: str = "campaign", *, campaign: str | None = None, days: int | None = None
) -> ReportTable:
    """Every figure, grouped ``by`` campaign, batch, kind, channel or arm, of one campaign or all."""
    rows = figures(cards, by, campaign=campaign, days=days)[:MOST_ROWS]
    group = () if by == "campaign" else (Column(by, _GROUP_TITLES[by]),)
    return ReportTable((COLUMNS[0], *group, *COLUMNS[1:], *MORE_COLUMNS), rows)


_GROUP_TITLES = {"batch": "Batch 批次", "kind": "Kind 卡片类型", "channel": "Channel 渠道", "arm": "Arm 版本"}


def figures(
    cards: PackageCards,
    by: str = "campaign",
    *,
    campaign: str | None = None,
    days: int | None = None,
    of: Sequence[Campaign] | None = None,
) -> list[dict[str, Any]]:
    """Rows of all columns, campaigns oldest first and groups by name; the group with no name comes first.

    Of one ``campaign``, of some that were read already (``of``, in their order), or of all.
    ``days`` replaces the campaigns' contribution days. Raises Invalid for another grouping
    and NotFound for an unknown campaign.
    """
    if by not in BY:
        raise Invalid(f"by: {by!r} is none of {', '.join(BY)}", field="by")
    if days is not None and not 1 <= days <= 3_650:
        raise Invalid("days must lie between 1 and 3650", field="days")
    if of is not None:
        chosen = list(of)
    else:
        chosen = cards.campaigns() if campaign is None else [cards.campaign(campaign)]
    if not chosen:
        return []
    found = _Counting(by, days, cards.settings["contribution_sources"], [c.id for c in chosen]).figures()
    rows = []
    for each in chosen:
        groups = {group: f for (campaign_id, group), f in found.items() if campaign_id == each.id}
        if by == "campaign":
            groups = {"": groups.get("", Figures())}
        window = days if days is not None else each.contribution_days
        for group, counted in sorted(groups.items()):
            head = {"campaign": each.code} | ({} if by == "campaign" else {by: group})
            rows.append(head | _row(counted, window, cards.settings["margin_share"]))
    return rows


def _row(f: Figures, days: int, margin_share: Decimal | None) -> dict[str, Any]:
    card_cost = None if f.unpriced else f.card_cost
    cost = None if card_cost is None else card_cost + f.spend
    net = None
    if margin_share is not None and cost is not None:
        net = int((f.contribution * margin_share).quantize(Decimal(1), ROUND_HALF_UP)) - cost
    two = rates(f.shipped, f.new, f.contribution)
    return {
        "shipped": f.shipped,
        "new": f.new,
        "recall": two.recall,
        "days": days,
        "orders": f.orders,
        "contribution_minor": f.contribution,
        "contribution_per_card_minor": two.per_card,
        "signed": f.signed,
        "missed": f.missed,
        "scanners": f.scanners,
        "adds": f.adds,
        "members": f.members,
        "first_orders": f.first_orders,
        "gross_recall": _share(f.adds, f.shipped),
        "recall_by_signed": _share(f.new, f.signed),
        "scan_rate": _share(f.scanners, f.shipped),
        "add_rate": _share(f.adds, f.scanners),
        "card_cost_minor": card_cost,
        "spend_minor": f.spend,
        "cost_minor": cost,
        "cost_per_card_minor": _each(cost, f.shipped),
        "cost_per_new_minor": _each(cost, f.new),
        "cost_per_first_order_minor": _each(cost, f.first_orders),
        "net_minor": net,
        "net_per_card_minor": _each(net, f.shipped),
    }


class _Counting:
    """Runs the statements and puts their answers side by side."""

    def __init__(self, by: str, days: int | None, sources: list[str], campaign_ids: list[int]) -> None:
        self._by = by
        self._window = f"{int(days)}" if days is not None else "k.contribution_days"
        self._sources = sources
        # Numbers of ours, and few: a page of campaigns, or one. More of them are read together anyway.
        few = ", ".join(str(int(each)) for each in campaign_ids[:MOST_NAMED])
        self._only = f"IN ({few})" if len(campaign_ids) <= MOST_NAMED else "> 0"
        self._found: dict[tuple[int, str], Figures] = {}

    def figures(self) -> dict[tuple[int, str], Figures]:
        """The counts by campaign id and group."""
        self._shipments()
        self._misses()
        self._visits()
        self._persons()
        self._money()
        self._spend()
        return self._found

    def _each(self, sql: str, params: tuple[Any, ...] = ()) -> Iterable[tuple[Figures, list[int]]]:
        for campaign_id, group, *counts in execute(sql, params).fetchall():
            yield self._found.setdefault((campaign_id, group), Figures()), [int(count or 0) for count in counts]

    def _shipments(self) -> None:
        sql = (
            f"SELECT s.campaign_id, {_SHIPMENT_BY[self._by]} AS grp, count(*), count(s.signed_at), "
            "sum(CASE WHEN s.batch_id IS NULL THEN 1 ELSE 0 END), sum(b.unit_cost_minor) FROM package_card_shipment s "
            f"LEFT JOIN package_card_batch b ON b.id = s.batch_id WHERE s.campaign_id {self._only} "
            "GROUP BY s.campaign_id, grp"
        )
        for f, counts in self._each(sql):
            f.shipped, f.signed, f.unpriced, f.card_cost = counts

    def _misses(self) -> None:
        sql = (
            f"SELECT m.campaign_id, {_MISS_BY[self._by]} AS grp, count(*) FROM package_card_miss m "
            f"WHERE m.campaign_id {self._only} GROUP BY m.campaign_id, grp"
        )
        for f, counts in self._each(sql):
            (f.missed,) = counts

    def _visits(self) -> None:
        sql = (
            f"SELECT k.id, {_VISIT_BY[self._by]} AS grp, count(DISTINCT v.visitor) FROM link l "
            "JOIN package_card_campaign k ON k.code = l.campaign JOIN channel c ON c.id = l.channel_id "
            "JOIN visit v ON v.link_id = l.id LEFT JOIN package_card_batch b ON b.link = l.code "
            "LEFT JOIN package_card_card u ON u.link = l.code LEFT JOIN package_card_batch own ON own.id = u.batch_id "
            f"WHERE l.owner = ? AND k.id {self._only} AND v.bot = 0 AND v.visitor <> '' GROUP BY k.id, grp"
        )
        for f, counts in self._each(sql, (NAME,)):
            (f.scanners,) = counts

    def _persons(self) -> None:
        sql = (
            f"{_PERSON} SELECT p.campaign_id, {_PERSON_BY[self._by]} AS grp, count(*), sum(p.is_new), "
            "sum(CASE WHEN p.is_new = 1 AND EXISTS (SELECT 1 FROM membership m WHERE m.contact_id = p.contact_id "
            f"AND m.joined_at >= p.at AND m.joined_at <= p.at + {self._window} * ?) THEN 1 ELSE 0 END) "
            "FROM person p JOIN package_card_campaign k ON k.id = p.campaign_id "
            f"LEFT JOIN package_card_batch b ON b.id = p.batch_id WHERE p.campaign_id {self._only} "
            "GROUP BY p.campaign_id, grp"
        )
        for f, counts in self._each(sql, (DAY_MS,)):
            f.adds, f.new, f.members = counts

    def _money(self) -> None:
        sources = f"AND o.source IN ({', '.join('?' * len(self._sources))}) " if self._sources else ""
        sql = (
            f"{_PERSON} SELECT p.campaign_id, {_PERSON_BY[self._by]} AS grp, count(*), count(DISTINCT p.contact_id), "
            "sum(o.paid_minor - o.refund_minor) FROM person p JOIN package_card_campaign k ON k.id = p.campaign_id "
            "JOIN orders o ON o.contact_id = p.contact_id AND o.valid = 1 "
            f"AND o.paid_at > p.at AND o.paid_at <= p.at + {self._window} * ? {sources}"
            f"LEFT JOIN package_card_batch b ON b.id = p.batch_id WHERE p.is_new = 1 AND p.campaign_id {self._only} "
            "GROUP BY p.campaign_id, grp"
        )
        for f, counts in self._each(sql, (DAY_MS, *self._sources)):
            f.orders, f.first_orders, f.contribution = counts

    def _spend(self) -> None:
        sql = (
            f"SELECT e.campaign_id, {_SPEND_BY[self._by]} AS grp, sum(e.quantity * e.unit_minor) "
            "FROM package_card_spend e LEFT JOIN package_card_batch b ON b.id = e.batch_id "
            f"WHERE e.campaign_id {self._only} GROUP BY e.campaign_id, grp"
        )
        for f, counts in self._each(sql):
            (f.spend,) = counts


def order_effects(order_id: int) -> list[OrderEffect]:
    """The cards that travelled with an order: shipped, signed for with the parcel, scanned; or missed."""
    cards = execute(
        "SELECT k.code, s.arm, s.shipped_at, s.signed_at, s.claimed_at FROM package_card_shipment s "
        "JOIN package_card_campaign k ON k.id = s.campaign_id WHERE s.order_id = ? ORDER BY s.id",
        (order_id,),
    ).fetchall()
    misses = execute(
        "SELECT k.code, m.arm, m.at FROM orders o JOIN package_card_miss m ON m.source = o.source "
        "AND m.order_number = o.number JOIN package_card_campaign k ON k.id = m.campaign_id WHERE o.id = ?",
        (order_id,),
    ).fetchall()
    found = [
        OrderEffect(at, title, detail=f"{code} {arm}".strip())
        for code, arm, shipped, signed, claimed in cards
        for at, title in (
            (shipped, "Card shipped 发卡"),
            (signed, "Parcel signed for 签收"),
            (claimed, "Card scanned 扫卡"),
        )
        if at is not None
    ]
    found += [OrderEffect(at, "No card left 缺卡", detail=f"{code} {arm}".strip()) for code, arm, at in misses]
    return sorted(found, key=lambda each: each.at)


def card_metrics(query: MetricsQuery) -> Iterable[MetricValue]:
    """Cards shipped, misses and new persons per day and campaign; each by the day it happened."""
    days = (query.first_day, query.last_day)
    for metric, sql in (
        (
            "shipped",
            "SELECT s.day, k.code, count(*) FROM package_card_shipment s "
            "JOIN package_card_campaign k ON k.id = s.campaign_id WHERE s.day BETWEEN ? AND ? GROUP BY s.day, k.code",
        ),
        (
            "missed",
            "SELECT m.day, k.code, count(*) FROM package_card_miss m "
            "JOIN package_card_campaign k ON k.id = m.campaign_id WHERE m.day BETWEEN ? AND ? GROUP BY m.day, k.code",
        ),
        (
            "new",
            _PERSON + "SELECT p.day, k.code, count(*) FROM person p JOIN package_card_campaign k "
            "ON k.id = p.campaign_id WHERE p.is_new = 1 AND p.day BETWEEN ? AND ? GROUP BY p.day, k.code",
        ),
    ):
        for day, code, count in execute(sql, days).fetchall():
            yield MetricValue(metric, day, count, code)


@dataclass(frozen=True, slots=True)
class DayFigures:
    """Counts of one brand-local day; ``net`` is the contribution of orders paid on it."""

    day: int
    shipped: int
    new: int
    net: int


def daily(cards: PackageCards, code: str) -> list[DayFigures]:
    """What happened on each day of a campaign on which anything did, first day first."""
    campaign = cards.campaign(code)
    sources = cards.settings["contribution_sources"]
    only = f"AND o.source IN ({', '.join('?' * len(sources))}) " if sources else ""
    shipped = execute(
        "SELECT day, count(*) FROM package_card_shipment WHERE campaign_id = ? GROUP BY day", (campaign.id,)
    )
    new = execute(
        _PERSON + "SELECT day, count(*) FROM person WHERE is_new = 1 AND campaign_id = ? GROUP BY day", (campaign.id,)
    )
    net = execute(
        _PERSON + "SELECT o.day, sum(o.paid_minor - o.refund_minor) FROM person p "
        f"JOIN orders o ON o.contact_id = p.contact_id AND o.valid = 1 AND o.paid_at > p.at AND o.paid_at <= p.at + ? "
        f"{only}WHERE p.is_new = 1 AND p.campaign_id = ? GROUP BY o.day",
        (campaign.contribution_days * DAY_MS, *sources, campaign.id),
    )
    counts = [{day: int(count) for day, count in cursor.fetchall()} for cursor in (shipped, new, net)]
    return [DayFigures(day, *(count.get(day, 0) for count in counts)) for day in sorted(set().union(*counts))]
