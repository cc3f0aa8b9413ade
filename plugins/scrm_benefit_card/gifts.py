"""A card as the gift of an SMS (短信礼): whoever was sent the plan's message claims one on a page, signed in.

The message carries a link, never a code: an SMS is forwarded, read on locked
screens and kept by gateways. Cards are spent on people who come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scrm_core.api import (
    SAME_PEOPLE,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    execute,
    insert_rows,
    page_size,
    standing,
    transactional,
)

from .cards import Cards, IssueView
from .models import BenefitCardGift
from .pools import MOST_PAGE, Pools, coded, needed

if TYPE_CHECKING:
    from scrm_core.api import Brand

KIND = "benefit-card"
_VIEW = (
    "SELECT g.id, g.code, k.code, g.title, g.owner, g.plan, g.until, g.state, g.actor, g.created_at "
    "FROM benefit_card_gift g JOIN benefit_card_pool k ON k.id = g.pool_id "
)
# A plan that is built again sends as PLAN/2 and so on; its interception test goes to the brand's own telephones.
_OF_PLAN = "r.owner = ? AND (r.code = ? OR substr(r.code, 1, ?) = ?) AND r.kind <> 'test' "
_REACHED = "('sent', 'delivered', 'unknown')"


@dataclass(frozen=True, slots=True)
class GiftView:
    """A gift; ``until`` is the last day on which it is claimed, as ``date.toordinal()``."""

    id: int
    code: str
    pool: str
    title: str
    owner: str
    plan: str
    until: int
    state: str
    actor: str
    created_at: int


@dataclass(frozen=True, slots=True)
class GiftFigures:
    """``waiting`` messages are not sent yet, ``reached`` may have been read; ``left`` cards are in the pool."""

    waiting: int
    reached: int
    claimed: int
    left: int

    @property
    def missing(self) -> int:
        """How many cards lack if everybody came."""
        return max(0, self.waiting + self.reached - self.claimed - self.left)


class Gifts:
    """One brand's gifts; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, pools: Pools, cards: Cards) -> None:
        self.brand = brand
        self.pools = pools
        self.cards = cards

    @transactional
    def create(
        self, code: str, *, pool: str, title: str, plan: str, until: date, owner: str = "sms", actor: str
    ) -> GiftView:
        """Give a card of the pool to everybody whom the plan's messages reach, once per person; once per code."""
        day = until.toordinal()
        if day < self.brand.day(self.brand.now()):
            raise Invalid("until: the last day is over", field="until")
        row = (
            coded(code, "code"), self.pools.get(pool).id, needed(title, "title", 200), coded(owner, "owner"),
            coded(plan, "plan"), day, "open", needed(actor, "actor", 200), self.brand.now(),
        )  # fmt: skip
        columns = ("code", "pool_id", "title", "owner", "plan", "until", "state", "actor", "created_at")
        insert_rows(BenefitCardGift, columns, [row], on_conflict="ON CONFLICT (code) DO NOTHING")
        gift = self.get(row[0])
        if (gift.pool, gift.title, gift.owner, gift.plan, gift.until) != (pool, row[2], row[3], row[4], day):
            raise Conflict(f"the code {gift.code!r} was used for another gift", code="code_used")
        return gift

    @transactional
    def close(self, code: str, *, actor: str) -> GiftView:
        """End a gift; who has a card keeps it."""
        needed(actor, "actor", 200)
        execute("UPDATE benefit_card_gift SET state = 'closed' WHERE id = ?", (self.get(code).id,))
        return self.get(code)

    @transactional
    def claim(self, code: str, contact_id: int) -> IssueView:
        """The person's card of the gift: the one they have already, or a new one.

        Raises NotFound, Conflict (``gift_over``, ``taken_back``), Forbidden for
        whom no message of the plan was sent to, and the Veto of an empty pool.
        """
        gift = self.get(code)
        had = self.cards.of_gift(gift.id, contact_id)
        if had is not None:
            if had.state not in ("given", "revealed"):
                raise Conflict("the card of this gift was taken back", code="taken_back")
            return had
        if not self.running(gift):
            raise Conflict("this gift is over", code="gift_over")
        if not self.reached(gift, contact_id):
            raise Forbidden("the gift is for the people whom the message was sent to", code="not_recipient")
        person = self.brand.contacts.get_by_id(contact_id)
        reward = self.brand.rewards.grant(
            KIND, person.id, grant_key=f"{KIND}:gift:{gift.code}:{person.uid}", item=gift.pool,
            cost_minor=self.pools.get(gift.pool).cost_minor, reason=f"gift {gift.code}", actor="customer",
        )  # fmt: skip
        issue = self.cards.get((reward.issued or {})["card"])
        # The constraint of the table: of one gift a person has one, whatever came between.
        execute("UPDATE benefit_card_owner SET gift_id = ? WHERE issue_id = ?", (gift.id, issue.id))
        return issue

    def running(self, gift: GiftView) -> bool:
        """Whether it can be claimed today."""
        return gift.state == "open" and gift.until >= self.brand.day(self.brand.now())

    def reached(self, gift: GiftView, contact_id: int) -> bool:
        """Whether a message of the plan went to this person, by their record or by a number of theirs."""
        row = execute(
            f"{SAME_PEOPLE}SELECT 1 FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE {_OF_PLAN}"
            f"AND m.state IN {_REACHED} AND (m.contact_id IN (SELECT id FROM same) OR m.address IN "
            "(SELECT i.value FROM identity i JOIN same s ON s.id = i.contact_id WHERE i.kind = 'phone')) LIMIT 1",
            (standing(contact_id), *_plan(gift)),
        ).fetchone()
        return row is not None

    def figures(self, gift: GiftView) -> GiftFigures:
        """How many the plan writes to, how many came, and whether the cards are enough."""
        waiting, reached = execute(
            "SELECT coalesce(sum(CASE WHEN m.state IN ('queued', 'sending') THEN 1 ELSE 0 END), 0), "
            f"coalesce(sum(CASE WHEN m.state IN {_REACHED} THEN 1 ELSE 0 END), 0) "
            f"FROM message m JOIN outreach_run r ON r.id = m.run_id WHERE {_OF_PLAN}",
            _plan(gift),
        ).fetchone()
        (claimed,) = execute("SELECT count(*) FROM benefit_card_owner WHERE gift_id = ?", (gift.id,)).fetchone()
        return GiftFigures(int(waiting), int(reached), int(claimed), self.pools.left(self.pools.get(gift.pool).id))

    def get(self, code: str) -> GiftView:
        """The gift with this code; raises NotFound."""
        row = execute(_VIEW + "WHERE g.code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no gift {code!r}")
        return GiftView(*row)

    def page(self, *, after: int = 0, limit: int = 50) -> list[GiftView]:
        """Gifts with ids above ``after``, oldest first, at most ``limit``."""
        rows = execute(_VIEW + "WHERE g.id > ? ORDER BY g.id LIMIT ?", (after, page_size(limit, MOST_PAGE))).fetchall()
        return [GiftView(*row) for row in rows]

    def open(self) -> list[GiftView]:
        """Gifts that can be claimed today."""
        rows = execute(
            _VIEW + "WHERE g.state = 'open' AND g.until >= ? ORDER BY g.id", (self.brand.day(self.brand.now()),)
        ).fetchall()
        return [GiftView(*row) for row in rows]


def _plan(gift: GiftView) -> tuple[str, str, int, str]:
    start = f"{gift.plan}/"
    return gift.owner, gift.plan, len(start), start
