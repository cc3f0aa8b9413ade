"""Rows of invitees: whose they are, what they passed, and what of the brand's records proves it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import SAME_PEOPLE, execute, standing

from . import campaigns
from .definition import Definition, Gate

if TYPE_CHECKING:
    from scrm_core.api import Brand

PAGE = 500
_EVER = 2**53
_RELATION = (
    "SELECT r.id, r.uid, r.campaign_id, r.inviter_id, r.contact_id, r.state, r.reason, r.source, r.staff, r.bound_at, "
    "r.since, r.qualified_at, r.reversible_until, r.score, r.signals, r.cleared, r.refunds, r.over_cap "
    "FROM referral_relation r "
)


@dataclass(frozen=True, slots=True)
class Relation:
    """An invitee; ``contact_id`` is the person that they are now, None once erased."""

    id: int
    uid: str
    campaign_id: int
    inviter_id: int
    contact_id: int | None
    state: str
    reason: str
    source: str
    staff: str
    bound_at: int
    since: int
    qualified_at: int | None
    reversible_until: int | None
    score: int
    signals: list[dict[str, Any]]
    cleared: bool
    refunds: int
    over_cap: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A gate passed at the instant of the event, what proves it, and the event that told it where there is one."""

    at: int
    evidence: str
    event_id: int | None = None


def select(where: str, params: Sequence[Any], before: str = "") -> list[Relation]:
    """Relations by a condition on ``referral_relation r``."""
    rows = execute(before + _RELATION + where, params).fetchall()
    return [
        Relation(
            *row[:4], None if row[4] is None else standing(row[4]), *row[5:14], json.loads(row[14]),
            bool(row[15]), row[16], bool(row[17]),
        )
        for row in rows
    ]  # fmt: skip


def get(relation_id: int) -> Relation:
    """The relation with this id."""
    return select("WHERE r.id = ?", (relation_id,))[0]


def of_person(campaign_id: int, contact_id: int) -> list[Relation]:
    """Every relation of a person as whatever contact, the one that stands first."""
    return select(
        "WHERE r.campaign_id = ? AND r.contact_id IN (SELECT id FROM same) "
        "ORDER BY CASE r.state WHEN 'void' THEN 1 ELSE 0 END, r.bound_at, r.id",
        (contact_id, campaign_id), SAME_PEOPLE,
    )  # fmt: skip


def unfinished(campaign_id: int, after: int) -> list[Relation]:
    """A page of invitees who may still pass gates."""
    return select(
        "WHERE r.campaign_id = ? AND r.state = 'locked' AND r.contact_id IS NOT NULL AND r.id > ? "
        "ORDER BY r.id LIMIT ?",
        (campaign_id, after, PAGE),
    )


def steps(relation_id: int) -> dict[str, Step]:
    """The gates that an invitee passed."""
    rows = execute(
        "SELECT gate, at, evidence, event_id FROM referral_step WHERE relation_id = ? ORDER BY at, id", (relation_id,)
    ).fetchall()
    return {row[0]: Step(*row[1:]) for row in rows}


def add_step(relation_id: int, gate: str, step: Step) -> None:
    """Note a gate once."""
    execute(
        "INSERT INTO referral_step (relation_id, gate, at, evidence, event_id) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (relation_id, gate) DO NOTHING",
        (relation_id, gate, step.at, step.evidence, step.event_id),
    )


def drop_steps(relation_id: int, gate: str = "") -> None:
    """Forget one gate, or all."""
    execute(
        "DELETE FROM referral_step WHERE relation_id = ? AND (gate = ? OR CAST(? AS TEXT) = '')",
        (relation_id, gate, gate),
    )


def of_order(source: str, number: str) -> list[Relation]:
    """Relations that an order was the proof of."""
    rows = execute(
        "SELECT relation_id FROM referral_step WHERE evidence = ? AND gate = 'first_order' ORDER BY relation_id",
        (f"order {source} {number}",),
    ).fetchall()
    return [get(row[0]) for row in rows]


# Who is new --------------------------------------------------------------------


def is_new(contact_id: int, since: int, *, ordered_since: int | None = None) -> bool:
    """Whether a person is new (growth.md 1.2): no valid order, membership or friendship that began before ``since``.

    Friendship is the first there ever was: deleting and adding again makes nobody new.
    """
    row = execute(
        "SELECT 1 FROM orders WHERE contact_id = ? AND valid = 1 AND paid_at < ? "
        "UNION ALL SELECT 1 FROM membership WHERE contact_id = ? AND joined_at < ? "
        "UNION ALL SELECT 1 FROM contact WHERE id = ? AND lead_at < ? LIMIT 1",
        (contact_id, since if ordered_since is None else ordered_since, contact_id, since, contact_id, since),
    ).fetchone()
    return row is None


def leads_to(campaign_id: int, contact_id: int, searched: int) -> bool:
    """Whether the chain of those who invited a person leads up to ``searched``."""
    seen: set[int] = set()
    above: int | None = contact_id
    while above is not None and above not in seen:
        seen.add(above)
        bound = of_person(campaign_id, above)
        if not bound or bound[0].state == "void":
            return False
        above = campaigns.by_id(bound[0].inviter_id).contact_id
        if above == searched:
            return True
    return False


def obstacle(relation: Relation) -> str:
    """Why an invitee does not count, as people are known now; an empty text when they may.

    ``self``: inviter and invitee are one person. ``twice``: the person was invited
    before, as somebody else. ``not_new``: a customer, member or friend before.
    ``circle``: they invited their inviter.
    """
    person = relation.contact_id
    above = campaigns.by_id(relation.inviter_id).contact_id
    if person is None or above is None:
        return ""
    if above == person:
        return "self"
    first = of_person(relation.campaign_id, person)[0]
    if first.id != relation.id and first.state != "void":
        return "twice"
    if not is_new(person, relation.since):
        return "not_new"
    return "circle" if leads_to(relation.campaign_id, above, person) else ""


