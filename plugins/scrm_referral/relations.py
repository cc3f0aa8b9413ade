"""Rows of invitees: whose they are, what they passed, and what of the brand's records proves it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import SAME_PEOPLE, Invalid, execute, fetch_in, page_size

from . import inviters
from .campaigns import Campaign
from .definition import HOUR_MS, Definition, Gate
from .people import standing_all

if TYPE_CHECKING:
    from scrm_core.api import Brand

PAGE = 500
STATES = ("locked", "held", "qualified", "void")
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
    """A gate passed at the instant of the event, what proves it, and the event that told it where there is one.

    ``order_id`` is the core's id of the order that proves a first order.
    """

    at: int
    evidence: str
    event_id: int | None = None
    order_id: int | None = None


def select(where: str, params: Sequence[Any], before: str = "") -> list[Relation]:
    """Relations by a condition on ``referral_relation r``."""
    rows = execute(before + _RELATION + where, params).fetchall()
    now = standing_all(row[4] for row in rows)
    return [
        Relation(
            *row[:4], now[row[4]], *row[5:14], json.loads(row[14]),
            bool(row[15]), row[16], bool(row[17]),
        )
        for row in rows
    ]  # fmt: skip


def get(relation_id: int) -> Relation:
    """The relation with this id."""
    return select("WHERE r.id = ?", (relation_id,))[0]


def page(
    campaign_id: int, *, state: str = "", inviter: int | None = None, after: int = 0, limit: int = 100
) -> list[Relation]:
    """Invitees of a campaign, oldest first; of one ``state``, of one inviter (a contact) when asked.

    Raises Invalid for a state or a limit that there is not.
    """
    if state not in ("", *STATES):
        raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
    page_size(limit, 1_000)
    # Only what is asked for stands in the statement: that is what an index answers.
    where = "WHERE r.campaign_id = ? AND r.id > ?"
    params: list[int | str] = [campaign_id, after]
    if state:
        where, params = f"{where} AND r.state = ?", [*params, state]
    if inviter is not None:
        ids = [each.id for each in inviters.of_person(campaign_id, inviter)]
        where, params = f"{where} AND r.inviter_id IN ({', '.join('?' * len(ids)) or 'NULL'})", [*params, *ids]
    return select(f"{where} ORDER BY r.id LIMIT ?", [*params, limit])


def of_person(campaign_id: int, contact_id: int) -> list[Relation]:
    """Every relation of a person as whatever contact, the one that stands first."""
    return select(
        "WHERE r.campaign_id = ? AND r.contact_id IN (SELECT id FROM same) "
        "ORDER BY CASE r.state WHEN 'void' THEN 1 ELSE 0 END, r.bound_at, r.id",
        (contact_id, campaign_id), SAME_PEOPLE,
    )  # fmt: skip


def steps(relation_id: int) -> dict[str, Step]:
    """The gates that an invitee passed."""
    return steps_of([relation_id])[relation_id]


def steps_of(relation_ids: Sequence[int]) -> dict[int, dict[str, Step]]:
    """The gates that each of several invitees passed, first to last."""
    found: dict[int, dict[str, Step]] = {each: {} for each in relation_ids}
    sql = (
        "SELECT relation_id, gate, at, evidence, event_id, order_id FROM referral_step "
        "WHERE relation_id IN ({in}) ORDER BY at, id"
    )
    for row in sorted(fetch_in(sql, list(found)), key=lambda each: each[2]):
        found[row[0]][row[1]] = Step(*row[2:])
    return found


def waiting() -> dict[int, int]:
    """How many invitees are held, by campaign: no more than a hundred and one of each are counted."""
    rows = execute(
        "SELECT c.id, (SELECT count(*) FROM (SELECT 1 FROM referral_relation r WHERE r.campaign_id = c.id "
        "AND r.state = 'held' LIMIT 101) t) FROM referral_campaign c"
    ).fetchall()
    return dict(rows)


def reviews_of(relation_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Who said what about each of several invitees, first to last."""
    found: dict[int, list[dict[str, Any]]] = {each: [] for each in relation_ids}
    sql = "SELECT id, relation_id, verdict, reason, actor, at FROM referral_review WHERE relation_id IN ({in})"
    for row in sorted(fetch_in(sql, list(found))):
        found[row[1]].append(dict(zip(("verdict", "reason", "actor", "at"), row[2:], strict=True)))
    return found


