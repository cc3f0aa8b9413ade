"""Rows of inviters, invitees and rungs: who invited whom, what proves that an invitee counts, what was paid."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import day_start, execute

from .ladder import Rung
from .social_schemas import GATES

if TYPE_CHECKING:
    from scrm_core.api import Brand

GATE_ORDER = GATES
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_CODE_LENGTH = 12
_RELATION = "id, inviter_id, contact_id, state, bound_at, qualified_at, reversible_until"


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
        "SELECT i.id, coalesce(c.merged_into_id, c.id), i.code, i.qualified FROM interaction_games_inviter i "
        f"JOIN contact c ON c.id = i.contact_id WHERE {where}",
        params,
    ).fetchone()
    return InviterView(*row) if row is not None else None


# Invitees ----------------------------------------------------------------------


def hold_campaign(campaign_id: int) -> None:
    """Let no other acceptance of the campaign go on until this transaction ends; SQLite has one writer anyway."""
    execute("UPDATE interaction_games_campaign SET version = version WHERE id = ?", (campaign_id,))


def is_new(contact_id: int, since: int) -> bool:
    """Whether a person is new: no valid order ever, and no membership or friendship that began before ``since``."""
    row = execute(
        "SELECT 1 FROM orders WHERE contact_id = ? AND valid = 1 "
        "UNION ALL SELECT 1 FROM membership WHERE contact_id = ? AND joined_at < ? "
        "UNION ALL SELECT 1 FROM contact WHERE id = ? AND lead_at < ? LIMIT 1",
        (contact_id, contact_id, since, contact_id, since),
    ).fetchone()
    return row is None


def leads_to(campaign_id: int, contact_id: int, searched: int) -> bool:
    """Whether the chain of those who invited a person leads up to ``searched``."""
    seen = {contact_id}
    at: int | None = contact_id
    while at is not None:
        row = execute(
            "SELECT coalesce(c.merged_into_id, c.id) FROM interaction_games_relation r "
            "JOIN interaction_games_inviter i ON i.id = r.inviter_id JOIN contact c ON c.id = i.contact_id "
            "WHERE r.campaign_id = ? AND r.contact_id = ? AND r.state <> 'void'",
            (campaign_id, at),
        ).fetchone()
        at = row[0] if row is not None and row[0] not in seen else None
        if at == searched:
            return True
        if at is not None:
            seen.add(at)
    return False


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
    """Who invited this person, or None."""
    row = execute(
        f"SELECT {_RELATION} FROM interaction_games_relation WHERE campaign_id = ? AND contact_id = ?",
        (campaign_id, contact_id),
    ).fetchone()
    return RelationView(*row) if row is not None else None


def invitees(inviter_id: int, limit: int = 50) -> list[RelationView]:
    """The latest invitees of a person."""
    rows = execute(
        f"SELECT {_RELATION} FROM interaction_games_relation WHERE inviter_id = ? ORDER BY id DESC LIMIT ?",
        (inviter_id, limit),
    ).fetchall()
    return [RelationView(*row) for row in rows]


def waiting(campaign_id: int) -> list[RelationView]:
    """Invitees who do not count yet."""
    rows = execute(
        f"SELECT {_RELATION} FROM interaction_games_relation WHERE campaign_id = ? AND state = 'locked' ORDER BY id",
        (campaign_id,),
    ).fetchall()
    return [RelationView(*row) for row in rows]


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


def void(relation_id: int, reason: str) -> None:
    """A relation that never counts."""
    execute(
        "UPDATE interaction_games_relation SET state = 'void', reason = ? WHERE id = ? AND state = 'locked'",
        (reason, relation_id),
    )


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


def evidence(gate: str, contact_id: int) -> Step | None:
    """What proves that a person has passed a gate, from the brand's own records; None when nothing does."""
    row = execute(_PROOFS[gate], (contact_id,)).fetchone()
    return Step(row[0], " ".join(part for part in row[1:] if part)) if row is not None else None


_PROOFS = {
    "joined": "SELECT lead_at, 'lead' FROM contact WHERE id = ? AND lead_at IS NOT NULL",
    "member": "SELECT joined_at, 'member', identity FROM membership WHERE contact_id = ? AND left_at IS NULL",
    "first_order": "SELECT paid_at, 'order', source, number FROM orders WHERE contact_id = ? AND valid = 1 "
    "ORDER BY paid_at, id LIMIT 1",
}


def of_order(campaign_id: int, source: str, number: str) -> RelationView | None:
    """The relation that an order was the proof of."""
    row = execute(
        "SELECT s.relation_id FROM interaction_games_relation_step s JOIN interaction_games_relation r "
        "ON r.id = s.relation_id WHERE r.campaign_id = ? AND s.gate = 'first_order' AND s.evidence = ?",
        (campaign_id, f"order {source} {number}"),
    ).fetchone()
    return relation(row[0]) if row is not None else None


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
