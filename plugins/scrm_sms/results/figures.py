"""The counts of a plan, straight from the rows: one statement per figure, whatever the size of the pack.

* planned: messages of the plan's run, and of its rescue where it has one, whether they went or not.
* kept back: never handed to a gateway, by reason: blocked (no consent, a cap,
  the hold-out ...), expired after an outage, canceled, still waiting.
* sent: handed to a gateway. Each of them is delivered, failed (by the
  gateway's code), expired at the carrier, unknown, or waits for its receipt.
* clicked: recipients whose own link a person opened; programs are counted apart.
* pressed: recipients with a press of the page's button, and a person's visit before it.
* added: persons who came through the plan; new: those of them who were no
  friend and no member before.
* ordered: added persons with a valid order within ``order_days`` after the add;
  revenue is those orders' money, net of refunds. A plan whose goal is repurchase
  writes to friends: there it is recipients, within ``order_days`` after the send.
* cost: parts of the messages that were sent, times the price of a part.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scrm_core.api import NotFound, execute

from ..plans.book import OWNER
from ..plans.standing import standing_code
from ..plans.steps import Goal
from ..plans.store import PlanRow, steps_of
from .adds import ARRIVED

if TYPE_CHECKING:
    from scrm_core.api import Brand

DAY_MS = 86_400_000


@dataclass(slots=True)
class Figures:
    """The counts of one plan, or of one of its arms or segments; money in minor units, ``cost_milli`` in thousandths.

    ``kept_back`` is by reason, ``failed`` by code. ``opens`` are visits by
    people, ``bots`` those by programs.
    """

    planned: int = 0
    kept_back: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    delivered: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    expired: int = 0
    unknown: int = 0
    no_receipt: int = 0
    parts: int = 0
    cost_milli: int = 0
    opens: int = 0
    bots: int = 0
    clicked: int = 0
    pressed: int = 0
    added: int = 0
    new: int = 0
    reached_added: int = 0
    clicked_added: int = 0
    buyers: int = 0
    orders: int = 0
    revenue: int = 0


@dataclass(frozen=True, slots=True)
class Cut:
    """What is counted: everything, or the contacts of a segment (a condition on ``contact c``)."""

    condition: str = "1 = 1"
    params: tuple[Any, ...] = ()

    @classmethod
    def of_segment(cls, brand: Brand, segment: str) -> Cut:
        """The contacts of a saved segment or of an expression; raises SegmentError for neither."""
        with contextlib.suppress(NotFound):
            segment = brand.segments.get(segment).expression
        where = brand.segments.condition(segment)
        return cls(f"(c.id IS NOT NULL AND {where.text})", tuple(where.params))


ALL = Cut()


class Counting:
    """Runs the statements for one plan; ``by_arm`` groups by the text that people got."""

    def __init__(
        self, plan: PlanRow, *, price_milli: int, order_days: int, by_arm: bool = False, cut: Cut = ALL
    ) -> None:
        self._plan = plan
        self._repurchase = is_repurchase(plan)
        self._price = price_milli
        self._order_ms = order_days * DAY_MS
        self._arm = "m.arm" if by_arm else "''"
        self._cut = cut
        # The contact is joined only where a condition asks for it: most reports ask for everybody.
        self._contact = "" if cut is ALL else " LEFT JOIN contact c ON c.id = m.contact_id"
        rescue = execute(
            "SELECT id FROM outreach_run WHERE owner = ? AND code = ?", (OWNER, standing_code(plan.code))
        ).fetchone()
        self._rescue: int | None = None if rescue is None else rescue[0]
        self._found: dict[str, Figures] = {}

    def figures(self) -> dict[str, Figures]:
        """The counts by arm; by the empty name when they are not grouped."""
        self._found = {}
        if self._plan.run_id is not None:
            self._messages()
            self._clicks("m.link_id", "message m")
            self._presses("m.link_id", "message m")
        if self._rescue is not None:
            # Rescue messages are queued with their text, so their links are kept beside them.
            self._clicks("r.link_id", "sms_rescue r JOIN message m ON m.id = r.message_id")
            self._presses("r.link_id", "sms_rescue r JOIN message m ON m.id = r.message_id")
        self._adds()
        self._money()
        return self._found

    def _of(self, arm: str | None) -> Figures:
        return self._found.setdefault(arm or "", Figures())

    def _rows(self, sql: str, before: Sequence[Any] = (), after: Sequence[Any] = ()) -> Iterable[tuple[Any, ...]]:
        """Rows of a statement; its ``{cut}`` is the condition, whose values come after ``before``."""
        rows: Iterable[tuple[Any, ...]] = execute(
            sql.replace("{cut}", self._cut.condition), (*before, *self._cut.params, *after)
        ).fetchall()
        return rows

    def _messages(self) -> None:
        sql = (
            f"SELECT {self._arm} AS grp, m.state, CASE WHEN m.state = 'failed' THEN m.code "
            "WHEN m.sent_at IS NULL AND m.state IN ('blocked', 'expired', 'canceled') THEN m.reason "
            "ELSE '' END AS why, "
            "CASE WHEN m.sent_at IS NULL THEN 0 ELSE 1 END AS gone, count(*), sum(m.parts) "
            f"FROM message m{self._contact} WHERE m.run_id IN (?, ?) AND {{cut}} "
            "GROUP BY grp, m.state, why, gone"
        )
        for arm, state, why, gone, count, parts in self._rows(sql, self._runs):
            figures = self._of(arm)
            figures.planned += count
            if not gone:
                reason = why if state == "blocked" else f"{state}: {why}" if why else state
                figures.kept_back[reason] = figures.kept_back.get(reason, 0) + count
                continue
            figures.sent += count
            figures.parts += int(parts)
            figures.cost_milli += int(parts) * self._price
            if state == "failed":
                figures.failed[why] = figures.failed.get(why, 0) + count
            elif state in ("delivered", "expired", "unknown"):
                setattr(figures, state, getattr(figures, state) + count)
            else:
                figures.no_receipt += count

    @property
    def _runs(self) -> tuple[int | None, int | None]:
        return self._plan.run_id, self._rescue

    def _clicks(self, link: str, source: str) -> None:
        sql = (
            f"SELECT {self._arm} AS grp, v.bot, CAST(sum(v.times) AS BIGINT), count(DISTINCT v.link_id) FROM {source} "
            f"JOIN visit v ON v.link_id = {link}{self._contact} WHERE m.run_id IN (?, ?) AND {{cut}} "
            "GROUP BY grp, v.bot"
        )
        for arm, bot, visits, links in self._rows(sql, self._runs):
            if bot:
                self._of(arm).bots += visits
            else:
                self._of(arm).opens += visits
                self._of(arm).clicked += links

    def _presses(self, link: str, source: str) -> None:
        sql = (
            f"SELECT {self._arm} AS grp, count(*) FROM {source} JOIN sms_press s ON s.link_id = {link}"
            f"{self._contact} WHERE m.run_id IN (?, ?) AND EXISTS (SELECT 1 FROM visit v WHERE v.link_id = s.link_id "
            "AND v.bot = 0 AND v.at <= s.at) AND {cut} GROUP BY grp"
        )
        for arm, count in self._rows(sql, self._runs):
            self._of(arm).pressed += count

    def _adds(self) -> None:
        """Adds, and for comparing arms the messages that brought one: of all sent, and of those clicked."""
        sql = (
            f"SELECT {self._arm} AS grp, count(DISTINCT a.contact_id), "
            f"count(DISTINCT CASE WHEN {_NEW} THEN a.contact_id END), count(DISTINCT a.message_id), "
            "count(DISTINCT CASE WHEN EXISTS (SELECT 1 FROM visit v WHERE v.link_id = m.link_id AND v.bot = 0) "
            f"THEN a.message_id END) FROM {_ADDED} WHERE a.plan_id = ? AND c.state = 'active' AND {{cut}} GROUP BY grp"
        )
        for arm, added, new, reached, clicked in self._rows(sql, (self._plan.id,)):
            figures = self._of(arm)
            figures.added, figures.new, figures.reached_added, figures.clicked_added = added, new, reached, clicked

    def _money(self) -> None:
        # A person may have two messages, after a merge for one: an order is one row of each group all the same.
        whose = f"SELECT DISTINCT {self._arm} AS grp, o.id, o.contact_id, o.paid_minor - o.refund_minor AS money"
        if self._repurchase:
            sql = (
                f"{whose} FROM message m JOIN contact c ON c.id = m.contact_id "
                "JOIN orders o ON o.contact_id = m.contact_id AND o.valid = 1 "
                "AND o.paid_at > m.sent_at AND o.paid_at <= m.sent_at + CAST(? AS BIGINT) "
                f"WHERE m.run_id IN (?, ?) AND m.state IN {ARRIVED} AND c.state = 'active' AND {{cut}}"
            )
            before: tuple[Any, ...] = (self._order_ms, *self._runs)
        else:
            sql = (
                f"{whose} FROM {_ADDED} "
                "JOIN orders o ON o.contact_id = a.contact_id AND o.valid = 1 "
                "AND o.paid_at > a.at AND o.paid_at <= a.at + CAST(? AS BIGINT) "
                "WHERE a.plan_id = ? AND c.state = 'active' AND {cut}"
            )
            before = (self._order_ms, self._plan.id)
        counted = f"SELECT d.grp, count(DISTINCT d.contact_id), count(*), sum(d.money) FROM ({sql}) d GROUP BY d.grp"
        found = self._rows(counted, before)
        for arm, buyers, orders, revenue in found:
            figures = self._of(arm)
            figures.buyers, figures.orders, figures.revenue = buyers, orders, int(revenue or 0)


def is_repurchase(plan: PlanRow) -> bool:
    """Whether a plan's goal is repurchase: its recipients' own orders count then."""
    goal = steps_of(plan).get("goal")
    content: Goal | None = None if goal is None else goal.content
    return content is not None and content.goal == "repurchase"


_ADDED = "sms_add a JOIN contact c ON c.id = a.contact_id LEFT JOIN message m ON m.id = a.message_id"
_NEW = (
    "(c.lead_at IS NULL OR c.lead_at >= a.at) AND NOT EXISTS "
    "(SELECT 1 FROM membership j WHERE j.contact_id = a.contact_id AND j.joined_at < a.at)"
)