def add_step(relation_id: int, gate: str, step: Step) -> None:
    """Note a gate once."""
    execute(
        "INSERT INTO referral_step (relation_id, gate, at, evidence, event_id, order_id) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (relation_id, gate) DO NOTHING",
        (relation_id, gate, step.at, step.evidence, step.event_id, step.order_id),
    )


def drop_steps(relation_id: int, gate: str = "") -> None:
    """Forget one gate, or all."""
    execute(
        "DELETE FROM referral_step WHERE relation_id = ? AND (gate = ? OR CAST(? AS TEXT) = '')",
        (relation_id, gate, gate),
    )


def of_order(order_id: int) -> list[int]:
    """Ids of the relations that an order is the proof of."""
    sql = "SELECT relation_id FROM referral_step WHERE order_id = ? ORDER BY relation_id"
    return [int(row[0]) for row in execute(sql, (order_id,)).fetchall()]


# Who is new --------------------------------------------------------------------


def new_from(campaign: Campaign, since: int) -> tuple[int, int]:
    """From which instants on (membership, friendship or pack; order) is new of somebody with this ``since``.

    A membership may precede the first touch by ``fresh_hours``, for people register on their way in. An order may
    not: who bought before they were invited was nobody's to recruit. Nothing from before the campaign counts.
    """
    began = campaign.began_at()
    return max(began, since), max(began, since + campaign.definition.fresh_hours * HOUR_MS)


def is_new(campaign: Campaign, contact_id: int, since: int) -> bool:
    """Whether a person is new: no valid order, membership or friendship before :func:`new_from`.

    Friendship is the first there ever was: deleting and adding again makes nobody new.
    """
    others, orders = new_from(campaign, since)
    row = execute(
        "SELECT 1 FROM orders WHERE contact_id = ? AND valid = 1 AND paid_at < ? "
        "UNION ALL SELECT 1 FROM membership WHERE contact_id = ? AND joined_at < ? "
        "UNION ALL SELECT 1 FROM contact WHERE id = ? AND lead_at < ? LIMIT 1",
        (contact_id, orders, contact_id, others, contact_id, others),
    ).fetchone()
    return row is None


def leads_to(campaign_id: int, contact_id: int, searched: int) -> bool:
    """Whether the chain of those who invited a person leads up to ``searched``."""
    return any(above == searched for above in ancestors(campaign_id, contact_id))


def ancestors(campaign_id: int, contact_id: int) -> Iterator[int]:
    """Who invited a person, who invited those, and so on, each once."""
    seen = {contact_id}
    above: int | None = contact_id
    while above is not None:
        bound = of_person(campaign_id, above)
        if not bound or bound[0].state == "void":
            return
        above = inviters.by_id(bound[0].inviter_id).contact_id
        if above is not None:
            yield above
            if above in seen:
                return
            seen.add(above)


def obstacle(campaign: Campaign, relation: Relation) -> str:
    """Why an invitee does not count, as people are known now; an empty text when they may.

    ``self``: inviter and invitee are one person. ``twice``: the person was invited
    before, as somebody else. ``not_new``: a customer, member or friend before.
    ``circle``: they invited their inviter.
    """
    person = relation.contact_id
    above = inviters.by_id(relation.inviter_id).contact_id
    if person is None or above is None:
        return ""
    if above == person:
        return "self"
    first = of_person(relation.campaign_id, person)[0]
    if first.id != relation.id and first.state != "void":
        return "twice"
    if not is_new(campaign, person, relation.since):
        return "not_new"
    return "circle" if leads_to(relation.campaign_id, above, person) else ""


