"""People who signed up (报名): their rows, and the lock of their campaign, which is always taken first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scrm_core.api import SAME_PEOPLE, execute, fetch_in

from .people import speakable, standing_all

_INVITER = (
    "SELECT id, campaign_id, contact_id, state, code, staff, applied_at, accepted_at, left_at FROM referral_inviter "
)


@dataclass(frozen=True, slots=True)
class Inviter:
    """Somebody who signed up; ``contact_id`` is the person that they are now, None once erased."""

    id: int
    campaign_id: int
    contact_id: int | None
    state: str
    code: str | None
    staff: str
    applied_at: int
    accepted_at: int | None
    left_at: int | None

    def stood(self, at: int) -> bool:
        """Whether their invitation held at an instant, however late one hears of what happened then."""
        if self.code is None or self.contact_id is None:
            return False
        return self.left_at is None or at < self.left_at


def hold(campaign_id: int) -> None:
    """Let nobody else sign up, be bound or be paid in a campaign until this transaction ends; always taken first."""
    execute("UPDATE referral_campaign SET applied = applied WHERE id = ?", (campaign_id,))


def of_person(campaign_id: int, contact_id: int) -> list[Inviter]:
    """A person's rows as an inviter, the oldest first: more than one when two who signed up became one person."""
    return selected(
        "WHERE campaign_id = ? AND contact_id IN (SELECT id FROM same) ORDER BY id",
        (contact_id, campaign_id),
        SAME_PEOPLE,
    )


def by_id(inviter_id: int) -> Inviter:
    """The inviter with this id."""
    return selected("WHERE id = ?", (inviter_id,))[0]


def by_ids(inviter_ids: Iterable[int]) -> dict[int, Inviter]:
    """The inviters with these ids."""
    rows = fetch_in(f"{_INVITER}WHERE id IN ({{in}})", sorted(set(inviter_ids)))
    return {each.id: each for each in _read(rows)}


def by_code(code: str) -> Inviter | None:
    """Whose personal code this is, or None."""
    found = selected("WHERE code = ?", (code,)) if speakable(code) else []
    return found[0] if found else None


def selected(condition: str, params: tuple[Any, ...], before: str = "") -> list[Inviter]:
    """Inviters by the end of a statement, which ``before`` begins."""
    return _read(execute(before + _INVITER + condition, params).fetchall())


def _read(rows: list[tuple[Any, ...]]) -> list[Inviter]:
    now = standing_all(row[2] for row in rows)
    return [Inviter(*row[:2], now[row[2]], *row[3:]) for row in rows]
