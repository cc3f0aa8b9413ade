"""Welfare campaigns (福利活动): gifts for a holiday, a season or a launch, until their cost reaches the cap.

The cap is held by one conditional UPDATE per gift, in the transaction that
grants it; the gift after which no other fits stops the campaign, and the
campaign says why. Goods must lose no money: a gift costs at most the margin of
the order that it rides on.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from scrm_core.api import (
    Conflict,
    Invalid,
    NotFound,
    ScrmError,
    clean_text,
    execute,
    new_uid,
    page_size,
    transactional,
)

from .hands import checked_actor
from .modes import took_part
from .terms import WelfareIn, check_goods, checked, whole

if TYPE_CHECKING:
    from scrm_core.api import Brand

AT_CAP = "the next gift would cost more than the cap 达到成本上限"
MOST_RUN = 10_000
PAGE = 200
MOST_ROWS = 200

_WELFARE = (
    "SELECT id, code, title, occasion, occasion_name, mode, kind, item, quantity, unit_cost_minor, basket_minor, "
    "cap_minor, spent_minor, granted, audience, claim, starts_at, ends_at, state, stop_reason, actor, created_at "
    "FROM interaction_games_welfare "
)


@dataclass(frozen=True, slots=True)
class WelfareView:
    """A welfare campaign as it stands."""

    id: int
    code: str
    title: str
    occasion: str
    occasion_name: str
    mode: str
    kind: str
    item: str
    quantity: int
    unit_cost_minor: int
    basket_minor: int
    cap_minor: int
    spent_minor: int
    granted: int
    audience: str
    claim: bool
    starts_at: int
    ends_at: int
    state: str
    stop_reason: str
    actor: str
    created_at: int


@dataclass(frozen=True, slots=True)
class Gift:
    """What somebody got: ``outcome`` granted or already."""

    outcome: str
    contact_id: int
    reward: str
    at: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run over the audience did; ``onward`` is where the next one goes on, None when nobody is left."""

    granted: int
    refused: tuple[tuple[int, str], ...]
    state: str
    stop_reason: str
    onward: int | None


class _Given(Exception):
    """Somebody else gave the person this gift a moment ago: what was taken from the cap goes back."""


