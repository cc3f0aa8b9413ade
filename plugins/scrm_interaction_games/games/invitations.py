"""Rows of inviters, invitees and rungs: who invited whom, what proves that an invitee counts, what was paid."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import SAME_PEOPLE, day_start, execute, standing

from .ladder import Rung
from .social_schemas import GATES

if TYPE_CHECKING:
    from scrm_core.api import Brand

GATE_ORDER = GATES
_EVER = 2**53
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 12
PAGE = 500
"""Invitees who are read at a time by the periodic look."""
_RELATION = "id, campaign_id, inviter_id, contact_id, state, bound_at, qualified_at, reversible_until"


@dataclass(frozen=True, slots=True)
class InviterView:
    """Somebody who invites: the contact that they are now, their code and how many invitees count."""

    id: int
    contact_id: int
    code: str
    qualified: int


@dataclass(frozen=True, slots=True)
class RelationView:
    """An invitee (``contact_id``) and whose they are; ``state`` is locked, qualified or void."""

    id: int
    campaign_id: int
    inviter_id: int
    contact_id: int
    state: str
    bound_at: int
    qualified_at: int | None
    reversible_until: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """A gate passed at an instant, and what proves it."""

    at: int
    evidence: str


# Inviters ----------------------------------------------------------------------


def enrol(campaign_id: int, contact_id: int, now: int) -> InviterView:
    """The person's row as an inviter, made when there is none."""
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
    execute(
        "INSERT INTO interaction_games_inviter (campaign_id, contact_id, code, qualified, created_at) "
        "VALUES (?, ?, ?, 0, ?) ON CONFLICT (campaign_id, contact_id) DO NOTHING",
        (campaign_id, contact_id, code, now),
    )
    found = of_person(campaign_id, contact_id)
    assert found is not None
    return found


def of_person(campaign_id: int, contact_id: int) -> InviterView | None:
    """The person's row as an inviter, or None."""
    return _inviter("i.campaign_id = ? AND i.contact_id = ?", (campaign_id, contact_id))


def by_code(campaign_id: int, code: str) -> InviterView | None:
    """Whose code this is, or None."""
    return _inviter("i.campaign_id = ? AND i.code = ?", (campaign_id, code[:64]))


def inviter(inviter_id: int) -> InviterView:
    """The inviter with this id."""
    found = _inviter("i.id = ?", (inviter_id,))
    assert found is not None
    return found


def unpaid_inviters(campaign_id: int) -> list[InviterView]:
    """Inviters with invitees that count and no rung yet."""
    rows = execute(
        "SELECT i.id, i.contact_id, i.code, i.qualified FROM interaction_games_inviter i WHERE i.campaign_id = ? "
        "AND i.qualified > 0 AND NOT EXISTS (SELECT 1 FROM interaction_games_rung r WHERE r.inviter_id = i.id) "
        "ORDER BY i.id",
        (campaign_id,),
    ).fetchall()
    return [InviterView(*row) for row in rows]


def count(inviter_id: int, change: int) -> int:
    """Count an invitee more or less; the row stays locked until the end of the transaction. Returns the new count."""
    (qualified,) = execute(
        "UPDATE interaction_games_inviter SET qualified = qualified + ? WHERE id = ? RETURNING qualified",
        (change, inviter_id),
    ).fetchone()
    return int(qualified)


def _inviter(where: str, params: tuple[Any, ...]) -> InviterView | None:
    # A row that a merge could not move stays with the merged contact: it stands for the one who stays.
    row = execute(
        f"SELECT i.id, i.contact_id, i.code, i.qualified FROM interaction_games_inviter i WHERE {where}", params
    ).fetchone()
    if row is None:
        return None
    inviter_id, contact_id, code, qualified = row
    return InviterView(inviter_id, standing(contact_id), code, qualified)


# Invitees ----------------------------------------------------------------------


def hold_campaign(campaign_id: int) -> None:
    """Let no other acceptance of the campaign go on until this transaction ends; SQLite has one writer anyway."""
    execute("UPDATE interaction_games_campaign SET version = version WHERE id = ?", (campaign_id,))


