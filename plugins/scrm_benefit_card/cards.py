"""Cards that people have: given once, seen by their owner alone, taken back to the pool or told as lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    SAME_PEOPLE,
    Conflict,
    Invalid,
    NotFound,
    execute,
    fetch_in,
    insert_rows,
    new_uid,
    page_size,
    standing,
    transactional,
)

from .models import BenefitCardIssue, BenefitCardOwner
from .pools import MOST_PAGE, NEVER, Pools, needed
from .sealing import Secret

if TYPE_CHECKING:
    from scrm_core.api import Brand

STATES = ("given", "revealed", "returned", "lost")
_VIEW = (
    "SELECT i.id, i.uid, k.code, k.title, c.uid, i.state, c.face_minor, c.cost_minor, c.expires_day, o.contact_id, "
    "g.code, i.grant_key, i.given_at, i.revealed_at, i.ended_at, i.reason FROM benefit_card_issue i "
    "JOIN benefit_card_card c ON c.id = i.card_id JOIN benefit_card_pool k ON k.id = c.pool_id "
    "LEFT JOIN benefit_card_owner o ON o.issue_id = i.id LEFT JOIN benefit_card_gift g ON g.id = o.gift_id "
)


@dataclass(frozen=True, slots=True)
class IssueView:
    """A card that was given. ``contact_id`` is None once its person was erased; ``expires_day`` None: it never does."""

    id: int
    uid: str
    pool: str
    title: str
    card: str
    state: str
    face_minor: int
    cost_minor: int
    expires_day: int | None
    contact_id: int | None
    gift: str | None
    grant_key: str
    given_at: int
    revealed_at: int | None
    ended_at: int | None
    reason: str


class Cards:
    """One brand's given cards; :meth:`give` and :meth:`take_back` belong into an open transaction."""

    def __init__(self, brand: Brand, pools: Pools) -> None:
        self.brand = brand
        self.pools = pools

    def give(self, pool_code: str, contact_id: int, grant_key: str) -> IssueView:
        """Give the person the card of the pool that expires first and is good long enough.

        Raises NotFound for an unknown pool, Conflict with code ``closed`` or ``sold_out``.
        """
        pool, now = self.pools.get(pool_code), self.brand.now()
        if pool.state != "open":
            raise Conflict(f"pool {pool_code!r} is closed", code="closed")
        card_id = self._take(pool.id)
        if card_id is None:
            raise Conflict(f"no card of pool {pool_code!r} is left", code="sold_out")
        uid = new_uid(now)
        insert_rows(
            BenefitCardIssue,
            ("uid", "card_id", "grant_key", "state", "given_at", "day", "reason"),
            [(uid, card_id, grant_key, "given", now, self.brand.day(now), "")],
        )
        issue = self.get(uid)
        insert_rows(BenefitCardOwner, ("issue_id", "contact_id"), [(issue.id, contact_id)])
        return self.get(uid)

    def _take(self, pool_id: int) -> int | None:
        """Take the card that expires first out of the stock; its id, or None where none is left.

        On PostgreSQL cards that others are about to take are skipped, so that nobody waits for anybody. Where no
        other is left they are waited for: whoever holds one may roll back, or only seal it under another key.
        """
        for tail in ("",) if self.brand.handle.engine == "sqlite" else (" FOR UPDATE SKIP LOCKED", " FOR UPDATE"):
            row = execute(
                "UPDATE benefit_card_card SET state = 'given' WHERE state = 'stock' AND id = (SELECT id FROM "
                "benefit_card_card WHERE pool_id = ? AND state = 'stock' AND expires_day >= ? "
                f"ORDER BY expires_day, id LIMIT 1{tail}) RETURNING id",
                (pool_id, self.pools.givable_day()),
            ).fetchone()
            if row is not None:
                return int(row[0])
        return None

    @transactional
    def reveal(self, uid: str, contact_id: int) -> IssueView:
        """The owner looks at the card for the first time, which is recorded; later looks change nothing.

        Raises NotFound for whoever is not its owner, Conflict (``expired``, ``taken_back``) for one that is over.
        """
        issue = self.owned(uid, contact_id)
        if issue.state == "given":
            if self.expired(issue):
                raise Conflict("the card has expired", code="expired")
            now = self.brand.now()
            changed = execute(
                "UPDATE benefit_card_issue SET state = 'revealed', revealed_at = ?, revealed_day = ? "
                "WHERE id = ? AND state = 'given'",
                (now, self.brand.day(now), issue.id),
            ).rowcount
            if changed:
                self._follow(issue.id, "revealed")
            issue = self.owned(uid, contact_id)
        if issue.state != "revealed":
            raise Conflict("the card was taken back", code="taken_back")
        return issue

    def secret(self, issue: IssueView) -> Secret | None:
        """Code and PIN of a card that its owner has revealed; None before, and once it was taken back."""
        if issue.state != "revealed":
            return None
        row = execute("SELECT sealed, seal FROM benefit_card_card WHERE uid = ?", (issue.card,)).fetchone()
        return self.pools.seals.open(*row)

    def expired(self, issue: IssueView) -> bool:
        """Whether the last day of a card is over."""
        return issue.expires_day is not None and issue.expires_day < self.brand.day(self.brand.now())

    # Taking back ----------------------------------------------------------------

    def take_back(self, grant_key: str, reason: str) -> None:
        """Return an unseen card to its pool; a seen one is lost, with its cost, and shown no more."""
        now = self.brand.now()
        for seen, state in (("given", "returned"), ("revealed", "lost")):
            row = execute(
                "UPDATE benefit_card_issue SET state = ?, ended_at = ?, ended_day = ?, reason = ? "
                "WHERE grant_key = ? AND state = ? RETURNING id",
                (state, now, self.brand.day(now), reason[:500], grant_key, seen),
            ).fetchone()
            if row is not None:
                self._follow(row[0], "stock" if state == "returned" else "lost")
                return

    def revoke(self, uid: str, *, reason: str, actor: str) -> IssueView:
        """Take the reward behind a card back; again, it changes nothing. Raises NotFound."""
        issue = self.get(uid)
        reason, actor = needed(reason, "reason", 500), needed(actor, "actor", 200)
        self.brand.rewards.reverse(issue.grant_key, reason=reason, actor=actor)
        return self.get(uid)

    def drop(self, contact_ids: Sequence[int]) -> None:
        """Return the unseen cards of people who are being erased; what they have seen stays spent."""
        for (key,) in fetch_in(
            "SELECT i.grant_key FROM benefit_card_issue i JOIN benefit_card_owner o ON o.issue_id = i.id "
            "WHERE i.state = 'given' AND o.contact_id IN ({in})",
            list(contact_ids),
        ):
            self.take_back(key, "erased")

    @transactional
    def drop_ownerless(self) -> int:
        """Return unseen cards whose people were erased while the plugin was off; returns how many."""
        rows = execute(
            "SELECT i.grant_key FROM benefit_card_issue i LEFT JOIN benefit_card_owner o ON o.issue_id = i.id "
            "WHERE i.state = 'given' AND o.id IS NULL ORDER BY i.id LIMIT ?",
            (1_000,),
        ).fetchall()
        for (key,) in rows:
            self.take_back(key, "erased")
        return len(rows)

    def _follow(self, issue_id: int, state: str) -> None:
        """The card's row follows its issue's, which this transaction has changed and holds."""
        execute(
            "UPDATE benefit_card_card SET state = ? WHERE id = (SELECT card_id FROM benefit_card_issue WHERE id = ?)",
            (state, issue_id),
        )

    # Reading --------------------------------------------------------------------

    def get(self, uid: str) -> IssueView:
        """The given card with this uid; raises NotFound."""
        row = execute(_VIEW + "WHERE i.uid = ?", (uid,)).fetchone()
        if row is None:
            raise NotFound("no such benefit card")
        return _view(row)

    def owned(self, uid: str, contact_id: int) -> IssueView:
        """A card of this person; somebody else's answers like none. Raises NotFound."""
        issue = self.get(uid)
        if issue.contact_id is None or standing(issue.contact_id) != standing(contact_id):
            raise NotFound("no such benefit card")
        return issue

    def of_person(self, contact_id: int, *, limit: int = 200) -> list[IssueView]:
        """What a person has, newest first; what was taken back is left out."""
        rows = execute(
            f"{SAME_PEOPLE}{_VIEW}WHERE i.id IN (SELECT issue_id FROM benefit_card_owner WHERE contact_id IN "
            "(SELECT id FROM same)) AND i.state IN ('given', 'revealed') ORDER BY i.id DESC LIMIT ?",
            (standing(contact_id), limit),
        ).fetchall()
        return [_view(row) for row in rows]

    def of_gift(self, gift_id: int, contact_id: int) -> IssueView | None:
        """The card that a person has of a gift, else one that was taken back; None when they have had none."""
        row = execute(
            f"{SAME_PEOPLE}{_VIEW}WHERE i.id IN (SELECT issue_id FROM benefit_card_owner WHERE gift_id = ? AND "
            "contact_id IN (SELECT id FROM same)) "
            "ORDER BY CASE WHEN i.state IN ('given', 'revealed') THEN 0 ELSE 1 END, i.id LIMIT 1",
            (standing(contact_id), gift_id),
        ).fetchone()
        return None if row is None else _view(row)

    def page(
        self, *, pool: str | None = None, state: str | None = None, contact_id: int | None = None, after: int = 0,
        limit: int = 50,
    ) -> list[IssueView]:  # fmt: skip
        """Given cards with ids above ``after``, oldest first; of a pool, a state or a person when asked."""
        if state is not None and state not in STATES:
            raise Invalid(f"state is one of {', '.join(STATES)}", field="state")
        where: list[str] = ["i.id > ?"]
        params: list[Any] = [after]
        for column, value in (("k.code", pool), ("i.state", state)):
            if value is not None:
                where.append(f"{column} = ?")
                params.append(value)
        before = ""
        if contact_id is not None:  # with what a merge could not move
            before, params = SAME_PEOPLE, [standing(contact_id), *params]
            where.append("o.contact_id IN (SELECT id FROM same)")
        sql = f"{before}{_VIEW}WHERE {' AND '.join(where)} ORDER BY i.id LIMIT ?"
        rows = execute(sql, [*params, page_size(limit, MOST_PAGE)])
        return [_view(row) for row in rows.fetchall()]


def _view(row: tuple[Any, ...]) -> IssueView:
    values = list(row)
    values[8] = None if row[8] == NEVER else row[8]
    return IssueView(*values)