class WelfareCampaigns:
    """The welfare campaigns of one brand; use it inside ``with brand:``."""

    def __init__(self, brand: Brand, settings: dict[str, Any]) -> None:
        self.brand = brand
        self.settings = settings

    # Life ---------------------------------------------------------------------

    @transactional
    def create(self, wanted: WelfareIn, *, actor: str) -> WelfareView:
        """Make a campaign, as a draft; the same one again answers the first.

        Raises Invalid naming the field, also for goods that would lose money
        (``gift_loses_money``), and Conflict when the code is another campaign's.
        """
        actor = checked_actor(actor)
        wanted = checked(self.brand, wanted)
        self._check(wanted.kind, wanted.item, wanted.quantity, wanted.unit_cost_minor, wanted.basket_minor)
        self.brand.rewards.check(wanted.kind, wanted.item)
        made = execute(
            "INSERT INTO interaction_games_welfare (code, title, occasion, occasion_name, mode, kind, item, quantity, "
            "unit_cost_minor, basket_minor, cap_minor, spent_minor, granted, audience, claim, starts_at, ends_at, "
            "state, stop_reason, actor, created_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, 'draft', '', ?, ?) "
            "ON CONFLICT (code) DO NOTHING",
            (
                wanted.code, wanted.title, wanted.occasion, wanted.occasion_name, wanted.mode, wanted.kind,
                wanted.item, wanted.quantity, wanted.unit_cost_minor, wanted.basket_minor, wanted.cap_minor,
                wanted.audience, int(wanted.claim), wanted.starts_at, wanted.ends_at, actor, self.brand.now(),
            ),
        ).rowcount  # fmt: skip
        found = self.get(wanted.code)
        if not made:
            stored = asdict(found)
            if found.state != "draft":
                stored["cap_minor"] = wanted.cap_minor  # a raised cap does not make it another campaign
            if any(stored[name] != value for name, value in asdict(wanted).items()):
                raise Conflict(f"welfare campaign {wanted.code!r} exists with other values", code="welfare_exists")
        else:
            self._note(found, "create", "", actor)
        return found

    @transactional
    def open(self, code: str, *, actor: str, reason: str = "") -> WelfareView:
        """Open a draft, or go on after a stop by hand; raises Conflict at the cap, and when the time is over."""
        actor, reason = checked_actor(actor), clean_text(reason, field="reason")
        found = self.get(code)
        self._check(found.kind, found.item, found.quantity, found.unit_cost_minor, found.basket_minor)
        self.brand.rewards.check(found.kind, found.item)
        if found.ends_at <= self.brand.now():
            raise Conflict(f"welfare campaign {code!r} is over; make a new one", code="welfare_over")
        if found.state == "open":
            return found
        changed = execute(
            "UPDATE interaction_games_welfare SET state = 'open', stop_reason = '' WHERE id = ? "
            "AND state IN ('draft', 'stopped') AND spent_minor + unit_cost_minor <= cap_minor",
            (found.id,),
        ).rowcount
        if not changed:
            raise Conflict(
                f"welfare campaign {code!r} is {found.state}: {found.stop_reason or 'it has ended'}; "
                "raise its cap or make a new one",
                code="welfare_closed",
            )
        self._note(found, "open", reason, actor)
        return self.get(code)

    @transactional
    def stop(self, code: str, *, actor: str, reason: str) -> WelfareView:
        """Stop an open campaign by hand, with a reason; one that is stopped or ended stays as it is."""
        actor, reason = checked_actor(actor), clean_text(reason, field="reason")
        if not reason:
            raise Invalid("say why the campaign stops", field="reason")
        found = self.get(code)
        changed = execute(
            "UPDATE interaction_games_welfare SET state = 'stopped', stop_reason = ? WHERE id = ? AND state = 'open'",
            (reason, found.id),
        ).rowcount
        if changed:
            self._note(found, "stop", reason, actor)
        return self.get(code)

    @transactional
    def raise_cap(self, code: str, cap_minor: int, *, actor: str, reason: str) -> WelfareView:
        """Raise the cap, with a reason; a campaign that stopped at it goes on.

        Raises Invalid for a cap that is not higher, Conflict for an ended campaign.
        """
        actor, reason = checked_actor(actor), clean_text(reason, field="reason")
        if not reason:
            raise Invalid("a higher cap needs a reason", field="reason")
        found = self.get(code)
        whole(cap_minor, "cap_minor", 1)
        if found.state == "ended":
            raise Conflict(f"welfare campaign {code!r} has ended", code="welfare_closed")
        changed = execute(
            "UPDATE interaction_games_welfare SET cap_minor = ?, "
            "stop_reason = CASE WHEN state = 'stopped' AND stop_reason = ? AND spent_minor + unit_cost_minor <= ? "
            "THEN '' ELSE stop_reason END, "
            "state = CASE WHEN state = 'stopped' AND stop_reason = ? AND spent_minor + unit_cost_minor <= ? "
            "THEN 'open' ELSE state END WHERE id = ? AND cap_minor < ?",
            (cap_minor, AT_CAP, cap_minor, AT_CAP, cap_minor, found.id, cap_minor),
        ).rowcount
        if not changed:
            raise Invalid(f"the cap is {found.cap_minor} and can only be raised", field="cap_minor")
        found = self.get(code)
        self._note(found, "cap", reason, actor)
        return found

    # Giving -------------------------------------------------------------------

    @transactional
    def claim(self, code: str, contact_id: int) -> Gift:
        """Give the gift to somebody who came for it; the same person again gets the first answer.

        Raises Conflict ``not_claimable``, ``not_in_audience``, ``welfare_closed``
        (not open: the message says why) or ``not_now``.
        """
        found = self.get(code)
        if not found.claim:
            raise Conflict(f"welfare campaign {code!r} is given out, not claimed", code="not_claimable")
        contact_id = self.brand.contacts.survivor(contact_id)
        known = self._gift_of(found.id, contact_id)
        if known is not None:
            return known
        if found.audience and not self._in_audience(found.audience, contact_id):
            raise Conflict("this gift is for others", code="not_in_audience")
        return self._give(found, contact_id)

    def run(self, code: str, *, after: int = 0, limit: int = 1_000) -> Run:
        """Give the gift to ``limit`` people of the audience at most, with ids above ``after``, who have none.

        Each in a transaction of its own; it stops exactly at the cap. A person whose gift the issuing plugin
        refuses is told of and passed by.
        """
        page_size(limit, MOST_RUN)
        found = self.get(code)
        if not found.audience:
            raise Conflict(f"welfare campaign {code!r} has no audience; people claim it", code="no_audience")
        granted, last, waiting = 0, after, True
        refused: list[tuple[int, str]] = []
        while waiting and granted + len(refused) < limit:
            people = self._waiting(found, last, min(PAGE, limit - granted - len(refused)))
            waiting = bool(people)
            for contact_id in people:
                last = contact_id
                try:
                    with self.brand.transaction():
                        gift = self._give(found, self.brand.contacts.survivor(contact_id))
                    granted += gift.outcome == "granted"
                except NotFound:
                    continue  # erased meanwhile
                except ScrmError as exc:
                    if exc.status >= 500:
                        raise
                    if exc.code in ("welfare_closed", "not_now"):
                        waiting = False
                        break
                    refused.append((contact_id, exc.message))
        now = self.get(code)
        left = now.state == "open" and bool(self._waiting(found, last, 1))
        return Run(granted, tuple(refused), now.state, now.stop_reason, last if left else None)

    def settle(self) -> int:
        """End campaigns whose time is over and give to all audiences; returns how many gifts were given."""
        now = self.brand.now()
        execute("UPDATE interaction_games_welfare SET state = 'ended' WHERE state = 'open' AND ends_at <= ?", (now,))
        codes = execute(
            "SELECT code FROM interaction_games_welfare WHERE state = 'open' AND claim = 0 AND audience <> '' "
            "AND starts_at <= ? ORDER BY id",
            (now,),
        ).fetchall()
        return sum(self._run_all(code) for (code,) in codes)

    def _run_all(self, code: str) -> int:
        granted, onward = 0, 0
        while True:
            done = self.run(code, after=onward)
            granted += done.granted
            if done.onward is None:
                return granted
            onward = done.onward

    def _give(self, welfare: WelfareView, contact_id: int) -> Gift:
        known = self._gift_of(welfare.id, contact_id)
        if known is None:
            try:
                with self.brand.transaction():
                    return self._give_first(welfare, contact_id)
            except _Given:
                known = self._gift_of(welfare.id, contact_id)
        if known is None:
            raise Conflict("the gift is being given; ask again", code="busy")
        return known

    def _give_first(self, welfare: WelfareView, contact_id: int) -> Gift:
        now = self.brand.now()
        # The campaign's row first: everybody takes the same rows in the same order.
        self._spend(welfare, now)
        serial = new_uid(now)
        made = execute(
            "INSERT INTO interaction_games_welfare_grant (welfare_id, contact_id, serial, reward, cost_minor, at, day) "
            "VALUES (?, ?, ?, '', ?, ?, ?) ON CONFLICT (welfare_id, contact_id) DO NOTHING",
            (welfare.id, contact_id, serial, welfare.unit_cost_minor, now, self.brand.day(now)),
        ).rowcount
        if not made:
            raise _Given
        reward = self.brand.rewards.grant(
            welfare.kind,
            contact_id,
            grant_key=f"welfare:{serial}",
            item=welfare.item,
            quantity=welfare.quantity,
            cost_minor=welfare.unit_cost_minor,
            reason=f"{welfare.title} ({welfare.occasion_name})",
            actor=f"welfare:{welfare.code}",
        )
        execute("UPDATE interaction_games_welfare_grant SET reward = ? WHERE serial = ?", (reward.uid, serial))
        took_part(self.brand, contact_id, welfare.mode, now)
        return Gift("granted", contact_id, reward.uid, now)

    def _spend(self, welfare: WelfareView, now: int) -> None:
        """Take one gift's cost from the cap; the last one that fits stops the campaign. Raises Conflict."""
        full = "spent_minor + 2 * unit_cost_minor > cap_minor"
        changed = execute(
            "UPDATE interaction_games_welfare SET spent_minor = spent_minor + unit_cost_minor, granted = granted + 1, "
            f"state = CASE WHEN {full} THEN 'stopped' ELSE state END, "
            f"stop_reason = CASE WHEN {full} THEN ? ELSE stop_reason END "
            "WHERE id = ? AND state = 'open' AND starts_at <= ? AND ends_at > ? "
            "AND spent_minor + unit_cost_minor <= cap_minor",
            (AT_CAP, welfare.id, now, now),
        ).rowcount
        if changed:
            return
        found = self.get(welfare.code)
        if found.state == "open":
            when = "has not begun" if now < found.starts_at else "is over"
            raise Conflict(f"welfare campaign {found.code!r} {when}", code="not_now")
        why = f": {found.stop_reason}" if found.stop_reason else ""
        raise Conflict(f"welfare campaign {found.code!r} is {found.state}{why}", code="welfare_closed")

    # Reading ------------------------------------------------------------------

    def get(self, code: str) -> WelfareView:
        """The campaign with this code; raises NotFound."""
        row = execute(_WELFARE + "WHERE code = ?", (code,)).fetchone()
        if row is None:
            raise NotFound(f"no welfare campaign {code!r}")
        return _view(row)

    def gift_of(self, code: str, contact_id: int) -> Gift | None:
        """What somebody got from a campaign, or None."""
        return self._gift_of(self.get(code).id, contact_id)

    def page(self, *, after: int = 0, limit: int = 50) -> list[WelfareView]:
        """Campaigns with ids above ``after``, oldest first, at most ``limit``."""
        page_size(limit, MOST_ROWS)
        return [_view(row) for row in execute(_WELFARE + "WHERE id > ? ORDER BY id LIMIT ?", (after, limit)).fetchall()]

    def changes(self, code: str) -> list[tuple[str, int, str, str, int]]:
        """(what, cap, reason, actor, instant) of everything people did to a campaign, oldest first."""
        rows = execute(
            "SELECT what, cap_minor, reason, actor, at FROM interaction_games_welfare_change WHERE welfare_id = ? "
            "ORDER BY id",
            (self.get(code).id,),
        ).fetchall()
        return [tuple(row) for row in rows]

    # Parts --------------------------------------------------------------------

    def _check(self, kind: str, item: str, quantity: int, unit_cost_minor: int, basket_minor: int) -> None:
        if kind in self.settings["gift_kinds"]:
            margin_bp = self.settings["gift_margin_bp"]
            check_goods(self.brand, item, quantity, unit_cost_minor, basket_minor, margin_bp)

    @staticmethod
    def _gift_of(welfare_id: int, contact_id: int) -> Gift | None:
        row = execute(
            "SELECT contact_id, reward, at FROM interaction_games_welfare_grant "
            "WHERE welfare_id = ? AND contact_id = ?",
            (welfare_id, contact_id),
        ).fetchone()
        return Gift("already", *row) if row is not None else None

    def _waiting(self, welfare: WelfareView, after: int, limit: int) -> list[int]:
        where = self.brand.segments.condition(welfare.audience)
        rows = execute(
            f"SELECT c.id FROM contact c WHERE c.id > ? AND c.state = 'active' AND ({where.text}) AND NOT EXISTS "
            "(SELECT 1 FROM interaction_games_welfare_grant g WHERE g.welfare_id = ? AND g.contact_id = c.id) "
            "ORDER BY c.id LIMIT ?",
            (after, *where.params, welfare.id, limit),
        ).fetchall()
        return [row[0] for row in rows]

    def _in_audience(self, expression: str, contact_id: int) -> bool:
        where = self.brand.segments.condition(expression)
        sql = f"SELECT 1 FROM contact c WHERE c.id = ? AND c.state = 'active' AND ({where.text})"
        return execute(sql, (contact_id, *where.params)).fetchone() is not None

    def _note(self, welfare: WelfareView, what: str, reason: str, actor: str) -> None:
        execute(
            "INSERT INTO interaction_games_welfare_change (welfare_id, what, cap_minor, reason, actor, at) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (welfare.id, what, welfare.cap_minor, reason, actor, self.brand.now()),
        )


def _view(row: tuple[Any, ...]) -> WelfareView:
    values = list(row)
    values[15] = bool(values[15])
    return WelfareView(*values)