def is_new(contact_id: int, since: int, *, ordered_since: int | None = None) -> bool:
    """Whether a person is new: no valid order, and no membership or friendship that began before ``since``.

    Orders count from all times, or only those that were paid before ``ordered_since``.
    """
    row = execute(
        "SELECT 1 FROM orders WHERE contact_id = ? AND valid = 1 AND paid_at < ? "
        "UNION ALL SELECT 1 FROM membership WHERE contact_id = ? AND joined_at < ? "
        "UNION ALL SELECT 1 FROM contact WHERE id = ? AND lead_at < ? LIMIT 1",
        (contact_id, _EVER if ordered_since is None else ordered_since, contact_id, since, contact_id, since),
    ).fetchone()
    return row is None


def leads_to(campaign_id: int, contact_id: int, searched: int) -> bool:
    """Whether the chain of those who invited a person leads up to ``searched``."""
    seen = {contact_id}
    bound = relation_of(campaign_id, contact_id)
    while bound is not None and bound.state != "void":
        above = inviter(bound.inviter_id).contact_id
        if above == searched:
            return True
        if above in seen:
            return False
        seen.add(above)
        bound = relation_of(campaign_id, above)
    return False


def obstacle(found: RelationView, since: int) -> str:
    """Why an invitation does not count, as people are known now; an empty text when it may.

    ``self``: inviter and invitee are one person. ``twice``: the person was
    invited before, as somebody else. ``not_new``: they were a customer, member
    or friend before ``since``. ``circle``: they invited their inviter.
    """
    person = standing(found.contact_id)
    above = inviter(found.inviter_id).contact_id
    if above == person:
        return "self"
    first = relation_of(found.campaign_id, person)
    if first is not None and first.id != found.id and first.state != "void":
        return "twice"
    if not is_new(person, since, ordered_since=since):
        return "not_new"
    return "circle" if leads_to(found.campaign_id, above, person) else ""


def bind(
    campaign_id: int, inviter_id: int, contact_id: int, now: int, *, day_began: int, per_day: int | None
) -> RelationView | None:
    """Lock an invitee to an inviter; None when the inviter's invitations since ``day_began`` are used up."""
    most = 2**53 if per_day is None else per_day
    row = execute(
        "INSERT INTO interaction_games_relation (campaign_id, inviter_id, contact_id, state, reason, bound_at) "
        "SELECT CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT), 'locked', '', CAST(? AS BIGINT) "
        "WHERE (SELECT count(*) FROM interaction_games_relation WHERE inviter_id = ? AND bound_at >= ?) < ? "
        "RETURNING id",
        (campaign_id, inviter_id, contact_id, now, inviter_id, day_began, most),
    ).fetchone()
    return relation(row[0]) if row is not None else None


def day_began(brand: Brand, now: int) -> int:
    """The instant at which the brand's day began."""
    return day_start(brand.day(now), brand.zone)


def relation(relation_id: int) -> RelationView:
    """The relation with this id."""
    row = execute(f"SELECT {_RELATION} FROM interaction_games_relation WHERE id = ?", (relation_id,)).fetchone()
    return RelationView(*row)


def relation_of(campaign_id: int, contact_id: int) -> RelationView | None:
    """Who invited this person first, or None; one that came to nothing only when there is no other."""
    found = relations_of(campaign_id, contact_id)
    return found[0] if found else None


def relations_of(campaign_id: int, contact_id: int) -> list[RelationView]:
    """Every invitation that this person accepted as whatever contact, the one that stands first."""
    rows = execute(
        f"{SAME_PEOPLE}SELECT {_RELATION} FROM interaction_games_relation WHERE campaign_id = ? "
        "AND contact_id IN (SELECT id FROM same) ORDER BY CASE state WHEN 'void' THEN 1 ELSE 0 END, bound_at, id",
        (contact_id, campaign_id),
    ).fetchall()
    return [RelationView(*row) for row in rows]


def invitees(inviter_id: int, limit: int = 50) -> list[RelationView]:
    """The latest invitees of a person."""
    rows = execute(
        f"SELECT {_RELATION} FROM interaction_games_relation WHERE inviter_id = ? ORDER BY id DESC LIMIT ?",
        (inviter_id, limit),
    ).fetchall()
    return [RelationView(*row) for row in rows]


