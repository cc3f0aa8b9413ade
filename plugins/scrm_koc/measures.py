"""What a score rests on: one query per part, (contact, evidence), and how evidence becomes points.

Shares of a factor's points per part are this plugin's; the factors' weights are
settings. All amounts are whole numbers, points hundredths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrm_core.api import Brand

MS_PER_DAY = 86_400_000

FACTORS = {
    "purchase": "purchase 消费",
    "expertise": "expertise 专业",
    "content": "content 内容",
    "reach": "reach 触达",
    "conversion": "conversion 转化",
    "community": "community 社区",
    "penalties": "penalties 扣分",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a factor: ``share`` percent of the factor's points.

    ``mode`` is rank (by percentile), part (``value`` of ``of``), or off (a penalty: value is points off).
    """

    name: str
    factor: str
    share: int
    title: str
    told: str
    mode: str = "rank"
    of: int = 1


PARTS = (
    Part("money", "purchase", 60, "Net money", "{value} minor units in valid orders"),
    Part("orders", "purchase", 40, "Orders", "{value} valid orders"),
    Part("answers", "expertise", 60, "Right answers", "{value} right answers"),
    Part("tags", "expertise", 40, "Expert tags", "has one of the expert tags", "part", 1),
    Part("pieces", "content", 40, "Approved pieces", "{value} approved pieces"),
    Part("quality", "content", 60, "Quality of pieces", "quality {value} of 400 above the least", "part", 400),
    Part("followers", "reach", 50, "Own followers", "{value} followers"),
    Part("visitors", "reach", 50, "People who opened the link", "{value} people opened the link"),
    Part("sales", "conversion", 70, "Conversion", "{percent} percent, shrunk to what is expected"),
    Part("referrals", "conversion", 30, "Friends brought", "{value} friends brought"),
    Part("acts", "community", 60, "Acts in games and check-ins", "{value} acts"),
    Part("tenure", "community", 40, "Days since they came", "{value} days, 365 at most", "part", 365),
    Part("penalty", "penalties", 100, "Penalties", "{value} points off", "off"),
)  # fmt: skip

_VISITORS = (
    "SELECT p.contact_id AS contact_id, m.id AS member_id, count(DISTINCT v.visitor) AS visitors FROM visit v "
    "JOIN koc_member m ON m.link_id = v.link_id JOIN koc_person p ON p.member_id = coalesce(m.merged_into_id, m.id) "
    "WHERE v.bot = 0 AND v.at >= ? GROUP BY p.contact_id, m.id"
)
_SOLD = (
    "SELECT coalesce(m.merged_into_id, m.id) AS member_id, count(*) AS sold, "
    "CAST(sum(o.paid_minor - o.refund_minor) AS BIGINT) AS net, CAST(sum(o.paid_minor) AS BIGINT) AS paid "
    "FROM koc_order k "
    "JOIN orders o ON o.id = k.order_id JOIN koc_member m ON m.id = k.member_id "
    "WHERE k.state <> 'void' AND k.day > ? GROUP BY coalesce(m.merged_into_id, m.id)"
)