def candidate(campaign_id: int, contact_id: int, at: int, days_ms: int) -> tuple[inviters.Inviter, int] | None:
    """Whose invitation a person opened first within the attribution window before ``at``, and when; None for nobody's.

    A click that the core put down to the contact counts, and one told by a mini program.
    The invitation of somebody who has left, and one's own, are nobody's.
    """
    row = execute(
        f"{SAME_PEOPLE}SELECT i.id, t.at FROM (SELECT o.id AS inviter_id, v.at AS at FROM visit v "
        "JOIN link l ON l.id = v.link_id JOIN referral_inviter o ON o.code = l.code "
        "WHERE v.contact_id IN (SELECT id FROM same) AND v.bot = 0 AND l.owner = 'referral' "
        "UNION ALL SELECT d.inviter_id, d.at FROM referral_candidate d WHERE d.contact_id IN (SELECT id FROM same)) t "
        "JOIN referral_inviter i ON i.id = t.inviter_id WHERE i.campaign_id = ? AND t.at <= ? AND t.at > ? "
        "AND i.contact_id IS NOT NULL AND i.contact_id NOT IN (SELECT id FROM same) "
        "AND (i.left_at IS NULL OR i.left_at > ?) ORDER BY t.at, i.id LIMIT 1",
        (contact_id, campaign_id, at, at - days_ms, at),
    ).fetchone()
    return None if row is None else (inviters.by_id(row[0]), int(row[1]))


# What proves a gate --------------------------------------------------------------


def evidence(brand: Brand, campaign: Campaign, gate: Gate, relation: Relation, at: int) -> Step | None:
    """What proves that an invitee passed a gate, at the time of the event itself; None when nothing does.

    A target person is looked up as they are now: that gate counts from ``at``.
    """
    if gate.name == "target":
        where, params = _target(brand, gate, "?")
        row = execute(f"SELECT 1 FROM {where}", (relation.contact_id, *params)).fetchone()
        return None if row is None else Step(at, f"segment {gate.segment}")
    proof = _PROOFS[gate.name]
    others, orders = new_from(campaign, relation.since)
    since = orders if gate.name == "first_order" else others
    row = execute(
        f"SELECT {proof.at}, {proof.words}, {proof.event_id}, {proof.order_id} FROM "
        f"{proof.rows.format(person='?', campaign='?', since='?')} ORDER BY {proof.at}, t.id LIMIT 1",
        (relation.contact_id, *proof.of(relation), since, *proof.members(gate)),
    ).fetchone()
    return None if row is None else Step(*row)


def unfinished(brand: Brand, campaign: Campaign, now: int, after: int) -> list[Relation]:
    """A page of invitees who have passed a gate that nobody has noted yet.

    Those who did nothing since are not looked at: a campaign may have millions of them.
    """
    made, began = campaign.definition, campaign.began_at()
    gates: list[str] = []
    params: list[Any] = []
    for gate in made.gates:
        if gate.name == "target":
            if now >= made.steps_until:
                continue
            rows, more = _target(brand, gate, "r.contact_id")
        else:
            proof = _PROOFS[gate.name]
            since = f"r.since + {made.fresh_hours * HOUR_MS}" if gate.name == "first_order" else "r.since"
            named = proof.rows.format(person="r.contact_id", campaign="r.campaign_id", since=since)
            rows = f"{named} AND {proof.at} >= ? AND {proof.at} < ?"
            more = (*proof.members(gate), began, made.steps_until)
        gates.append(
            "(NOT EXISTS (SELECT 1 FROM referral_step s WHERE s.relation_id = r.id AND s.gate = ?) "
            f"AND EXISTS (SELECT 1 FROM {rows}))"
        )
        params += [gate.name, *more]
    # A row that a merge could not move keeps the merged contact, whose orders are the other's now: always looked at.
    return select(
        "JOIN contact k ON k.id = r.contact_id WHERE r.campaign_id = ? AND r.state = 'locked' AND r.id > ? "
        f"AND ({' OR '.join(['k.merged_into_id IS NOT NULL', *gates])}) ORDER BY r.id LIMIT ?",
        (campaign.id, after, *params, PAGE),
    )


def _target(brand: Brand, gate: Gate, person: str) -> tuple[str, tuple[Any, ...]]:
    where = brand.segments.condition(gate.segment)
    return f"contact c WHERE c.id = {person} AND c.state = 'active' AND {where.text}", tuple(where.params)


