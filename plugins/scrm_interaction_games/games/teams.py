"""Rows of teams and their seats; every change is one conditional statement whose rows are counted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from scrm_core.api import SAME_PEOPLE, NotFound, execute

from .seats import TeamNow

_TEAM = "id, uid, campaign_id, size, taken, virtual_seats, state, opened_at, expires_at, full_at, settled_at"
_SEAT = "id, uid, team_id, contact_id, leader, price_minor, state, reason, until, paid_at"
_MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team; instants in milliseconds, ``taken`` paid seats, ``virtual_seats`` filled by the published rule."""

    id: int
    uid: str
    campaign_id: int
    size: int
    taken: int
    virtual_seats: int
    state: str
    opened_at: int
    expires_at: int
    full_at: int | None
    settled_at: int | None

    @property
    def now(self) -> TeamNow:
        """What decisions on payments need to know of it."""
        return TeamNow(self.state, self.size, self.taken, self.expires_at)


@dataclass(frozen=True, slots=True)
class SeatView:
    """Somebody's seat; ``team_id`` is None while it waits to open a team of its own."""

    id: int
    uid: str
    team_id: int | None
    contact_id: int
    leader: int
    price_minor: int
    state: str
    reason: str
    until: int
    paid_at: int | None


# Teams -------------------------------------------------------------------------


def open_team(campaign_id: int, size: int, now: int, expires_at: int, *, rewarded: bool) -> int:
    """A new team whose first seat is paid; returns its id."""
    (team_id,) = execute(
        "INSERT INTO interaction_games_team (uid, campaign_id, size, taken, virtual_seats, state, opened_at, "
        "expires_at, leader_reward) VALUES (?, ?, ?, 1, 0, 'open', ?, ?, ?) RETURNING id",
        (secrets.token_hex(8), campaign_id, size, now, expires_at, "waiting" if rewarded else "none"),
    ).fetchone()
    return int(team_id)


def take_seat(team_id: int, at: int) -> bool:
    """Take one seat of an open team that has room and time; the last one makes it full. False when it has none."""
    return bool(
        execute(
            "UPDATE interaction_games_team SET taken = taken + 1, "
            "state = CASE WHEN taken + 1 = size THEN 'full' ELSE 'open' END, "
            "full_at = CASE WHEN taken + 1 = size THEN CAST(? AS BIGINT) END "
            "WHERE id = ? AND state = 'open' AND taken < size AND expires_at > ?",
            (at, team_id, at),
        ).rowcount
        == 1
    )


def complete(team_id: int, now: int) -> int:
    """Fill the empty seats of an open team with virtual members."""
    done = execute(
        "UPDATE interaction_games_team SET virtual_seats = size - taken, state = 'full', full_at = ? "
        "WHERE id = ? AND state = 'open'",
        (now, team_id),
    ).rowcount
    return int(done)


def fail(team_id: int) -> bool:
    """End an open team without success; False when something else happened to it first."""
    return bool(
        execute(
            "UPDATE interaction_games_team SET state = 'failed' WHERE id = ? AND state = 'open'", (team_id,)
        ).rowcount
        == 1
    )


def settle(team_id: int, now: int) -> bool:
    """A full team is settled, once."""
    return bool(
        execute(
            "UPDATE interaction_games_team SET state = 'settled', settled_at = ? WHERE id = ? AND state = 'full'",
            (now, team_id),
        ).rowcount
        == 1
    )


def leader_reward(team_id: int, state: str) -> int:
    """Note what became of the leader's reward; 0 when that was known."""
    done = execute(
        "UPDATE interaction_games_team SET leader_reward = ? WHERE id = ? AND leader_reward = 'waiting'",
        (state, team_id),
    ).rowcount
    return int(done)


def by_id(team_id: int) -> TeamView:
    """The team with this id."""
    row = execute(f"SELECT {_TEAM} FROM interaction_games_team WHERE id = ?", (team_id,)).fetchone()
    return TeamView(*row)


def find(campaign_id: int, uid: str) -> TeamView | None:
    """The team of a campaign with this uid, or None."""
    row = execute(
        f"SELECT {_TEAM} FROM interaction_games_team WHERE campaign_id = ? AND uid = ?", (campaign_id, uid[:64])
    ).fetchone()
    return TeamView(*row) if row is not None else None


def known(campaign_id: int, uid: str) -> TeamView:
    """The team of a campaign with this uid; raises NotFound."""
    found = find(campaign_id, uid)
    if found is None:
        raise NotFound("this team does not exist; ask your friend for the code again")
    return found