class Measures:
    """The statements of one run."""

    def __init__(self, brand: Brand, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        now = brand.now()
        self.now = now
        self.day = brand.day(now) - settings["score_days"]
        self.since = now - settings["score_days"] * MS_PER_DAY

    def weight(self, part: Part) -> int:
        """Points of the part's factor; penalties are negative."""
        if part.factor == "penalties":
            return -int(self.settings["most_penalty"])
        return int(self.settings[f"weight_{part.factor}"])

    def full(self, part: Part) -> int:
        """Most hundredths that the part gives; least ones for penalties."""
        return self.weight(part) * part.share

    def ranked(self, part: Part, batch: str) -> tuple[str, tuple[Any, ...]]:
        """A query of (contact, value, below, ties, peers, points) of everybody with evidence for a part."""
        sql, params = self._query(part, batch)
        evidence = f"SELECT contact_id, CAST(v AS BIGINT) AS v FROM ({sql}) q WHERE v > 0"
        if part.mode == "rank":
            return (
                "SELECT contact_id, v AS value, r - 1 AS below, t AS ties, n AS peers, "
                "CAST(? AS BIGINT) * (2 * (r - 1) + t) / (2 * n) AS points FROM (SELECT contact_id, v, "
                "rank() OVER (ORDER BY v) AS r, count(*) OVER (PARTITION BY v) AS t, count(*) OVER () AS n "
                f"FROM ({evidence}) e) w",
                (self.full(part), *params),
            )
        if part.mode == "part":
            points = "CAST(? AS BIGINT) * (CASE WHEN v > ? THEN ? ELSE v END) / ?"
            bound: tuple[int, ...] = (self.full(part), part.of, part.of, part.of)
        else:
            # The value is whole points off; never more than the most that penalties take.
            points = "CASE WHEN v * -100 < ? THEN CAST(? AS BIGINT) ELSE v * -100 END"
            bound = (self.full(part), self.full(part))
        return (
            f"SELECT contact_id, v AS value, 0 AS below, 1 AS ties, 1 AS peers, {points} AS points FROM ({evidence}) w",
            (*bound, *params),
        )

    def _query(self, part: Part, batch: str) -> tuple[str, tuple[Any, ...]]:
        return getattr(self, f"_{part.name}")(batch)  # type: ignore[no-any-return]

    def _money(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return self._orders_sql("sum(paid_minor - refund_minor)")

    def _orders(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return self._orders_sql("count(*)")

    def _orders_sql(self, what: str) -> tuple[str, tuple[Any, ...]]:
        return (
            f"SELECT contact_id, {what} AS v FROM orders WHERE valid = 1 AND contact_id IS NOT NULL AND day > ? "
            "GROUP BY contact_id",
            (self.day,),
        )

    def _answers(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return self._signals("answers")

    def _acts(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return self._signals("acts")

    def _referrals(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return self._signals("referrals")

    def _signals(self, measure: str) -> tuple[str, tuple[Any, ...]]:
        return (
            "SELECT contact_id, sum(amount) AS v FROM koc_signal WHERE measure = ? AND day > ? GROUP BY contact_id",
            (measure, self.day),
        )

    def _tags(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        names = self.settings["expert_tags"] or [""]
        marks = ", ".join("?" * len(names))
        return (
            "SELECT DISTINCT ct.contact_id AS contact_id, 1 AS v FROM contact_tag ct JOIN tag t ON t.id = ct.tag_id "
            f"WHERE t.name IN ({marks})",
            tuple(names),
        )

    def _pieces(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return (
            "SELECT contact_id, count(*) AS v FROM koc_submission WHERE state = 'approved' AND reviewed_day > ? "
            "GROUP BY contact_id",
            (self.day,),
        )

    def _quality(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        # The mean above the least quality, in hundredths; two pieces of a middling 3 are mixed in, so that one
        # piece of 5 is no proof yet.
        return (
            "SELECT contact_id, (CAST(sum(quality - 1) AS BIGINT) * 100 + 400) / (count(*) + 2) AS v "
            "FROM koc_submission WHERE state = 'approved' AND reviewed_day > ? GROUP BY contact_id",
            (self.day,),
        )

    def _followers(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return (
            "SELECT p.contact_id AS contact_id, m.followers AS v FROM koc_member m JOIN koc_person p "
            "ON p.member_id = m.id WHERE m.merged_into_id IS NULL AND m.state = 'active'",
            (),
        )

    def _visitors(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return f"SELECT contact_id, sum(visitors) AS v FROM ({_VISITORS}) w GROUP BY contact_id", (self.since,)

    def _sales(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        """(x + a) / (n + a + b) in millionths; a is mean x strength, a + b strength; less what was refunded.

        n is people who opened the link, at least the orders. 1 of 1 with 5 % and 20 is 2 / 21.
        """
        mean, strength = self.settings["mean_bp"], self.settings["mean_strength"]
        return (
            "SELECT p.contact_id AS contact_id, ((coalesce(s.sold, 0) * 10000 + ?) * 100 "
            "/ (CASE WHEN coalesce(s.sold, 0) > coalesce(w.n, 0) THEN s.sold ELSE coalesce(w.n, 0) END + ?)) "
            "* coalesce(s.net, 1) / coalesce(s.paid, 1) AS v FROM koc_member m "
            "JOIN koc_person p ON p.member_id = m.id "
            f"LEFT JOIN (SELECT contact_id, CAST(sum(visitors) AS BIGINT) AS n FROM ({_VISITORS}) x "
            "GROUP BY contact_id) w "
            f"ON w.contact_id = p.contact_id LEFT JOIN ({_SOLD}) s ON s.member_id = m.id "
            "WHERE m.merged_into_id IS NULL AND (s.sold > 0 OR w.n > 0)",
            (mean * strength, strength, self.since, self.day),
        )

    def _tenure(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        # Only of people with other evidence: being on file for long is none.
        return (
            "SELECT c.id AS contact_id, CASE WHEN c.lead_at + ? < ? THEN 365 ELSE (? - c.lead_at) / ? END AS v "
            "FROM contact c WHERE c.state = 'active' AND c.lead_at IS NOT NULL AND c.lead_at <= ? "
            "AND EXISTS (SELECT 1 FROM koc_part p WHERE p.contact_id = c.id AND p.batch = ?)",
            (365 * MS_PER_DAY, self.now, self.now, MS_PER_DAY, self.now, batch),
        )

    def _penalty(self, batch: str) -> tuple[str, tuple[Any, ...]]:
        return "SELECT contact_id, sum(points) AS v FROM koc_penalty WHERE day > ? GROUP BY contact_id", (self.day,)