@dataclass(frozen=True, slots=True)
class _Proof:
    """Where a gate's proof lies: ``rows`` of a table ``t`` of a ``{person}``, its instant, and the words for it."""

    at: str
    words: str
    rows: str
    takes: tuple[str, ...] = ()
    event_id: str = "NULL"
    order_id: str = "NULL"

    def of(self, relation: Relation) -> tuple[int, ...]:
        """The campaign's id where it is asked for."""
        return (relation.campaign_id,) if "{campaign}" in self.rows else ()

    def members(self, gate: Gate) -> tuple[Any, ...]:
        """Members of the gate that it is asked with."""
        return tuple(getattr(gate, name) for name in self.takes)


_PROOFS = {
    "added": _Proof("t.lead_at", "'lead'", "contact t WHERE t.id = {person} AND t.lead_at >= {since}"),
    "joined_group": _Proof(
        "t.joined_at", "'group ' || g.code",
        "group_member t JOIN chat_group g ON g.id = t.group_id WHERE t.contact_id = {person} "
        "AND t.joined_at >= {since} AND g.code = ? AND t.left_at IS NULL",
        takes=("group",),
    ),
    "pack": _Proof(
        "t.at", "'event ' || t.event_id",
        "referral_pack t WHERE t.contact_id = {person} AND t.campaign_id = {campaign} AND t.at >= {since}",
        event_id="t.event_id",
    ),
    "member": _Proof(
        "t.joined_at", "rtrim('member ' || coalesce(t.identity, ''))",
        "membership t WHERE t.contact_id = {person} AND t.left_at IS NULL AND t.joined_at >= {since}",
    ),
    "first_order": _Proof(
        "t.paid_at", "'order ' || t.source || ' ' || t.number",
        "orders t WHERE t.contact_id = {person} AND t.valid = 1 AND t.paid_at >= {since} "
        "AND t.paid_minor - t.refund_minor >= ?",
        takes=("min_minor",), order_id="t.id",
    ),
}  # fmt: skip


def holds(made: Definition, relation: Relation, name: str, step: Step) -> bool:
    """Whether what proved a gate still belongs to the person: orders, memberships and packs move with contacts."""
    if name == "first_order":
        gate = made.gate(name)
        return gate is not None and order_holds(relation, gate, step)
    if relation.contact_id is None:
        return True
    if name == "member":
        sql = "SELECT 1 FROM membership WHERE contact_id = ? AND joined_at = ?"
        return execute(sql, (relation.contact_id, step.at)).fetchone() is not None
    if name == "pack":
        sql = "SELECT 1 FROM referral_pack WHERE contact_id = ? AND event_id = ?"
        return execute(sql, (relation.contact_id, step.event_id)).fetchone() is not None
    return True


def order_holds(relation: Relation, gate: Gate, step: Step) -> bool:
    """Whether the order that proved a gate still does: the person's, valid, worth enough after its refunds."""
    if step.order_id is None:
        return True  # noted before orders were, of somebody erased or merged since: nothing says that it went back
    row = execute(
        "SELECT contact_id FROM orders WHERE id = ? AND valid = 1 AND paid_minor - refund_minor >= ?",
        (step.order_id, gate.min_minor),
    ).fetchone()
    return row is not None and relation.contact_id in (None, row[0])


def failed(made: Definition, campaign_id: int, after: tuple[int, int]) -> list[Relation]:
    """A page of invitees who count, or are held, and whose first order proves nothing any more.

    By the instant until which they may be revoked, and id: ``after`` is the last such
    pair, or the instant after the present and 0.
    """
    gate = made.gate("first_order")
    if gate is None:
        return []
    return select(
        "WHERE r.campaign_id = ? AND r.state IN ('qualified', 'held') AND r.reversible_until >= ? "
        "AND (r.reversible_until, r.id) > (?, ?) AND EXISTS (SELECT 1 FROM referral_step s "
        "WHERE s.relation_id = r.id AND s.order_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM orders o "
        "WHERE o.id = s.order_id AND o.valid = 1 AND o.paid_minor - o.refund_minor >= ?)) "
        "ORDER BY r.reversible_until, r.id LIMIT ?",
        (campaign_id, after[0], *after, gate.min_minor, PAGE),
    )


def steps_of_event(made: Definition, name: str, match: dict[str, Any], plugin: str) -> bool:
    """Whether a plugin's event is the claim of the campaign's newcomer pack."""
    gate = made.gate("pack")
    if gate is None or (gate.plugin, gate.event) != (plugin, name):
        return False
    return all(match.get(key) == value for key, value in gate.match)
