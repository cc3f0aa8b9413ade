"""Event -> rule -> tag, once per event id.

A hit is remembered for ever under (rule, event). The tag itself is not looked
at: when a person takes it away, no replay of the event brings it back.

An order whose buyer is unknown and a visit of an unknown person wait; their
tag is set when core has matched them to a contact. A visit waits as long as
the brand's attribution window.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from scrm_core.api import Conflict, LeadCaptured, LinkVisited, OrderPaid, RefundMade, execute

from .schemas import Rule

if TYPE_CHECKING:
    from scrm_core.api import Brand

log = logging.getLogger("scrm.plugin.tag-rules")

NAME = "tag-rules"
DAY_MS = 86_400_000
SETTLE_BATCH = 1_000

RuleEvent = OrderPaid | LeadCaptured | RefundMade | LinkVisited

# The contact is followed through merges: an event may be handled long after its contact was merged.
_HIT = """
WITH RECURSIVE person (id, state, next) AS (
  SELECT id, state, merged_into_id FROM contact WHERE id = ?
  UNION ALL
  SELECT c.id, c.state, c.merged_into_id FROM contact c JOIN person p ON c.id = p.next
)
INSERT INTO tag_rules_hit (rule, event_id, order_id, contact_id, tagged, at, day)
SELECT ?, ?, CAST(? AS BIGINT), id, 1, ?, ? FROM person WHERE state = 'active'
ON CONFLICT (rule, event_id) DO NOTHING RETURNING contact_id
"""
_WAIT = (
    "INSERT INTO tag_rules_hit (rule, event_id, order_id, visit_id, tagged, at, day) "
    "VALUES (?, ?, ?, ?, 0, ?, ?) ON CONFLICT (rule, event_id) DO NOTHING"
)


def meets(rule: Rule, event: RuleEvent) -> bool:
    """Whether an event of the rule's kind fulfils every condition of the rule."""
    for name, wanted in rule.conditions:
        if name == "min_paid_minor":
            if event.paid_minor < wanted:
                return False
        elif name == "min_amount_minor":
            if event.amount_minor < wanted:
                return False
        elif name == "sku_prefix":
            if not any(line.sku.startswith(wanted) for line in event.lines if not line.gift):
                return False
        elif getattr(event, name) != wanted:
            return False
    return True


class TagRuleBook:
    """One brand's rules at work; call it inside ``with brand:``."""

    def __init__(self, brand: Brand, rules: tuple[Rule, ...]) -> None:
        self.brand = brand
        self.rules = rules
        self._by_event: dict[str, list[Rule]] = {}
        for rule in rules:
            self._by_event.setdefault(rule.event, []).append(rule)
        self._by_name = {rule.name: rule for rule in rules}

    def take(self, kind: str, event: RuleEvent, *, order_id: int | None = None, visit_id: int | None = None) -> None:
        """Apply the rules for events of a kind (order, lead, refund, visit) to one event."""
        for rule in self._by_event.get(kind, ()):
            if not meets(rule, event):
                continue
            day = self.brand.day(event.at)
            if event.contact_id is None:
                execute(_WAIT, (rule.name, event.event_id, order_id, visit_id, event.at, day))
                continue
            row = execute(_HIT, (event.contact_id, rule.name, event.event_id, order_id, event.at, day)).fetchone()
            if row is not None:
                self._set(rule, row[0], event.at)

    def settle(self) -> int:
        """Set the tags of waiting hits whose person is known by now; returns how many.

        Hits of a rule that is no longer in the file stay as they are.
        """
        settled = 0
        oldest_visit = self.brand.now() - self.brand.config.attribution_days * DAY_MS
        while True:
            with self.brand.transaction():
                rows = execute(
                    "SELECT h.id, h.rule, h.at, coalesce(o.contact_id, v.contact_id) FROM tag_rules_hit h "
                    "LEFT JOIN orders o ON o.id = h.order_id LEFT JOIN visit v ON v.id = h.visit_id "
                    "WHERE h.tagged = 0 AND (o.contact_id IS NOT NULL "
                    f"OR (v.contact_id IS NOT NULL AND h.at >= ?)) {self._known()} ORDER BY h.id LIMIT ?",
                    (oldest_visit, *self._by_name, SETTLE_BATCH),
                ).fetchall()
                for hit_id, rule, at, contact_id in rows:
                    changed = execute(
                        "UPDATE tag_rules_hit SET tagged = 1, contact_id = ? WHERE id = ? AND tagged = 0",
                        (contact_id, hit_id),
                    ).rowcount
                    if changed:
                        self._set(self._by_name[rule], contact_id, at)
                        settled += 1
            if len(rows) < SETTLE_BATCH:
                return settled

    def counts(self) -> dict[str, tuple[int, int]]:
        """Per rule name how often it hit and how many of those still wait for their person."""
        rows = execute(
            "SELECT rule, count(*), sum(1 - tagged) FROM tag_rules_hit GROUP BY rule ORDER BY rule"
        ).fetchall()
        return {rule: (hits, int(waiting)) for rule, hits, waiting in rows}

    def hits_by_day(self, first_day: int, last_day: int) -> list[tuple[int, str, int]]:
        """(day, rule, hits) of the brand-local days [first_day, last_day]."""
        rows: list[Any] = execute(
            "SELECT day, rule, count(*) FROM tag_rules_hit WHERE day BETWEEN ? AND ? GROUP BY day, rule",
            (first_day, last_day),
        ).fetchall()
        return rows

    def _known(self) -> str:
        return f"AND h.rule IN ({', '.join('?' * len(self._by_name))})" if self._by_name else "AND 1 = 0"

    def _set(self, rule: Rule, contact_id: int, at: int) -> None:
        tags = self.brand.tags
        tag_id = tags.find(rule.group, rule.tag)
        if tag_id is None:
            # The rule is new: its tag is made when it is first needed, with the plan it serves.
            tag_id = tags.define(rule.group, rule.tag, kind="business", plan=rule.plan)
        try:
            tags.add(contact_id, tag_id, origin="auto", actor=f"{NAME}:{rule.name}", at=at)
        except Conflict as exc:
            if exc.code != "retired":
                raise
            log.warning("rule %s: tag %s/%s is retired and was not set", rule.name, rule.group, rule.tag)