def candidate(campaign_id: int, contact_id: int, at: int, days_ms: int) -> tuple[campaigns.Inviter, int] | None:
    """Whose invitation a person opened first within the attribution window before ``at``, and when; None for nobody's.

    A click that the core put down to the contact counts, and one told by a mini program.
    """
    row = execute(
        f"{SAME_PEOPLE}SELECT i.id, t.at FROM (SELECT l.code AS code, v.at AS at, NULL AS inviter_id FROM visit v "
        "JOIN link l ON l.id = v.link_id WHERE v.contact_id IN (SELECT id FROM same) AND v.bot = 0 "
        "AND l.owner = 'referral' UNION ALL SELECT NULL, d.at, d.inviter_id FROM referral_candidate d "
        "WHERE d.contact_id IN (SELECT id FROM same)) t "
        "JOIN referral_inviter i ON i.code = t.code OR i.id = t.inviter_id "
        "WHERE i.campaign_id = ? AND t.at <= ? AND t.at > ? ORDER BY t.at, i.id LIMIT 1",
        (contact_id, campaign_id, at, at - days_ms),
    ).fetchone()
    return None if row is None else (campaigns.by_id(row[0]), int(row[1]))


# What proves a gate --------------------------------------------------------------


def evidence(brand: Brand, gate: Gate, relation: Relation, at: int) -> Step | None:
    """What proves that an invitee passed a gate, at the time of the event itself; None when nothing does.

    A target person is looked up as they are now: that gate counts from ``at``.
    """
    person = relation.contact_id
    if gate.name == "target":
        where = brand.segments.condition(gate.segment)
        row = execute(
            f"SELECT 1 FROM contact c WHERE c.id = ? AND c.state = 'active' AND {where.text}", (person, *where.params)
        ).fetchone()
        return None if row is None else Step(at, f"segment {gate.segment}")
    if gate.name == "pack":
        row = execute(
            "SELECT at, event_id FROM referral_pack WHERE contact_id = ? AND campaign_id = ? AND at >= ? "
            "ORDER BY at, id LIMIT 1",
            (person, relation.campaign_id, relation.since),
        ).fetchone()
        return None if row is None else Step(row[0], f"event {row[1]}", row[1])
    sql, more = _PROOFS[gate.name]
    row = execute(sql, (person, relation.since, *(getattr(gate, name) for name in more))).fetchone()
    return None if row is None else Step(row[0], " ".join(part for part in row[1:] if part))


_PROOFS: dict[str, tuple[str, tuple[str, ...]]] = {
    "added": ("SELECT lead_at, 'lead' FROM contact WHERE id = ? AND lead_at >= ?", ()),
    "joined_group": (
        "SELECT m.joined_at, 'group', g.code FROM group_member m JOIN chat_group g ON g.id = m.group_id "
        "WHERE m.contact_id = ? AND m.joined_at >= ? AND g.code = ? AND m.left_at IS NULL ORDER BY m.joined_at LIMIT 1",
        ("group",),
    ),
    "member": (
        "SELECT joined_at, 'member', identity FROM membership WHERE contact_id = ? AND left_at IS NULL "
        "AND joined_at >= ? ORDER BY joined_at, id LIMIT 1",
        (),
    ),
    "first_order": (
        "SELECT paid_at, 'order', source, number FROM orders WHERE contact_id = ? AND valid = 1 AND paid_at >= ? "
        "AND paid_minor - refund_minor >= ? ORDER BY paid_at, id LIMIT 1",
        ("min_minor",),
    ),
}


def holds(made: Definition, relation: Relation, name: str, step: Step) -> bool:
    """Whether what proved a gate still belongs to the person: orders, memberships and packs move with contacts."""
    if name == "first_order":
        gate = made.gate(name)
        return gate is not None and order_holds(relation, gate, step)
    if name == "member":
        sql = "SELECT 1 FROM membership WHERE contact_id = ? AND joined_at = ?"
        return execute(sql, (relation.contact_id, step.at)).fetchone() is not None
    if name == "pack":
        sql = "SELECT 1 FROM referral_pack WHERE contact_id = ? AND event_id = ?"
        return execute(sql, (relation.contact_id, step.event_id)).fetchone() is not None
    return True


def reversible(campaign_id: int, now: int, after: int) -> list[Relation]:
    """A page of invitees who count, or are held, and may still be revoked."""
    return select(
        "WHERE r.campaign_id = ? AND r.state IN ('qualified', 'held') AND r.contact_id IS NOT NULL "
        "AND r.reversible_until > ? AND r.id > ? ORDER BY r.id LIMIT ?",
        (campaign_id, now, after, PAGE),
    )


def order_holds(relation: Relation, gate: Gate, step: Step) -> bool:
    """Whether the order that proved a gate still does: valid, and worth enough after its refunds."""
    row = execute(
        "SELECT 1 FROM orders WHERE contact_id = ? AND 'order ' || source || ' ' || number = ? AND valid = 1 "
        "AND paid_minor - refund_minor >= ?",
        (relation.contact_id, step.evidence, gate.min_minor),
    ).fetchone()
    return row is not None


def steps_of_event(made: Definition, name: str, match: dict[str, Any], plugin: str) -> bool:
    """Whether a plugin's event is the claim of the campaign's newcomer pack."""
    gate = made.gate("pack")
    if gate is None or (gate.plugin, gate.event) != (plugin, name):
        return False
    return all(match.get(key) == value for key, value in gate.match)