def waiting(
    campaign_id: int, gates: Sequence[str], *, fresh_ms: int, until: int, after: int = 0
) -> list[RelationView]:
    """A page of invitees who do not count yet and of whom something is known that was not noted; ids above ``after``.

    It is what happened from ``fresh_ms`` before they accepted until ``until``.
    Invitees who were merged since are read always.
    """
    news = " OR ".join(f"{_NOT_NOTED} AND EXISTS ({_NEWS[gate]}))" for gate in gates)
    params = [value for gate in gates for value in (gate, fresh_ms, until)]
    rows = execute(
        f"SELECT {_RELATION} FROM interaction_games_relation r WHERE campaign_id = ? AND state = 'locked' AND id > ? "
        f"AND ({news} OR EXISTS (SELECT 1 FROM contact m WHERE m.id = r.contact_id AND m.merged_into_id IS NOT NULL)) "
        "ORDER BY id LIMIT ?",
        (campaign_id, after, *params, PAGE),
    ).fetchall()
    return [RelationView(*row) for row in rows]


_NOT_NOTED = (
    "(NOT EXISTS (SELECT 1 FROM interaction_games_relation_step s WHERE s.relation_id = r.id AND s.gate = ?)"
)
_NEWS = {
    "joined": "SELECT 1 FROM contact p WHERE p.id = r.contact_id AND p.lead_at >= r.bound_at - ? AND p.lead_at < ?",
    "member": "SELECT 1 FROM membership p WHERE p.contact_id = r.contact_id AND p.left_at IS NULL "
    "AND p.joined_at >= r.bound_at - ? AND p.joined_at < ?",
    "claimed_pack": "SELECT 1 FROM interaction_games_pack p WHERE p.contact_id = r.contact_id "
    "AND p.campaign_id = r.campaign_id AND p.at >= r.bound_at - ? AND p.at < ?",
    "first_order": "SELECT 1 FROM orders p WHERE p.contact_id = r.contact_id AND p.valid = 1 "
    "AND p.paid_at >= r.bound_at - ? AND p.paid_at < ?",
}


def qualify(relation_id: int, at: int, reversible_until: int) -> bool:
    """Let an invitee count, once; False when that has been done."""
    return bool(
        execute(
            "UPDATE interaction_games_relation SET state = 'qualified', qualified_at = ?, reversible_until = ?, "
            "reason = '' WHERE id = ? AND state = 'locked'",
            (at, reversible_until, relation_id),
        ).rowcount
        == 1
    )


def void(relation_id: int, reason: str) -> bool:
    """Let an invitee who did not count never count; False when they do."""
    done = execute(
        "UPDATE interaction_games_relation SET state = 'void', reason = ? WHERE id = ? AND state = 'locked'",
        (reason, relation_id),
    ).rowcount
    if done:
        _forget_steps(relation_id)
    return bool(done)


def revoke(relation_id: int, reason: str, at: int, window_ms: int) -> bool:
    """Let an invitee who counted count no more; False when they did not, or have for longer than ``window_ms``."""
    done = execute(
        "UPDATE interaction_games_relation SET state = 'void', reason = ?, qualified_at = NULL, "
        "reversible_until = NULL WHERE id = ? AND state = 'qualified' "
        "AND (reversible_until > ? OR qualified_at + ? > ?)",
        (reason, relation_id, at, window_ms, at),
    ).rowcount
    if done:
        _forget_steps(relation_id)
    return bool(done)


def reopen(relation_id: int) -> None:
    """What kept an invitee from counting is no longer so: they may count again."""
    execute(
        "UPDATE interaction_games_relation SET state = 'locked', reason = '' WHERE id = ? AND state = 'void'",
        (relation_id,),
    )


def _forget_steps(relation_id: int) -> None:
    execute("DELETE FROM interaction_games_relation_step WHERE relation_id = ?", (relation_id,))


def withdraw(found: RelationView, at: int) -> str:
    """The first order is no proof any more; returns the state the relation had, or an empty text past the window."""
    if found.state == "qualified":
        back = execute(
            "UPDATE interaction_games_relation SET state = 'locked', reason = 'refunded', qualified_at = NULL, "
            "reversible_until = NULL WHERE id = ? AND state = 'qualified' AND reversible_until > ?",
            (found.id, at),
        )
        if back.rowcount != 1:
            return ""
    execute(
        "DELETE FROM interaction_games_relation_step WHERE relation_id = ? AND gate = 'first_order'", (found.id,)
    )
    return found.state


# Gates -------------------------------------------------------------------------