def ending(campaign_id: int, now: int) -> list[TeamView]:
    """Open teams whose time is over."""
    return _teams("state = 'open' AND expires_at <= ?", (campaign_id, now))


def in_state(campaign_id: int, state: str) -> list[TeamView]:
    """Teams in one state."""
    return _teams("state = ?", (campaign_id, state))


def rewarding(campaign_id: int, settled_before: int) -> list[TeamView]:
    """Settled teams whose leader waits for the reward and whose refund window is over."""
    return _teams(
        "state = 'settled' AND leader_reward = 'waiting' AND settled_at <= ?", (campaign_id, settled_before)
    )


def joinable(campaign_id: int, now: int, contact_id: int | None) -> list[TeamView]:
    """Open teams that miss least, for somebody who came without a team's code; not those they are in."""
    rows = execute(
        f"SELECT {_TEAM} FROM interaction_games_team t WHERE campaign_id = ? AND state = 'open' AND expires_at > ? "
        "AND NOT EXISTS (SELECT 1 FROM interaction_games_seat s WHERE s.team_id = t.id AND s.contact_id = ? "
        "AND s.state = 'paid') ORDER BY size - taken, expires_at, id LIMIT ?",
        (campaign_id, now, contact_id or 0, _MOST_SHOWN),
    ).fetchall()
    return [TeamView(*row) for row in rows]


def of_person(campaign_id: int, contact_id: int) -> list[TeamView]:
    """The teams that a person has a paid seat in, the latest first."""
    rows = execute(
        f"SELECT {_TEAM} FROM interaction_games_team t WHERE campaign_id = ? AND EXISTS (SELECT 1 "
        "FROM interaction_games_seat s WHERE s.team_id = t.id AND s.contact_id = ? AND s.state IN ('paid', 'refund')) "
        "ORDER BY id DESC LIMIT ?",
        (campaign_id, contact_id, _MOST_SHOWN),
    ).fetchall()
    return [TeamView(*row) for row in rows]


def members(team_id: int) -> list[tuple[int, bool]]:
    """(contact, whether it leads) of the paid seats, in the order of payment."""
    rows = execute(
        "SELECT contact_id, leader FROM interaction_games_seat WHERE team_id = ? AND state IN ('paid', 'refund') "
        "ORDER BY leader DESC, paid_at, id",
        (team_id,),
    ).fetchall()
    return [(contact_id, bool(leader)) for contact_id, leader in rows]


def people(team_id: int) -> dict[str, int]:
    """Contact by seat, for the paid seats of a team."""
    rows = execute(
        "SELECT uid, contact_id FROM interaction_games_seat WHERE team_id = ? AND state = 'paid' ORDER BY id",
        (team_id,),
    ).fetchall()
    return dict(rows)


def leader(team_id: int) -> int | None:
    """The contact that leads a team, or None when the order was paid back or the person erased."""
    row = execute(
        "SELECT s.contact_id FROM interaction_games_seat s JOIN interaction_games_payment p ON p.thing_uid = s.uid "
        "WHERE s.team_id = ? AND s.leader = 1 AND s.state = 'paid' AND p.state = 'paid'",
        (team_id,),
    ).fetchone()
    return int(row[0]) if row is not None else None


def _teams(where: str, params: tuple[object, ...]) -> list[TeamView]:
    rows = execute(
        f"SELECT {_TEAM} FROM interaction_games_team WHERE campaign_id = ? AND {where} ORDER BY id", params
    ).fetchall()
    return [TeamView(*row) for row in rows]


# Seats -------------------------------------------------------------------------


def add_pending(
    campaign_id: int, team: TeamView | None, contact_id: int, price_minor: int, now: int, until: int
) -> SeatView | None:
    """A seat that waits for its payment; None when the person has another one that waits."""
    uid = secrets.token_hex(8)
    made = execute(
        "INSERT INTO interaction_games_seat (uid, campaign_id, team_id, contact_id, leader, price_minor, state, "
        "reason, until, at) VALUES (?, ?, ?, ?, 0, ?, 'pending', '', ?, ?) ON CONFLICT DO NOTHING",
        (uid, campaign_id, team.id if team else None, contact_id, price_minor, until, now),
    )
    return seat(campaign_id, uid) if made.rowcount == 1 else None


def expire_pending(
    campaign_id: int, *, reason: str, contact_id: int | None = None, before: int | None = None
) -> list[str]:
    """Expire seats that wait for money: of one person, or all whose time is over. Returns their uids."""
    where, params = "contact_id = ?", contact_id
    if contact_id is None:
        where, params = "until <= ?", before
    rows = execute(
        "UPDATE interaction_games_seat SET state = 'expired', reason = ? WHERE campaign_id = ? AND state = 'pending' "
        f"AND {where} RETURNING uid",
        (reason, campaign_id, params),
    ).fetchall()
    return [row[0] for row in rows]


def claim_payment(seat_id: int, at: int) -> bool:
    """Note when a seat was paid, once; False when another order was faster. Locks the seat."""
    return bool(
        execute(
            "UPDATE interaction_games_seat SET paid_at = ? WHERE id = ? AND paid_at IS NULL", (at, seat_id)
        ).rowcount
        == 1
    )


def seat_paid(seat_id: int, team_id: int, *, leader: bool, reason: str) -> None:
    """A seat belongs to its payer; ``reason`` says why it is not in the team that was asked for."""
    execute(
        "UPDATE interaction_games_seat SET state = 'paid', team_id = ?, leader = ?, reason = ? WHERE id = ?",
        (team_id, int(leader), reason, seat_id),
    )


def free_seat(uid: str) -> int:
    """Take a paid-back seat out of a team that is still open; 1 when it was, 0 when the team went on without."""
    row = execute(
        "SELECT s.id, s.team_id FROM interaction_games_seat s WHERE s.uid = ? AND s.state = 'paid'", (uid,)
    ).fetchone()
    if row is None:
        return 0
    freed = execute(
        "UPDATE interaction_games_team SET taken = taken - 1 WHERE id = ? AND state = 'open' AND taken > 0", (row[1],)
    ).rowcount
    if freed:
        execute(
            "UPDATE interaction_games_seat SET state = 'refund', reason = 'refunded' WHERE id = ?", (row[0],)
        )
    return int(freed)


def seat(campaign_id: int, uid: str) -> SeatView:
    """The seat of a campaign with this uid; raises NotFound."""
    row = execute(
        f"SELECT {_SEAT} FROM interaction_games_seat WHERE campaign_id = ? AND uid = ?", (campaign_id, uid)
    ).fetchone()
    if row is None:
        raise NotFound(f"no seat {uid!r}")
    return SeatView(*row)


def pending(campaign_id: int, contact_id: int) -> SeatView | None:
    """The person's seat that waits for its payment."""
    row = execute(
        f"{SAME_PEOPLE}SELECT {_SEAT} FROM interaction_games_seat WHERE campaign_id = ? "
        "AND contact_id IN (SELECT id FROM same) AND state = 'pending' ORDER BY id DESC LIMIT 1",
        (contact_id, campaign_id),
    ).fetchone()
    return SeatView(*row) if row is not None else None


def awaiting(campaign_id: int, contact_id: int, paid_at: int) -> SeatView | None:
    """The unpaid seat that an order paid within the seat's time was meant for, also when it is heard of late."""
    row = execute(
        f"{SAME_PEOPLE}SELECT {_SEAT} FROM interaction_games_seat WHERE campaign_id = ? "
        "AND contact_id IN (SELECT id FROM same) AND at <= ? AND until > ? "
        "AND (state = 'pending' OR (state = 'expired' AND reason = 'unpaid')) AND paid_at IS NULL "
        "ORDER BY id DESC LIMIT 1",
        (contact_id, campaign_id, paid_at, paid_at),
    ).fetchone()
    return SeatView(*row) if row is not None else None


def is_member(team_id: int, contact_id: int) -> bool:
    """Whether a person has a paid seat of the team."""
    row = execute(
        "SELECT 1 FROM interaction_games_seat WHERE team_id = ? AND contact_id = ? AND state = 'paid'",
        (team_id, contact_id),
    ).fetchone()
    return row is not None


def is_new_customer(contact_id: int, *, but: tuple[str, str] = ("", "")) -> bool:
    """Whether a person has no valid order and no paid seat yet; ``but`` is the order that is being paid just now.

    A contact stands for all its identities (phone, unionid), which is what newness goes by.
    """
    row = execute(
        "SELECT 1 FROM orders WHERE contact_id = ? AND valid = 1 AND NOT (source = ? AND number = ?) "
        "UNION ALL SELECT 1 FROM interaction_games_seat WHERE contact_id = ? AND state = 'paid' LIMIT 1",
        (contact_id, *but, contact_id),
    ).fetchone()
    return row is None