def steps(relation_id: int) -> dict[str, Step]:
    """The gates that an invitee passed."""
    rows = execute(
        "SELECT gate, at, evidence FROM interaction_games_relation_step WHERE relation_id = ?", (relation_id,)
    ).fetchall()
    return {gate: Step(at, text) for gate, at, text in rows}


def add_step(relation_id: int, gate: str, step: Step) -> None:
    """Note a gate once."""
    execute(
        "INSERT INTO interaction_games_relation_step (relation_id, gate, at, evidence) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (relation_id, gate) DO NOTHING",
        (relation_id, gate, step.at, step.evidence),
    )


def note_pack(campaign_id: int, contact_id: int, step: Step) -> None:
    """A person claimed the campaign's pack: the first time is kept, whether or not they accepted an invitation yet."""
    execute(
        "INSERT INTO interaction_games_pack (campaign_id, contact_id, at, evidence) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (campaign_id, contact_id) DO NOTHING",
        (campaign_id, contact_id, step.at, step.evidence),
    )


def evidence(gate: str, campaign_id: int, contact_id: int) -> Step | None:
    """What proves that a person has passed a gate, from the brand's own records; None when nothing does."""
    if gate == "claimed_pack":
        row = execute(_PACK, (contact_id, campaign_id)).fetchone()
    else:
        row = execute(_PROOFS[gate], (contact_id,)).fetchone()
    return Step(row[0], " ".join(part for part in row[1:] if part)) if row is not None else None


_PACK = (
    f"{SAME_PEOPLE}SELECT at, evidence FROM interaction_games_pack WHERE contact_id IN (SELECT id FROM same) "
    "AND campaign_id = ? ORDER BY at, id LIMIT 1"
)
_PROOFS = {
    "joined": "SELECT lead_at, 'lead' FROM contact WHERE id = ? AND lead_at IS NOT NULL",
    "member": "SELECT joined_at, 'member', identity FROM membership WHERE contact_id = ? AND left_at IS NULL "
    "ORDER BY joined_at, id LIMIT 1",
    "first_order": "SELECT paid_at, 'order', source, number FROM orders WHERE contact_id = ? AND valid = 1 "
    "ORDER BY paid_at, id LIMIT 1",
}


def of_order(campaign_id: int, source: str, number: str) -> RelationView | None:
    """The relation that an order was the proof of."""
    row = execute(OF_ORDER, (f"order {source} {number}", campaign_id)).fetchone()
    return relation(row[0]) if row is not None else None


OF_ORDER = (
    "SELECT s.relation_id FROM interaction_games_relation_step s JOIN interaction_games_relation r "
    "ON r.id = s.relation_id WHERE s.gate = 'first_order' AND s.evidence = ? AND r.campaign_id = ?"
)
"""Asked at every refund of the brand: an index leads to the few steps with this evidence."""


# Rungs -------------------------------------------------------------------------


def rungs_paid(inviter_id: int) -> dict[int, str]:
    """State of each rung that was reached, by its number of invitees."""
    rows = execute(
        "SELECT invites, state FROM interaction_games_rung WHERE inviter_id = ?", (inviter_id,)
    ).fetchall()
    return dict(rows)


def rung_nth(inviter_id: int, invites: int) -> int:
    """Which time a rung is paid."""
    (nth,) = execute(
        "SELECT nth FROM interaction_games_rung WHERE inviter_id = ? AND invites = ?", (inviter_id, invites)
    ).fetchone()
    return int(nth)


def take_rung(inviter_id: int, rung: Rung, now: int) -> int | None:
    """Take a rung to pay it: once per person, and again after it was revoked. Returns the how-many-th time, or None."""
    made = execute(
        "INSERT INTO interaction_games_rung (inviter_id, invites, prize, nth, state, at) "
        "VALUES (?, ?, ?, 1, 'granted', ?) ON CONFLICT (inviter_id, invites) DO UPDATE SET "
        "state = 'granted', nth = interaction_games_rung.nth + 1, at = excluded.at "
        "WHERE interaction_games_rung.state = 'revoked' RETURNING nth",
        (inviter_id, rung.invites, rung.prize, now),
    ).fetchone()
    return int(made[0]) if made is not None else None


def rung_state(inviter_id: int, invites: int, state: str) -> None:
    """Note what became of a rung."""
    execute(
        "UPDATE interaction_games_rung SET state = ? WHERE inviter_id = ? AND invites = ?", (state, inviter_id, invites)
    )
